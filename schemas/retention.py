"""Retention: how long events of an agency and kind of evidence are kept. YAML, with its places."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.agencies import AgencyRegister, Identifier
from schemas.yaml_file import Document, Faults, Key, Source, build_model, read_documents, read_sources

Evidence = Literal["SEARCH", "ACCESS", "LOOKUP"]
TIERS: tuple[Evidence, ...] = ("SEARCH", "ACCESS", "LOOKUP")
_TERM = re.compile(r"(\d{1,4}) (day|month|year)s?")
# Within four years its years and months have every length that they can have beside each other.
_CYCLE = [date(2000, 1, 1) + timedelta(days=days) for days in range(1_461)]


class Term(NamedTuple):
    """A span of the calendar: so many months, or so many days; without both, for ever."""

    months: int = 0
    days: int = 0

    @property
    def forever(self) -> bool:
        """Whether it never ends."""
        return not (self.months or self.days)

    def before(self, today: date) -> date | None:
        """Return the first day that is still kept on a day; None where all are.

        Three years before 29 February is 28 February.
        """
        if self.forever:
            return None
        months = today.year * 12 + today.month - 1 - self.months
        if months < 1900 * 12:
            return None
        year, month = divmod(months, 12)
        last = calendar.monthrange(year, month + 1)[1]
        return date(year, month + 1, min(today.day, last)) - timedelta(days=self.days)

    def shorter(self, other: Term) -> bool:
        """Whether on some day it keeps less than another does."""
        if self.forever or other.forever:
            return other.forever and not self.forever
        days = ((self.before(today), other.before(today)) for today in _CYCLE)
        return any(other_day is None or (own or date.min) > other_day for own, other_day in days)

    def __str__(self) -> str:
        if self.forever:
            return "forever"
        count, unit = (self.days, "day") if self.days else (self.months, "month")
        if unit == "month" and not count % 12:
            count, unit = count // 12, "year"
        return f"{count} {unit}{'' if count == 1 else 's'}"


def _term(value: Any) -> Any:
    if value == "forever":
        return Term()
    match = _TERM.fullmatch(value) if isinstance(value, str) else None
    if match is None or not int(match[1]):
        raise ValueError(f"{value!r} is no term; write one such as 5 years, 18 months, 90 days or forever")
    count = int(match[1])
    if count > {"day": 73_000, "month": 2_400, "year": 200}[match[2]]:
        raise ValueError(f"{value!r} is more than 200 years; write forever")
    return Term(days=count) if match[2] == "day" else Term(months=count * (12 if match[2] == "year" else 1))


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Keep = Annotated[Term, BeforeValidator(_term)]


class Kept(BaseModel):
    """A term, and what it follows from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keep: Keep
    cites: str | None = None


class Rule(Kept):
    """The term of the agencies and kinds of evidence that it names; where it names none, of all."""

    agency: Annotated[tuple[Identifier, ...], BeforeValidator(_several)] = ()
    evidence: Annotated[tuple[Evidence, ...], BeforeValidator(_several)] = ()

    @property
    def weight(self) -> int:
        """How closely it names what it is about: the closest rule holds."""
        return 2 * bool(self.agency) + bool(self.evidence)

    def about(self, agency_id: str | None, evidence: str) -> bool:
        """Whether it speaks of an agency's events of a kind; None is an agency that no register has."""
        return (not self.agency or agency_id in self.agency) and (
            not self.evidence or evidence in self.evidence
        )


class Cutoff(NamedTuple):
    """What occurred before that moment (UTC) has been kept for long enough; None is never.

    `agency_id` None stands for the agencies that no register has.
    """

    agency_id: str | None
    evidence: Evidence
    before: datetime | None


@dataclass(frozen=True, slots=True)
class Retention:
    """The terms that hold."""

    default: Term
    rules: tuple[Rule, ...] = ()
    dead_letters: Term = Term()

    def term(self, agency_id: str | None, evidence: str) -> Term:
        """Return how long an agency's events of a kind are kept: agency and kind, agency, kind, default."""
        about = [rule for rule in self.rules if rule.about(agency_id, evidence)]
        return max(about, key=lambda rule: rule.weight).keep if about else self.default

    def cutoffs(self, now: datetime, agencies: AgencyRegister) -> list[Cutoff]:
        """Return the cutoffs of every agency of the register and of the others, at midnights of their own."""
        return [
            Cutoff(agency_id, evidence, _midnight(self.term(agency_id, evidence), now, agencies, agency_id))
            for agency_id in (*agencies.by_id, None)
            for evidence in TIERS
        ]

    def dead_before(self, now: datetime) -> datetime | None:
        """Return from when on dead letters are kept (UTC); None where all are."""
        day = self.dead_letters.before(now.astimezone(UTC).date())
        return None if day is None else datetime.combine(day, time(), tzinfo=UTC)


def _midnight(term: Term, now: datetime, agencies: AgencyRegister, agency_id: str | None) -> datetime | None:
    zone = agencies.timezone(agency_id)
    day = term.before(now.astimezone(zone).date())
    return None if day is None else datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def load_retention(path: Path, agencies: AgencyRegister) -> Retention:
    """Return the terms in the YAML file or folder at `path`.

    Raises:
        NotThere: there is no such file or folder.
        WrongUse: it has faults; the text has a line for each, with file, line, column and remedy.
    """
    faults = Faults()
    retention = collect_retention(read_sources(path), agencies, faults)
    faults.raise_any()
    return retention


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    minimum: Any = None
    default: Any = None
    rules: list[Any] = Field(default_factory=list)
    dead_letters: Keep = Term()


def collect_retention(sources: Iterable[Source], agencies: AgencyRegister, faults: Faults) -> Retention:
    """Return what can be read, and note every fault; with a fault, use none of it."""
    documents = [document for source in sources for document in read_documents(source, faults)]
    heads: dict[str, tuple[Document, Kept]] = {}
    rules: list[tuple[Document, int, Rule]] = []
    dead = Term()
    for document in documents:
        file = build_model(_File, document, (), faults)
        if not isinstance(document.data, dict):
            continue
        for key in {"minimum", "default"} & document.data.keys():
            if key in heads:
                faults.add(document.place_of_key(key), f"{key!r} stands twice; keep one")
            if (kept := build_model(Kept, document, (key,), faults)) is not None:
                heads[key] = document, kept
        listed = document.data.get("rules")
        for index in range(len(listed) if isinstance(listed, list) else 0):
            if (rule := build_model(Rule, document, ("rules", index), faults)) is not None:
                rules.append((document, index, rule))
        dead = file.dead_letters if file else dead
    if documents and not any("default" in (document.data or ()) for document in documents):
        faults.add(documents[0].place(), "'default' is missing; add it, such as default: {keep: forever}")
    _check(heads, rules, agencies, faults)
    default = heads["default"][1].keep if "default" in heads else Term()
    return Retention(default, tuple(rule for *_, rule in rules), dead)


def _check(
    heads: dict[str, tuple[Document, Kept]],
    rules: list[tuple[Document, int, Rule]],
    agencies: AgencyRegister,
    faults: Faults,
) -> None:
    minimum = heads["minimum"][1] if "minimum" in heads else None
    terms: list[tuple[Document, tuple[Key, ...], Kept]] = [
        (document, ("rules", index, "keep"), rule) for document, index, rule in rules
    ]
    if "default" in heads:
        terms.append((heads["default"][0], ("default", "keep"), heads["default"][1]))
    for document, path, kept in terms:
        if minimum is not None and kept.keep.shorter(minimum.keep):
            why = f" ({minimum.cites})" if minimum.cites else ""
            text = f"{kept.keep} is less than the minimum of {minimum.keep}{why}; write that or more"
            faults.add(document.place(*path), text)
    taken: dict[tuple[int, str | None, Evidence | None], int] = {}
    for document, index, rule in rules:
        for agency_id in rule.agency:
            if agency_id not in agencies.by_id:
                near = agencies.resolve(agency_id)
                remedy = f"its id is {near.id!r}" if near else "add it to the register or correct the id"
                place = document.place("rules", index, "agency", rule.agency.index(agency_id))
                faults.add(place, f"no agency has the id {agency_id!r}; {remedy}")
        for agency in rule.agency or (None,):
            for evidence in rule.evidence or (None,):
                if (rule.weight, agency, evidence) in taken:
                    what = f"{agency or 'all agencies'}, {evidence or 'all evidence'}"
                    faults.add(document.place("rules", index), f"a rule about {what} stands above; keep one")
                taken[rule.weight, agency, evidence] = index
