"""Judging: which searches break which rules of the policies that bind their agencies.

Pure: a rule applies where its policy was in force at the search's `occurred_at`; the clock plays no part.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from schemas.agencies import AgencyRegister
from schemas.errors import FrwatchError
from schemas.moments import micros_of
from schemas.policies import Policy, PolicySet, Rule
from schemas.yaml_file import Faults
from streams.columns import ENRICHED, POSITION
from streams.rule_sql import Condition, Refused, compile_condition

VIOLATIONS = UUID("5b8f0a5e-0c0c-5d4e-9d5b-6f2c8a1e7f43")
"""The namespace of violation ids: UUIDv5 of `event_id/policy_id/rule_id`, the event's with hyphens."""

MAX_EVIDENCE = 512
"""How many characters of a value are kept as a violation's evidence."""

# Persons, and what points at them, stay out of what is sent to people.
_WITHHELD = frozenset({"officer", "requester", "probe_hash", "client_ip", "event_id", "attributes"})
# What is said of a search that breaks no rule.
_UNBROKEN = (
    pl.Series("broken_rules", [[]], dtype=pl.List(pl.String)),
    pl.Series("certainty", [None], dtype=pl.String),
)
_SEVERAL = pl.Series([None, "SUSPECTED", "CONFIRMED"], dtype=pl.String)
# What a violation takes over from its search.
_TAKEN = (
    "event_id",
    "agency_id",
    "occurred_at",
    "officer",
    "provider_id",
    "requesting_agency_id",
    "case_number",
)
_MAP = pl.Map(pl.String, pl.String)
_UTC = pl.Datetime("us", "UTC")

Rows = npt.NDArray[np.int64]


class RuleFailed(FrwatchError):
    """A rule cannot be run over searches that came; nobody may take it for a search that breaks no rule."""


VIOLATION: dict[str, pl.DataType] = {
    "violation_id": pl.Binary(),
    "event_id": pl.Binary(),
    "occurred_at": _UTC,
    "detected_at": _UTC,
    "agency_id": pl.String(),
    "officer": pl.String(),
    "policy_id": pl.String(),
    "policy_version": pl.String(),
    "rule_id": pl.String(),
    "severity": pl.String(),
    "certainty": pl.String(),
    "provider_id": pl.String(),
    "requesting_agency_id": pl.String(),
    "case_number": pl.String(),
    "title": pl.String(),
    "evidence": _MAP,
}
"""violation.avsc; the ids are the UUIDs' 16 bytes. The search's Kafka position follows, where it has one."""
_NO_VIOLATIONS = pl.DataFrame(schema=VIOLATION)


@dataclass(frozen=True, slots=True)
class Judged:
    """The searches with `broken_rules` and `certainty`, and a row for each rule that each of them breaks."""

    searches: pl.DataFrame
    violations: pl.DataFrame


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule ready to run: `broken` is true or false for each search, `read` is what its evidence shows.

    `broken` is `binds` (the same for all rules of a policy with one subject) and `breaks` together.
    """

    policy: Policy
    rule: Rule
    broken: pl.Expr
    binds: pl.Expr
    breaks: pl.Expr
    read: tuple[str, ...]

    @property
    def label(self) -> str:
        """`policy_id/rule_id`, as in `broken_rules`."""
        return f"{self.policy.id}/{self.rule.id}"


def compile_policies(policies: PolicySet, agencies: AgencyRegister) -> tuple[CompiledRule, ...]:
    """Return the rules ready to run, by label.

    Raises:
        WrongUse: a rule's SQL was refused; the text has a line for each, with file, line, column and reason.
    """
    faults = Faults()
    compiled = collect_rules(policies, agencies, faults)
    faults.raise_any()
    return compiled


def collect_rules(policies: PolicySet, agencies: AgencyRegister, faults: Faults) -> tuple[CompiledRule, ...]:
    """Return the rules whose SQL can be run, by label, and note a fault for each other one."""
    compiled: list[CompiledRule] = []
    for policy in policies:
        for rule in policy.rules:
            when = _condition(policy, rule, "when", rule.when, faults)
            unless = _condition(policy, rule, "unless", rule.unless, faults)
            if when is not None:
                compiled.append(_compile(policy, rule, when, unless, agencies))
    return tuple(sorted(compiled, key=lambda each: (each.label, each.policy.version)))


class Judge:
    """Applies policies to enriched searches.

    Raises:
        WrongUse: when made, where a rule's SQL was refused; see `compile_policies`.
    """

    def __init__(self, policies: PolicySet, agencies: AgencyRegister) -> None:
        self._rules = compile_policies(policies, agencies)
        # Whom a policy binds is asked once, not once for each of its rules.
        bound = {(each.policy.version, each.rule.subject): each.binds for each in self._rules}
        names = {key: f"\0binds {number}" for number, key in enumerate(bound)}
        self._bound = [binds.alias(names[key]) for key, binds in bound.items()]
        self._flags = [confirmed().alias("confirmed")] + [
            (pl.col(names[each.policy.version, each.rule.subject]) & each.breaks).alias(str(number))
            for number, each in enumerate(self._rules)
        ]
        self._labels = pa.array([each.label for each in self._rules], pa.large_string())
        self._constants = pl.DataFrame(
            [_constants(each) for each in self._rules], schema=_CONSTANTS, orient="row"
        )
        read = {name for each in self._rules for name in (each.rule.subject, *each.read)}
        self._carried = sorted(read.union(_TAKEN))
        self._asked = np.array([each.rule.subject != "agency_id" for each in self._rules], dtype=bool)
        # Of each rule the columns that it read, end to end, and where each rule's begin.
        shown = sorted({name for each in self._rules for name in each.read})
        self._texts = [_text(name) for name in shown]
        self._shown = pa.array(shown, pa.large_string())
        self._reads = np.array(
            [shown.index(name) for each in self._rules for name in each.read], dtype=np.int64
        )
        self._first_read = np.cumsum([0, *(len(each.read) for each in self._rules)])
        self._capped = np.array([each.rule.certainty == "SUSPECTED" for each in self._rules], dtype=bool)

    def judge(self, frame: pl.DataFrame, detected_at: datetime) -> Judged:
        """Return the searches, in their order, with what they break, and the violations by rule and search.

        Raises:
            RuleFailed: a rule cannot be run over this batch; the text names it.
        """
        flags = self._run(frame)
        # By rule, and within a rule by row.
        rules, rows = np.nonzero(flags[:, 1:].T)
        if not len(rows):
            return Judged(
                frame.hstack([each.new_from_index(0, frame.height) for each in _UNBROKEN]), _none(frame)
            )
        sure = flags[rows, 0] & ~self._capped[rules]
        found = [self._broken(rows, rules, frame.height), _strongest(rows, sure, frame.height)]
        searches = frame.hstack(found)
        return Judged(searches, self._violations(frame, rows, rules, sure, detected_at))

    def _run(self, frame: pl.DataFrame) -> npt.NDArray[np.bool_]:
        try:
            # One expression after the other: handing them to threads, on cores that others use as well, cost
            # a quarter of the time end to end with 40 rules.
            return frame.hstack(frame.select_seq(self._bound)).select_seq(self._flags).to_numpy()
        except pl.exceptions.PolarsError:
            for each in self._rules:
                try:
                    frame.select(each.broken)
                except pl.exceptions.PolarsError as error:
                    place = each.policy.place_of(each.rule, "when")
                    reason = str(error).strip().splitlines()[0]
                    raise RuleFailed(
                        f"{place}: rule {each.label} fails: {reason}; mend or remove it"
                    ) from None
            raise

    def _broken(self, rows: Rows, rules: Rows, height: int) -> pl.Series:
        # The rules are sorted by label, so a stable sort by row leaves each row's labels sorted.
        order = np.argsort(rows, kind="stable")
        offsets = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=height))])
        labels = self._labels.take(pa.array(rules[order]))
        lists = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), labels)
        return cast("pl.Series", pl.from_arrow(lists)).alias("broken_rules")

    def _violations(
        self, frame: pl.DataFrame, rows: Rows, rules: Rows, sure: npt.NDArray[np.bool_], detected_at: datetime
    ) -> pl.DataFrame:
        position = _position(frame)
        hits = _rows(frame[[*self._carried, *position]], rows)
        constants = _rows(self._constants, rules)
        ids = _violation_ids(hits["event_id"], constants["policy_id"] + "/" + constants["rule_id"])
        return pl.DataFrame(
            [
                ids,
                hits["event_id"],
                hits["occurred_at"],
                pl.Series("detected_at", np.full(len(rows), micros_of(detected_at))).cast(_UTC),
                self._subjects(hits, rules),
                hits["officer"],
                *(constants[name] for name in ("policy_id", "policy_version", "rule_id", "severity")),
                _SEVERAL[sure.astype(np.int64) + 1].alias("certainty"),
                *(hits[name] for name in ("provider_id", "requesting_agency_id", "case_number")),
                constants["title"],
                self._evidence(hits, rules),
                *(hits[name] for name in position),
            ]
        )

    def _subjects(self, hits: pl.DataFrame, rules: Rows) -> pl.Series:
        """The agency that each violation is one of: the one that its rule binds."""
        chosen = hits["agency_id"]
        asked = self._asked[rules]
        if asked.any():
            chosen = hits["requesting_agency_id"].zip_with(pl.Series(asked), chosen)
        return chosen.alias("agency_id")

    def _evidence(self, hits: pl.DataFrame, rules: Rows) -> pl.Series:
        """What each violation's rule read, as a map; built once for all rules, however many there are."""
        height = hits.height
        first, last = self._first_read[rules], self._first_read[rules + 1]
        sizes = last - first
        rows = np.repeat(np.arange(height), sizes)
        # The place of each entry among those of all rules: from its own rule's first one on.
        entries = np.arange(len(rows)) + np.repeat(first - (np.cumsum(sizes) - sizes), sizes)
        columns = self._reads[entries]
        used, place = np.unique(columns, return_inverse=True)
        texts = hits.select_seq([self._texts[number] for number in used])
        values = pl.concat(list(texts), rechunk=True) if len(used) else pl.Series(dtype=pl.String)
        said = values[place * height + rows].to_arrow()
        there = said.is_valid().to_numpy(zero_copy_only=False)
        offsets = np.concatenate([[0], np.cumsum(np.bincount(rows[there], minlength=height))])
        names = self._shown.take(pa.array(columns[there]))
        maps = pa.MapArray.from_arrays(pa.array(offsets, pa.int32()), names, said.drop_null())
        return cast("pl.Series", pl.from_arrow(maps)).cast(_MAP).alias("evidence")


def _rows(frame: pl.DataFrame, rows: Rows) -> pl.DataFrame:
    """Return these rows of the frame; one alone, as most batches have with a finding, is a slice of it."""
    if len(rows) == 1:
        return frame.slice(int(rows[0]), 1)
    return frame.gather(pl.Series(rows, dtype=pl.get_index_type()))


def _position(frame: pl.DataFrame) -> list[str]:
    """Which columns of the search's Kafka position the frame has."""
    return [name for name in POSITION if name in frame.columns]


def _none(frame: pl.DataFrame) -> pl.DataFrame:
    """No violations of these searches."""
    return _NO_VIOLATIONS.hstack([frame[name].clear() for name in _position(frame)])


def confirmed() -> pl.Expr:
    """Whether the evidence of a search proves it: it ran, its service is known, and its host says enough."""
    proven = (
        (pl.col("evidence") == "SEARCH")
        & (pl.col("provider_class") != "unknown")
        & (pl.col("evidence_strength") == "full")
    )
    return proven.fill_null(value=False)


_CONSTANTS: dict[str, Any] = dict.fromkeys(
    ("policy_id", "policy_version", "rule_id", "severity", "title"), pl.String
)


def _constants(each: CompiledRule) -> tuple[str, ...]:
    return each.policy.id, each.policy.version, each.rule.id, each.rule.severity, each.rule.title


def _condition(policy: Policy, rule: Rule, key: str, sql: str | None, faults: Faults) -> Condition | None:
    if sql is None:
        return None
    try:
        return compile_condition(sql)
    except Refused as error:
        faults.add(policy.place_of(rule, key), f"rule {policy.id}/{rule.id}: {key} {error}")
        return None


def _compile(
    policy: Policy, rule: Rule, when: Condition, unless: Condition | None, agencies: AgencyRegister
) -> CompiledRule:
    # Whatever a rule says, it is about face recognition: a service that does none cannot break it, nor can an
    # attempt of which nothing came, or a page that anyone reads.
    about = (pl.col("provider_class") != "not_fr") & (pl.col("evidence_strength") != "none")
    binds = (_binds(policy, rule, agencies) & about).fill_null(value=False)
    breaks = when.expr
    columns = set(when.columns)
    if unless is not None:
        breaks &= ~unless.expr.fill_null(value=False)
        columns |= set(unless.columns)
    breaks = breaks.fill_null(value=False)
    return CompiledRule(policy, rule, binds & breaks, binds, breaks, tuple(sorted(columns - _WITHHELD)))


def _binds(policy: Policy, rule: Rule, agencies: AgencyRegister) -> pl.Expr:
    """Whether the policy bound the subject when the search ran: midnight is each agency's own."""
    subject = pl.col(rule.subject)
    by_zone: dict[str, list[str]] = {}
    for agency_id in policy.agencies if policy.agencies is not None else sorted(agencies.by_id):
        by_zone.setdefault(str(agencies.timezone(agency_id)), []).append(agency_id)
    if policy.agencies is not None:
        terms = [_among(subject, ids) & _during(policy, agencies, ids[0]) for ids in by_zone.values()]
    else:
        # Every agency, and those that nobody knows by the register's default zone.
        by_zone.pop(agencies.default_timezone, None)
        elsewhere = [agency_id for ids in by_zone.values() for agency_id in ids]
        terms = [_among(subject, ids) & _during(policy, agencies, ids[0]) for ids in by_zone.values()]
        others = ~_among(subject, elsewhere) if elsewhere else subject.is_not_null()
        terms.append(others & _during(policy, agencies, None))
    return pl.any_horizontal(terms) if len(terms) > 1 else terms[0]


def _among(subject: pl.Expr, ids: list[str]) -> pl.Expr:
    return subject == ids[0] if len(ids) == 1 else subject.is_in(ids)


def _during(policy: Policy, agencies: AgencyRegister, agency_id: str | None) -> pl.Expr:
    start, until = policy.effective.bounds(agencies.timezone(agency_id))
    moment = pl.col("occurred_at")
    in_force = moment >= pl.lit(start, dtype=_UTC)
    return in_force if until is None else in_force & (moment < pl.lit(until, dtype=_UTC))


def _text(name: str) -> pl.Expr:
    """A column as the text that people are shown."""
    column, dtype = pl.col(name), ENRICHED[name]
    if isinstance(dtype, pl.Datetime):
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    if isinstance(dtype, pl.List):
        return column.list.join(", ", ignore_nulls=True).str.slice(0, MAX_EVIDENCE)
    return column.cast(pl.String).str.slice(0, MAX_EVIDENCE)


def _strongest(rows: Rows, sure: npt.NDArray[np.bool_], height: int) -> pl.Series:
    level = np.zeros(height, dtype=np.int64)
    level[rows] = 1
    level[rows[sure]] = 2
    return _SEVERAL[level].alias("certainty")


def _violation_ids(event_ids: pl.Series, labels: pl.Series) -> pl.Series:
    ids = [
        violation_id(event, label) for event, label in zip(event_ids.to_list(), labels.to_list(), strict=True)
    ]
    return pl.Series("violation_id", ids, dtype=pl.Binary)


def violation_id(event_id: bytes, label: str) -> bytes:
    """Return the 16 bytes of the UUIDv5 of a finding; `label` is `policy_id/rule_id`."""
    text = event_id.hex()
    name = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}/{label}"
    digest = bytearray(hashlib.sha1(VIOLATIONS.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)
