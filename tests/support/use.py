"""Searches and what came of them, as they are stored, and what the roll-ups of use must say of them."""

from __future__ import annotations

import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from clickhouse_connect.driver import AsyncClient

from sinks.clickhouse.copies import Copies
from sinks.clickhouse.writer import Writer

MIDNIGHT = datetime(2025, 2, 1, tzinfo=UTC)
ARRIVED = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, MONTH = timedelta(hours=1), timedelta(days=30)
ARRESTS = ("ARREST", "CHARGE", "CONVICTION")
ACTIONS = (*ARRESTS, "LEAD", "IDENTIFICATION", "EXONERATION")
GRAVEST = (
    "EXONERATION",
    "CONVICTION",
    "CHARGE",
    "ARREST",
    "IDENTIFICATION",
    "LEAD",
    "NO_LEAD",
    "UNKNOWN",
)
PEOPLE = "abce"
"""Of whose pseudonyms each is one of these letters 64 times."""
CASES = ("", "25-1", "25-2")
NOT_STATED = (None, "not stated")


@dataclass(frozen=True)
class Search:
    """A search, or sign of one, as it is stored; of copies the one with the least `second` counts."""

    event_id: uuid.UUID
    second: int
    occurred_at: datetime
    agency_id: str = "lapd"
    source: str = "records-desk"
    evidence: str = "SEARCH"
    officer: str | None = None
    provider: str | None = None
    provider_id: str | None = None
    provider_class: str = "government"
    endpoint_host: str | None = None
    case_number: str | None = None
    crime_type: str | None = None
    candidates: int | None = None
    probe_hash: str | None = None
    unit: str | None = None
    approved_by: str | None = None

    @property
    def counted(self) -> bool:
        return self.evidence == "SEARCH" and self.provider_class != "not_fr"


@dataclass(frozen=True)
class Outcome:
    """An outcome as it is stored; of copies the one with the least `second` counts."""

    outcome_id: uuid.UUID
    second: int
    recorded_at: datetime
    kind: str
    event_id: uuid.UUID | None = None
    agency_id: str = "lapd"
    case_number: str | None = None
    age_band: str | None = None
    race: str | None = None
    gender: str | None = None

    @property
    def face(self) -> tuple[str | None, ...]:
        """Of whom it is: what is said not to be stated is not stated."""
        return tuple(None if each in NOT_STATED else each for each in (self.age_band, self.race, self.gender))

    def speaks_of(self, search: Search) -> bool:
        if self.event_id is not None:
            return self.event_id == search.event_id
        return self.case_number is not None and (self.agency_id, self.case_number) == (
            search.agency_id,
            search.case_number,
        )


def some(choose: random.Random, count: int) -> list[Search]:
    """Searches of three days, most of them about a midnight."""
    made = []
    for second in range(count):
        minutes = choose.choice([choose.randrange(-90, 90), choose.randrange(-1440, 2880)])
        provider_id = choose.choice(["lacris", "pimeyes", None])
        made.append(
            Search(
                uuid.UUID(int=choose.getrandbits(128)),
                second,
                MIDNIGHT + timedelta(minutes=minutes),
                choose.choice(["lapd", "lasd"]),
                choose.choice(["records-desk", "zeek/egress-1"]),
                choose.choice(["SEARCH", "ACCESS", "ACCESS", "LOOKUP"]),
                choose.choice([None, "a" * 64, "b" * 64, "c" * 64]),
                choose.choice([None, "Service"]),
                provider_id,
                choose.choice(["government", "commercial", "not_fr"]),
                choose.choice([None, "pimeyes.com"]),
                choose.choice([None, *CASES]),
                choose.choice([None, "  ", "robbery", "theft"]),
                choose.choice([None, 0, 0, 3]),
                choose.choice([None, "d" * 64]),
                choose.choice([None, "Homicide", "Robbery"]),
                choose.choice([None, " ", "S1"]),
            )
        )
    return made


def told(choose: random.Random, searches: Sequence[Search], count: int) -> list[Outcome]:
    """Outcomes of some of them, by their id or by their case; of a few nobody knows the search."""
    made = []
    for second in range(count):
        search = choose.choice(searches)
        by_case = choose.random() < 0.3
        made.append(
            Outcome(
                uuid.UUID(int=choose.getrandbits(128)),
                second,
                search.occurred_at + timedelta(days=choose.choice([1, 29, 30, 31])),
                choose.choice([*ACTIONS, "NO_LEAD", "UNKNOWN"]),
                None if by_case else choose.choice([search.event_id, search.event_id, uuid.uuid4()]),
                search.agency_id,
                search.case_number,
                choose.choice([*NOT_STATED, "18-24"]),
                choose.choice([*NOT_STATED, "black"]),
                choose.choice([None, "male", "female"]),
            )
        )
    return made


async def store(client: AsyncClient, table: str, copies: Sequence[Any], partition: int) -> None:
    """Store copies as a range of a partition, and settle those of searches that differ."""
    rows = []
    for offset, copy in enumerate(copies):
        row = {**vars(copy), "ingested_at": ARRIVED + timedelta(seconds=copy.second)}
        row |= {"kafka_topic": table, "kafka_partition": partition, "kafka_offset": offset}
        del row["second"]
        row |= {name: row[name] and row[name].bytes for name in ("event_id", "outcome_id") if name in row}
        rows.append(row)
    schema: dict[str, Any] = {
        "event_id": pl.Binary,
        "candidates": pl.Int32,
        "gallery_kinds": pl.List(pl.String),
        **dict.fromkeys(
            (
                "officer",
                "provider",
                "provider_id",
                "operator",
                "account",
                "endpoint_host",
                "case_number",
                "crime_type",
                "probe_hash",
                "unit",
                "approved_by",
                "age_band",
                "race",
                "gender",
            ),
            pl.String,
        ),
    }
    frame = pl.DataFrame(rows, schema_overrides={name: schema[name] for name in schema if name in rows[0]})
    await Writer(client).insert(table, frame, f"{table}:{partition}:{uuid.uuid4()}")
    if table == "searches":
        settler = Copies(client)
        settler.note(table, partition, 0, len(rows))
        await settler.settle()


# -- what must come out, from the events alone -----------------------------------------------------------


def firsts(copies: Sequence[Any], identity: str) -> list[Any]:
    """Of copies the first."""
    found: dict[uuid.UUID, Any] = {}
    for copy in sorted(copies, key=lambda copy: copy.second):
        found.setdefault(getattr(copy, identity), copy)
    return list(found.values())


Cells = dict[str, dict[tuple[Any, ...], tuple[Any, ...]]]


def expected(searches: Sequence[Search], outcomes: Sequence[Outcome]) -> Cells:
    """Every cell, one event after the other."""
    searches, outcomes = firsts(searches, "event_id"), firsts(outcomes, "outcome_id")
    sources: defaultdict[Any, list[int]] = defaultdict(lambda: [0] * 6)
    crimes: defaultdict[Any, list[int]] = defaultdict(lambda: [0] * 6)
    unreported: defaultdict[Any, list[Search]] = defaultdict(list)
    faces: Counter[Any] = Counter()
    units: defaultdict[Any, list[int]] = defaultdict(lambda: [0] * 4)
    spoken_of: defaultdict[Any, list[Search]] = defaultdict(list)
    for each in searches:
        day = each.occurred_at.date()
        lacks = (
            each.officer is None,
            each.provider is None,
            each.case_number is None,
            each.candidates is None,
            each.probe_hash is None,
        )
        add(sources[each.agency_id, day, each.source, each.evidence], (True, *lacks))
        if each.counted:
            came = [outcome for outcome in outcomes if outcome.speaks_of(each)]
            kinds = {outcome.kind for outcome in came}
            figures = (
                True,
                (each.candidates or 0) > 0,
                bool(came),
                any(outcome.recorded_at < each.occurred_at + MONTH for outcome in came),
                bool(kinds & set(ACTIONS)),
                each.candidates == 0 and bool(kinds & set(ARRESTS)),
            )
            add(crimes[each.agency_id, day, each.crime_type], figures)
            blank = [
                not (said or "").strip(" ") for said in (each.case_number, each.crime_type, each.approved_by)
            ]
            add(units[each.agency_id, day, each.unit], (True, *blank))
            for face in {outcome.face for outcome in came if outcome.kind in ACTIONS}:
                faces[(each.agency_id, day, *face)] += 1
            if came:
                gravest = tuple(sorted(kinds, key=GRAVEST.index))
                spoken_of[each.agency_id, day, each.provider_class, gravest].append(each)
        if each.evidence == "ACCESS" and each.provider_class != "not_fr" and not reported(each, searches):
            unreported[each.agency_id, day, each.provider_id, each.endpoint_host, each.source].append(each)
    return {
        "sources_by_day": {key: tuple(figures) for key, figures in sources.items()},
        "outcomes_by_day": {key: tuple(figures) for key, figures in crimes.items()},
        "unreported_by_day": {
            key: (
                len(group),
                sum(each.officer is None for each in group),
                max(each.occurred_at for each in group),
                len({each.officer for each in group} - {None}),
            )
            for key, group in unreported.items()
        },
        "units_by_day": {key: tuple(figures) for key, figures in units.items()},
        "faces_by_day": {key: (matches,) for key, matches in faces.items()},
        "told_by_day": {
            key: (
                len(group),
                sorted(each.officer[0] for each in group if each.officer),
                sorted(each.case_number for each in group if each.case_number is not None),
            )
            for key, group in spoken_of.items()
        },
    }


def add(totals: list[int], figures: Sequence[bool]) -> None:
    for at, figure in enumerate(figures):
        totals[at] += figure


def reported(access: Search, searches: Sequence[Search]) -> bool:
    """Whether a search of the same person on the same or an unnamed service lies within an hour."""
    return access.officer is not None and any(
        each.evidence == "SEARCH"
        and (each.agency_id, each.officer) == (access.agency_id, access.officer)
        and abs(each.occurred_at - access.occurred_at) <= HOUR
        and (None in (each.provider_id, access.provider_id) or each.provider_id == access.provider_id)
        for each in searches
    )


def _named(hashes: str, name: str, known: Sequence[str]) -> str:
    """The SQL of what was hashed, in order: `name` of `each` of those that are known."""
    return (
        f"arraySort(arrayMap(hash -> transform(hash, arrayMap(each -> cityHash64({name}), {list(known)}),"
        f" {list(known)}, '?'), {hashes}))"
    )


COLUMNS = {
    "sources_by_day": (
        "agency_id, day, source, evidence",
        "events, no_person, no_service, no_case, no_result, no_image_hash",
    ),
    "outcomes_by_day": (
        "agency_id, day, crime_type",
        "searches, with_candidates, told, told_within_30_days, led_to_action, arrests_without_candidates",
    ),
    "unreported_by_day": (
        "agency_id, day, provider_id, endpoint_host, source",
        "times, unnamed, last_at, length(people)",
    ),
    "units_by_day": ("agency_id, day, unit", "searches, no_case, no_crime, no_approval"),
    "faces_by_day": ("agency_id, day, age_band, race, gender", "matches"),
    "told_by_day": (
        "agency_id, day, provider_class, kinds",
        f"searches, {_named('people', 'repeat(each, 64)', PEOPLE)}, {_named('cases', 'each', CASES)}",
    ),
}


def hashable(value: Any) -> Any:
    """A cell as a key."""
    return tuple(value) if isinstance(value, list) else value


async def cells(client: AsyncClient) -> Cells:
    """Every cell, as an analyst reads it."""
    found: Cells = {}
    for view, (names, figures) in COLUMNS.items():
        answer = await client.query(
            f"SELECT tuple({names}), tuple({figures}) FROM frwatch.{view}", tz_mode="aware"
        )
        found[view] = {tuple(map(hashable, key)): tuple(values) for key, values in answer.result_rows}
        assert len(found[view]) == len(answer.result_rows), "one row for each"
    return found
