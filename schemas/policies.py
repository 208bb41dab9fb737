"""Policies: an agency's rules on face recognition as data, from when to when they hold, and their tests."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, PlainSerializer

from schemas.agencies import ID_PATTERN, AgencyRegister, Identifier
from schemas.canary import POLICY as CANARY_POLICY
from schemas.yaml_file import (
    Document,
    Faults,
    Place,
    Source,
    build_model,
    canonical,
    read_documents,
    read_sources,
    sha256_of,
)

Severity = Literal["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
Certainty = Literal["CONFIRMED", "SUSPECTED"]
Subject = Literal["agency_id", "requesting_agency_id"]

EARLIEST_YEAR, LATEST_YEAR = 1900, 2299
"""The years in which a search can have run, as the stored type of time has them."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _moment(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, date):
        return value
    remedy = "write a date such as 2020-11-13, or a time with its offset such as 2020-11-13T09:00:00-08:00"
    moment: date | None = None
    with contextlib.suppress(ValueError):
        if isinstance(value, str):
            moment = (date if _DATE.fullmatch(value) else datetime).fromisoformat(value)
    if moment is None or (isinstance(moment, datetime) and moment.tzinfo is None):
        raise ValueError(f"{value!r} is no date; {remedy}")
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError(
            f"{value!r} is outside the years {EARLIEST_YEAR} to {LATEST_YEAR}; no search is there"
        )
    return moment.astimezone(UTC) if isinstance(moment, datetime) else moment


# InstanceOf, not a union of types: pydantic would read a datetime at midnight as a date.
Moment = Annotated[
    InstanceOf[date], BeforeValidator(_moment), PlainSerializer(lambda moment: moment.isoformat())
]


class Effective(BaseModel):
    """When a policy is in force: from `start` (key `from`) on, and before `until` where there is one.

    A date is its first moment in the time zone of the agency that is bound; a time with an offset is that
    moment everywhere.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: Moment = Field(alias="from")
    until: Moment | None = None

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime | None]:
        """Return the first moment in force and the first one no longer so, UTC, for an agency in `zone`."""
        return _instant(self.start, zone), None if self.until is None else _instant(self.until, zone)


class Rule(BaseModel):
    """What the policy forbids: an event breaks the rule where `when` is true and `unless` is not.

    Both are SQL over the columns of an enriched search; null counts as not true. `subject` is the column with
    the agency that the policy binds. No finding of the rule is more certain than `certainty`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Identifier
    title: str = Field(min_length=1)
    severity: Severity
    when: str = Field(min_length=1)
    unless: str | None = Field(default=None, min_length=1)
    subject: Subject = "agency_id"
    certainty: Certainty = "CONFIRMED"
    cites: str | tuple[str, ...] | None = None


class PolicyTest(BaseModel):
    """An example that must hold: `event` breaks exactly the rules that `expect` names.

    `event` has the fields of a search record (`at` stands for `occurred_at`, ISO 8601); what it leaves out
    has a lawful value. `certainty`, where given, is that of the event's strongest finding.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    event: Mapping[str, Any] = {}
    expect: tuple[Identifier, ...]
    certainty: Certainty | None = None


def _list(value: Any) -> Any:
    return [value] if value == _EVERY else value


_EVERY = "*"
_Bound = Annotated[str, Field(pattern=rf"^\*$|{ID_PATTERN}", max_length=64)]


class _PolicyFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    policy: Identifier
    title: str = Field(min_length=1)
    agencies: Annotated[tuple[_Bound, ...], BeforeValidator(_list)]
    effective: Effective
    rules: tuple[Rule, ...] = Field(min_length=1)
    tests: tuple[PolicyTest, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of one policy. `agencies` is None where it binds every agency, unknown ones included.

    `version` is the SHA-256 of the canonical form: of all but the tests.
    """

    id: str
    title: str
    agencies: tuple[str, ...] | None
    effective: Effective
    rules: tuple[Rule, ...]
    tests: tuple[PolicyTest, ...] = field(compare=False)
    canonical: str
    version: str
    document: Document = field(repr=False, compare=False)

    @property
    def place(self) -> Place:
        """Where its id is written."""
        return self.document.place("policy")

    def place_of(self, rule: Rule, key: str) -> Place:
        """Return where a rule's `key` is written."""
        return self.document.place("rules", self.rules.index(rule), key)


class PolicySet:
    """The policies that hold, each in one or more versions whose periods do not meet.

    `version` is the SHA-256 over the versions of all of them.
    """

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._policies = tuple(sorted(policies, key=lambda policy: (policy.id, policy.version)))
        self.version = sha256_of([(policy.id, policy.version) for policy in self._policies])

    def __iter__(self) -> Iterator[Policy]:
        return iter(self._policies)

    def __len__(self) -> int:
        return len(self._policies)


def load_policies(path: Path, agencies: AgencyRegister) -> PolicySet:
    """Return the policies in the YAML file or folder at `path`; a document is a policy.

    The rules' SQL is not looked at here: `streams.judge` compiles it.

    Raises:
        NotThere: there is no such file or folder.
        WrongUse: a policy has faults; the text has a line for each, with file, line, column and remedy.
    """
    return parse_policies(read_sources(path), agencies)


def parse_policies(sources: Iterable[Source], agencies: AgencyRegister) -> PolicySet:
    """Return the policies in the sources; see `load_policies`. JSON is read too, being YAML."""
    faults = Faults()
    policies = collect_policies(sources, agencies, faults)
    faults.raise_any()
    return policies


def collect_policies(sources: Iterable[Source], agencies: AgencyRegister, faults: Faults) -> PolicySet:
    """Return the policies that can be read at all, and note every fault; with a fault, use none of them."""
    found: list[Policy] = []
    for source in sources:
        for document in read_documents(source, faults):
            model = build_model(_PolicyFile, document, (), faults)
            if model is not None:
                _check(model, document, agencies, faults)
                found.append(_policy(model, document))
    _check_periods(found, agencies, faults)
    return PolicySet(found)


def _policy(model: _PolicyFile, document: Document) -> Policy:
    form = canonical(model.model_dump(mode="json", by_alias=True, exclude={"tests"}, exclude_none=True))
    bound = None if _EVERY in model.agencies else model.agencies
    return Policy(
        id=model.policy,
        title=model.title,
        agencies=bound,
        effective=model.effective,
        rules=model.rules,
        tests=model.tests,
        canonical=form,
        version=sha256_of(model.model_dump(mode="json", by_alias=True, exclude={"tests"}, exclude_none=True)),
        document=document,
    )


def _check(model: _PolicyFile, document: Document, agencies: AgencyRegister, faults: Faults) -> None:
    if model.policy == CANARY_POLICY:
        text = f"the id {CANARY_POLICY!r} is that of canaries; name it otherwise"
        faults.add(document.place("policy"), text)
    if not model.agencies:
        faults.add(document.place("agencies"), 'binds nobody; name an agency, or "*" for every one')
    for index, agency_id in enumerate(model.agencies):
        if agency_id not in agencies.by_id and agency_id != _EVERY:
            near = agencies.resolve(agency_id)
            remedy = f"its id is {near.id!r}" if near else "add it to the register or correct the id"
            faults.add(document.place("agencies", index), f"no agency has the id {agency_id!r}; {remedy}")
    start, until = model.effective.bounds(ZoneInfo(agencies.default_timezone))
    if until is not None and until <= start:
        faults.add(document.place("effective", "until"), "until is not after from, so the policy never holds")
    seen: set[str] = set()
    for index, rule in enumerate(model.rules):
        if rule.id in seen:
            faults.add(document.place("rules", index, "id"), f"rule {rule.id!r} stands twice; rename one")
        seen.add(rule.id)
    for index, test in enumerate(model.tests):
        for number, rule_id in enumerate(test.expect):
            if rule_id not in seen:
                place = document.place("tests", index, "expect", number)
                faults.add(place, f"the policy has no rule {rule_id!r}; it has {', '.join(sorted(seen))}")


def _check_periods(found: list[Policy], agencies: AgencyRegister, faults: Faults) -> None:
    zone = ZoneInfo(agencies.default_timezone)
    latest = datetime.max.replace(tzinfo=UTC)
    periods: dict[str, list[tuple[datetime, datetime, Policy]]] = {}
    for policy in found:
        start, until = policy.effective.bounds(zone)
        periods.setdefault(policy.id, []).append((start, until or latest, policy))
    for versions in periods.values():
        versions.sort(key=lambda version: version[:2])
        for (_, until, earlier), (start, _, later) in zip(versions, versions[1:], strict=False):
            if start < until:
                faults.add(
                    later.document.place("effective"),
                    f"policy {later.id!r} is in force here and at {earlier.place} at one time; "
                    "give the earlier one an until, not after the later one's from",
                )


def _instant(moment: date | datetime, zone: ZoneInfo) -> datetime:
    if isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time(), tzinfo=zone).astimezone(UTC)
