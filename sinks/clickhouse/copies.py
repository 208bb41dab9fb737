"""Copies of a search that differ: the first wins in every table, and the difference is kept.

A client may send an event again; identical copies have one sorting key, and FINAL leaves the first. What it
cannot see is looked for here, after each insert: copies with another agency or day, which have a sorting key
of their own, and findings that only a later copy gave. Rows that lose are superseded by a row with their key
and a higher precedence, so nothing but INSERT and SELECT is needed.

Two workers may meet such copies at one time. Which key counts is decided by an insert whose token is the
event: the first one is kept and the others are dropped, so all read the same decision and one row stays.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from clickhouse_connect.driver import AsyncClient

from schemas.contracts import contract
from sinks.clickhouse.moments import utc

SPAN = 500_000
"""Offsets whose copies are looked for in one query: some 50 MB of the engine's memory."""
GROUPS = 500
"""Events with differing copies that are settled together."""
DUTY = 30
"""How many times longer the pause after a check is than the check: the larger the tables, the rarer."""
BACKLOG_DUTY = 3
"""The same where more waits than one check looks at."""
LONGEST_PAUSE = 60.0
"""Seconds after which there is another check, however long the last one took."""
QUICK_SECONDS = 0.5
"""A check that took less may be waited for; it grows with the number of searches that are stored."""

# Above what any arrival after 2001 has, and rising, so that a later word outranks an earlier one.
_ABOVE = 2**64 - 1 - 10**15
# What a client says of a search, as it is stored.
_NAMES = [str(field["name"]) for field in contract("search").fields]
_SAID = [name for name in _NAMES if name not in ("event_id", "officer_id")] + ["officer", "requester_domain"]

Span = tuple[str, int, int, int]
"""Topic, partition, first and last offset."""


class Copy(NamedTuple):
    """One arrival of a search; copies compare by when they came, and then by where they stand."""

    ingested_at: datetime
    topic: str
    partition: int
    offset: int
    agency_id: str
    day: date
    occurred_at: datetime
    content: int

    @property
    def key(self) -> tuple[str, date]:
        """What sorts it apart from other copies."""
        return self.agency_id, self.day

    @property
    def position(self) -> tuple[str, int, int]:
        """Where it stands in Kafka."""
        return self.topic, self.partition, self.offset


class Settled(NamedTuple):
    """What a check found: later copies that differ, rows and findings that no longer count."""

    differing: int = 0
    searches: int = 0
    violations: int = 0


class Copies:
    """Settles copies among what was inserted. `note` what is inserted, and `settle` after it."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._spans: dict[tuple[str, int], list[tuple[int, int]]] = {}
        self._next = 0.0
        self._took = 0.0
        self._busy = False

    def note(self, topic: str, partition: int, first: int, last: int) -> None:
        """Say that these offsets are in the tables, or may be."""
        spans = self._spans.setdefault((topic, partition), [])
        if spans and spans[-1][1] + 1 == first:
            first = spans.pop()[0]
        spans.append((first, last))

    @property
    def due(self) -> bool:
        """Whether there is something to look at, no check runs, and the pause after the last one is over."""
        return bool(self._spans) and not self._busy and time.monotonic() >= self._next

    @property
    def quick(self) -> bool:
        """Whether the last check took so little that another may be waited for."""
        return self._took < QUICK_SECONDS

    async def settle(self) -> Settled:
        """Look for copies of `SPAN` offsets of what was noted, and let the first of each event count.

        What was noted beyond them is for the next call: a backlog is looked at piece by piece, so that each
        check is bounded. One may be cut off anywhere and run again, by several workers at one time.

        Raises:
            clickhouse_connect's errors, OSError, TimeoutError: what was noted stays so.
        """
        started = time.monotonic()
        spans, self._spans = self._spans, {}
        part, *later = _parts((*place, *span) for place, held in spans.items() for span in held) or [[]]
        for one in later:
            self._keep(one)
        counts = [0, 0, 0]
        self._busy = True
        try:
            ids = await self._differing(part) if part else []
            for at in range(0, len(ids), GROUPS):
                found = await self._settle(ids[at : at + GROUPS])
                counts = [sum(both) for both in zip(counts, found, strict=True)]
        except BaseException:
            self._keep(part)
            raise
        finally:
            self._busy = False
            self._took = time.monotonic() - started
            duty = BACKLOG_DUTY if later else DUTY
            self._next = time.monotonic() + min(duty * self._took, LONGEST_PAUSE)
        return Settled(*counts)

    def _keep(self, part: Sequence[Span]) -> None:
        """Look at these another time, before what was noted meanwhile."""
        for topic, partition, first, last in reversed(part):
            self._spans.setdefault((topic, partition), []).insert(0, (first, last))

    async def _differing(self, spans: Sequence[Span]) -> list[UUID]:
        """The events with a copy in these spans whose copies, wherever they are, are not alike."""
        where = " OR ".join(
            f"(kafka_topic = {{t{n}:String}} AND kafka_partition = {partition}"
            f" AND kafka_offset BETWEEN {first} AND {last})"
            for n, (_, partition, first, last) in enumerate(spans)
        )
        sql = (
            "SELECT event_id FROM frwatch.search_arrivals WHERE event_id IN"  # noqa: S608  numbers of our own
            f" (SELECT event_id FROM frwatch.search_arrivals WHERE {where})"
            " GROUP BY event_id HAVING count() > 1"
            " AND (min(content) != max(content) OR min(judged) != max(judged))"
        )
        rows = await self._rows(sql, {f"t{n}": topic for n, (topic, *_) in enumerate(spans)})
        return [row[0] for row in rows]

    async def _settle(self, ids: Sequence[UUID]) -> Settled:
        groups = await self._arrivals(ids)
        apart = {each for each, copies in groups.items() if len({copy.key for copy in copies}) > 1}
        counts = await self._decide({each: min(groups[each]).key for each in apart})
        first = {
            each: min(copy for copy in copies if copy.key == counts.get(each, copy.key))
            for each, copies in groups.items()
        }
        searches = await self._supersede(groups, first)
        violations = await self._supersede_violations(first)
        if apart:
            await self._mark_findings(apart)
        differing = await self._keep_differences(groups, first)
        return Settled(differing, searches, violations)

    async def _arrivals(self, ids: Sequence[UUID]) -> dict[UUID, list[Copy]]:
        rows = await self._rows(
            "SELECT event_id, ingested_at, kafka_topic, kafka_partition, kafka_offset, agency_id,"
            " toDate32(occurred_at), occurred_at, content"
            " FROM frwatch.search_arrivals WHERE event_id IN {ids:Array(UUID)}",
            {"ids": list(ids)},
        )
        groups: dict[UUID, list[Copy]] = defaultdict(list)
        for event_id, ingested_at, topic, partition, offset, agency_id, day, occurred_at, content in rows:
            copy = Copy(utc(ingested_at), topic, partition, offset, agency_id, day, utc(occurred_at), content)
            groups[event_id].append(copy)
        return groups

    async def _decide(self, proposed: Mapping[UUID, tuple[str, date]]) -> dict[UUID, tuple[str, date]]:
        """The key that counts of each event: what was decided before, or else what is proposed."""
        if not proposed:
            return {}
        decided = await self._decisions(proposed)
        missing = [event_id for event_id in proposed if event_id not in decided]
        for event_id in missing:
            await self._client.insert(
                "frwatch.search_decisions",
                [[event_id, *proposed[event_id]]],
                column_names=["event_id", "agency_id", "day"],
                settings={"insert_deduplicate": 1, "insert_deduplication_token": f"decide:{event_id}"},
            )
        return await self._decisions(proposed) if missing else decided

    async def _decisions(self, ids: Iterable[UUID]) -> dict[UUID, tuple[str, date]]:
        rows = await self._rows(
            "SELECT event_id, argMin((agency_id, day), decided_at) FROM frwatch.search_decisions"
            " WHERE event_id IN {ids:Array(UUID)} GROUP BY event_id",
            {"ids": list(ids)},
        )
        return {event_id: (str(key[0]), key[1]) for event_id, key in rows}

    async def _supersede(self, groups: Mapping[UUID, list[Copy]], first: Mapping[UUID, Copy]) -> int:
        """Take the rows out of `searches` whose key does not count."""
        losers: dict[tuple[Any, ...], tuple[UUID, Copy]] = {}
        for event_id, copies in groups.items():
            for copy in copies:
                if copy.key != first[event_id].key:
                    losers[event_id, *copy.key] = (event_id, copy)
        rows = [
            [event_id, copy.occurred_at, copy.agency_id, copy.ingested_at, *copy.position, True, _above()]
            for event_id, copy in losers.values()
        ]
        if rows:
            names = ["event_id", "occurred_at", "agency_id", "ingested_at", *_POSITION, *_OUTRANKING]
            await self._client.insert("frwatch.searches_raw", rows, column_names=names)
        return len(rows)

    async def _supersede_violations(self, first: Mapping[UUID, Copy]) -> int:
        """Take the findings out of `violations` that the search that counts does not have."""
        broken = await self._rows(
            "SELECT event_id, broken_rules FROM frwatch.searches"
            " WHERE agency_id IN {agencies:Array(String)} AND event_id IN {ids:Array(UUID)}",
            {"ids": list(first), "agencies": sorted({copy.agency_id for copy in first.values()})},
        )
        rules = {event_id: set(labels) for event_id, labels in broken}
        found = await self._rows(
            "SELECT event_id, violation_id, policy_id, rule_id, occurred_at, ingested_at"
            " FROM frwatch.violations WHERE event_id IN {ids:Array(UUID)}",
            {"ids": list(first)},
        )
        rows = [
            [violation_id, event_id, utc(occurred_at), utc(ingested_at), True, _above()]
            for event_id, violation_id, policy_id, rule_id, occurred_at, ingested_at in found
            if event_id in rules and f"{policy_id}/{rule_id}" not in rules[event_id]
        ]
        if rows:
            names = ["violation_id", "event_id", "occurred_at", "ingested_at", *_OUTRANKING]
            await self._client.insert("frwatch.violations_raw", rows, column_names=names)
        return len(rows)

    async def _mark_findings(self, ids: Iterable[UUID]) -> None:
        """Have findings counted anew wherever one has a copy: which of them counts may have changed."""
        await self._client.command(
            "INSERT INTO frwatch.rollup_marks"
            " SELECT DISTINCT agency_id, toDate32(occurred_at), now64(6, 'UTC')"
            " FROM frwatch.violations_raw WHERE event_id IN {ids:Array(UUID)}",
            {"ids": list(ids)},
        )

    async def _keep_differences(self, groups: Mapping[UUID, list[Copy]], first: Mapping[UUID, Copy]) -> int:
        later = [
            (event_id, copy)
            for event_id, copies in groups.items()
            for copy in copies
            if copy.content != first[event_id].content
        ]
        if not later:
            return 0
        said = await self._said(groups)
        rows = []
        for event_id, copy in later:
            winner = first[event_id]
            one, other = said.get((event_id, *winner.position)), said.get((event_id, *copy.position))
            fields = [name for name in _SAID if one and other and one[name] != other[name]]
            broken = other["broken_rules"] if other else []
            rows.append(
                [event_id, *copy.position, copy.ingested_at, copy.agency_id, copy.occurred_at]
                + [winner.agency_id, winner.occurred_at, *winner.position, fields, broken]
            )
        names = ["event_id", *_POSITION, "ingested_at", "agency_id", "occurred_at", "first_agency_id"]
        names += ["first_occurred_at", *(f"first_{name}" for name in _POSITION), "fields", "broken_rules"]
        await self._client.insert("frwatch.search_differences_raw", rows, column_names=names)
        return len(rows)

    async def _said(self, groups: Mapping[UUID, list[Copy]]) -> dict[tuple[Any, ...], dict[str, Any]]:
        """What each copy said that is still there: merges leave one of those with one key."""
        names = ["event_id", *_POSITION, "broken_rules", *_SAID]
        rows = await self._rows(
            f"SELECT {', '.join(names)} FROM frwatch.searches_raw WHERE NOT superseded"  # noqa: S608  our names
            " AND agency_id IN {agencies:Array(String)} AND event_id IN {ids:Array(UUID)}",
            {
                "ids": list(groups),
                "agencies": sorted({copy.agency_id for copies in groups.values() for copy in copies}),
            },
        )
        return {tuple(row[:4]): dict(zip(names, row, strict=True)) for row in rows}

    async def _rows(self, sql: str, parameters: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        answer = await self._client.query(sql, dict(parameters), settings=_READ)
        rows: Sequence[Sequence[Any]] = answer.result_rows
        return rows


_POSITION = ("kafka_topic", "kafka_partition", "kafka_offset")
_OUTRANKING = ("superseded", "precedence")
# What another worker has inserted on another replica must be seen; and one thread is enough, as nobody waits.
_READ = {"select_sequential_consistency": 1, "max_query_size": 1 << 22, "max_threads": 1}


def _above() -> int:
    return _ABOVE + time.time_ns() // 1_000_000


def _parts(spans: Iterable[Span]) -> list[list[Span]]:
    """The spans in parts of some `SPAN` offsets; a span that is larger is cut."""
    parts: list[list[Span]] = []
    room = 0
    for topic, partition, first, last in spans:
        at = first
        while at <= last:
            if room <= 0:
                parts.append([])
                room = SPAN
            end = min(last, at + room - 1)
            parts[-1].append((topic, partition, at, end))
            room -= end - at + 1
            at = end + 1
    return parts
