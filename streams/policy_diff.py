"""What other policies would have found: two sets run over the same searches, and their findings compared.

Pure: a frame in, counts out; nothing is stored and nobody is alerted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.agencies import AgencyRegister
from schemas.policies import Policy, PolicySet
from streams.columns import ENRICHED
from streams.judge import CompiledRule, compile_policies, confirmed

Kind = Literal["appears", "vanishes", "changes"]
KINDS: tuple[Kind, ...] = ("appears", "vanishes", "changes")
SEVERITIES = ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")
EXAMPLES = 3
"""Searches that are named for each kind and rule."""
_SHOWN = ("event_id", "occurred_at", "agency_id", "provider_id", "case_number")

Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Example:
    """A search whose finding would be another; `before` and `after` are severity and certainty, or None."""

    kind: Kind
    rule: str
    event_id: str
    occurred_at: datetime
    agency_id: str
    provider_id: str | None
    case_number: str | None
    before: str | None
    after: str | None


@dataclass(slots=True)
class Totals:
    """Findings of one rule: of both sets, and how many are no longer, newly or otherwise found."""

    before: int = 0
    after: int = 0
    appears: int = 0
    vanishes: int = 0
    changes: int = 0


@dataclass(slots=True)
class Difference:
    """The result so far. `counts` are by kind, agency, rule and month (the first of it, UTC).

    A finding is one search and one rule (`policy_id/rule_id`); it changes where its severity or its
    certainty does. Policies that both sets have in the same version are left out: they find the same.
    """

    searches: int = 0
    counts: Counter[tuple[Kind, str, str, str]] = field(default_factory=Counter)
    rules: dict[str, Totals] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which searches can differ: `columns` to read, and whom and when the policies that differ bind.

    `agencies` are by the column that names the agency which is bound; None where one binds every agency.
    `since` is the first moment at which one of them is in force, a day's margin included; None where none
    differs.
    """

    columns: tuple[str, ...]
    agencies: dict[str, frozenset[str]] | None
    since: datetime | None


class Comparison:
    """Compares two sets over frames of searches as ClickHouse has them.

    Raises:
        WrongUse: when made, where a rule's SQL is refused.
    """

    def __init__(self, old: PolicySet, new: PolicySet, agencies: AgencyRegister) -> None:
        common = {policy.version for policy in old} & {policy.version for policy in new}
        self._old = compile_policies(_without(old, common), agencies)
        self._new = compile_policies(_without(new, common), agencies)
        self._labels = sorted({rule.label for rule in (*self._old, *self._new)})
        self._flags = [confirmed().alias("confirmed")] + [
            rule.broken.alias(str(number)) for number, rule in enumerate((*self._old, *self._new))
        ]
        self.result = Difference(rules={label: Totals() for label in self._labels})
        self.scope = self._scope(agencies)

    def add(self, frame: pl.DataFrame) -> None:
        """Judge the searches by both sets and count what differs."""
        self.result.searches += frame.height
        flags = frame.select(self._flags)
        sure = flags["confirmed"].to_numpy()
        hits = [flags[str(number)].to_numpy() for number in range(len(self._old) + len(self._new))]
        before = self._codes(self._old, hits[: len(self._old)], sure)
        after = self._codes(self._new, hits[len(self._old) :], sure)
        for label in self._labels:
            self._compare(frame, label, before.get(label), after.get(label))

    def _codes(
        self,
        rules: Sequence[CompiledRule],
        hits: Sequence[npt.NDArray[np.bool_]],
        sure: npt.NDArray[np.bool_],
    ) -> dict[str, tuple[Codes, CompiledRule]]:
        """By label: 0 where a search does not break the rule, else its severity and certainty as a number."""
        found: dict[str, tuple[Codes, CompiledRule]] = {}
        for rule, hit in zip(rules, hits, strict=True):
            if not hit.any():
                continue
            certain = sure & (rule.rule.certainty == "CONFIRMED")
            code = (1 + 2 * SEVERITIES.index(rule.rule.severity) + certain).astype(np.uint8) * hit
            # Versions of one policy are never in force at one moment, so no search has two.
            known = found.get(rule.label)
            found[rule.label] = (code if known is None else np.maximum(known[0], code), rule)
        return found

    def _compare(
        self,
        frame: pl.DataFrame,
        label: str,
        before: tuple[Codes, CompiledRule] | None,
        after: tuple[Codes, CompiledRule] | None,
    ) -> None:
        if before is None and after is None:
            return
        nothing = np.zeros(frame.height, np.uint8)
        old = nothing if before is None else before[0]
        new = nothing if after is None else after[0]
        totals = self.result.rules[label]
        totals.before += int(np.count_nonzero(old))
        totals.after += int(np.count_nonzero(new))
        differing = np.flatnonzero(old != new)
        if not len(differing):
            return
        old, new = old[differing], new[differing]
        chosen: dict[Kind, npt.NDArray[np.bool_]] = {
            "appears": old == 0,
            "vanishes": new == 0,
            "changes": (old != 0) & (new != 0),
        }
        for kind, flags in chosen.items():
            rows = differing[flags]
            found = before if kind == "vanishes" else after
            if len(rows) and found is not None:
                setattr(totals, kind, getattr(totals, kind) + len(rows))
                self._count(frame, kind, label, found[1].rule.subject, rows)
                self._show(frame, kind, label, rows, old[flags], new[flags])

    def _count(
        self, frame: pl.DataFrame, kind: Kind, label: str, subject: str, rows: npt.NDArray[np.int64]
    ) -> None:
        grouped = (
            frame.select(subject, pl.col("occurred_at").dt.strftime("%Y-%m").alias("month"))[rows]
            .group_by(subject, "month")
            .len()
        )
        for agency, month, count in grouped.iter_rows():
            self.result.counts[kind, agency, label, month] += count

    def _show(
        self, frame: pl.DataFrame, kind: Kind, label: str, rows: npt.NDArray[np.int64], old: Codes, new: Codes
    ) -> None:
        shown = sum(example.kind == kind and example.rule == label for example in self.result.examples)
        for row, before, after in zip(rows[: EXAMPLES - shown], old, new, strict=False):
            cells = frame.select(_SHOWN).row(int(row), named=True)
            self.result.examples.append(
                Example(
                    kind=kind,
                    rule=label,
                    event_id=str(UUID(bytes=cells["event_id"])),
                    occurred_at=cells["occurred_at"],
                    agency_id=cells["agency_id"],
                    provider_id=cells["provider_id"],
                    case_number=cells["case_number"],
                    before=_told(int(before)),
                    after=_told(int(after)),
                )
            )

    def _scope(self, agencies: AgencyRegister) -> Scope:
        rules = (*self._old, *self._new)
        columns = {name for flag in self._flags for name in flag.meta.root_names()}
        columns |= {rule.rule.subject for rule in rules}
        bound: dict[str, set[str]] = {}
        for rule in rules:
            bound.setdefault(rule.rule.subject, set()).update(rule.policy.agencies or ())
        everyone = any(rule.policy.agencies is None for rule in rules)
        starts = [_start(rule.policy, agencies) for rule in rules]
        return Scope(
            columns=tuple(sorted(columns.union(_SHOWN) & ENRICHED.keys())),
            agencies=None if everyone else {name: frozenset(ids) for name, ids in bound.items()},
            since=min(starts) if starts else None,
        )


def _without(policies: PolicySet, versions: Iterable[str]) -> PolicySet:
    return PolicySet(policy for policy in policies if policy.version not in versions)


def _start(policy: Policy, agencies: AgencyRegister) -> datetime:
    start, _ = policy.effective.bounds(ZoneInfo(agencies.default_timezone))
    earliest = datetime(1900, 1, 3, tzinfo=UTC)
    return max(start, earliest) - timedelta(days=1)


def _told(code: int) -> str | None:
    if not code:
        return None
    severity, certain = divmod(code - 1, 2)
    return f"{SEVERITIES[severity]} {'CONFIRMED' if certain else 'SUSPECTED'}"
