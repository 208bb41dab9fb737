"""What is asked of roll-ups: one answer, whether it comes from documents or from the tables."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from clickhouse_connect.driver import AsyncClient

from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.months import Months
from sinks.clickhouse.rollups import Rollups
from sinks.console.book import read_book
from tests.support.clickhouse import migrated_clickhouse
from tests.support.use import ACTIONS, ARRESTS, GRAVEST, MIDNIGHT, Outcome, Search, firsts, some, store, told

BOOK = read_book(Settings().queries)
PACIFIC = ZoneInfo("America/Los_Angeles")
Rows = list[tuple[Any, ...]]


class Seen:
    """What counts as a search, of one agency or of all (empty), and what was told of each."""

    def __init__(self, searches: Sequence[Search], outcomes: Sequence[Outcome], agency: str) -> None:
        every: list[Search] = firsts(searches, "event_id")
        said: list[Outcome] = firsts(outcomes, "outcome_id")
        self.counted = [each for each in every if each.counted and agency in ("", each.agency_id)]
        self.told = {each: [one for one in said if one.speaks_of(each)] for each in self.counted}

    def commercial(self) -> list[Search]:
        return [each for each in self.counted if each.provider_class == "commercial"]

    def kinds(self, search: Search) -> set[str]:
        return {one.kind for one in self.told[search]}


def grouped(searches: Sequence[Search], key: Callable[[Search], Any]) -> dict[Any, list[Search]]:
    groups: defaultdict[Any, list[Search]] = defaultdict(list)
    for each in searches:
        groups[key(each)].append(each)
    return dict(groups)


def people(searches: Sequence[Search]) -> int:
    return len({each.officer for each in searches} - {None})


def share(part: int, whole: int) -> float:
    return round(100 * part / whole * 10) / 10


def local(moment: datetime) -> datetime:
    return moment.astimezone(PACIFIC)


def outcomes_by_class(seen: Seen) -> Rows:
    def worst(each: Search) -> int:
        return min((GRAVEST.index(kind) for kind in seen.kinds(each)), default=len(GRAVEST))

    words = [*(kind.lower().replace("_", " ") for kind in GRAVEST), "nothing told"]
    groups = grouped(seen.counted, lambda each: (each.provider_class, worst(each)))
    return [(of, words[at], len(group), people(group)) for (of, at), group in sorted(groups.items())]


def faces_of_matches(seen: Seen) -> Rows:
    found: defaultdict[Any, set[Search]] = defaultdict(set)
    for each, outcomes in seen.told.items():
        for one in outcomes:
            if one.kind in ACTIONS:
                found[tuple(part or "not stated" for part in one.face)].add(each)
    return [(*face, len(them) if len(them) >= 10 else None) for face, them in sorted(found.items())]


def unaccounted_by_unit(seen: Seen) -> Rows:
    rows = []
    for (agency, unit), group in grouped(
        seen.counted, lambda each: (each.agency_id, each.unit or "not stated")
    ).items():
        asked = [(each.case_number, each.crime_type, each.approved_by) for each in group]
        blank = [sum(not (said or "").strip(" ") for said in column) for column in zip(*asked, strict=True)]
        rows.append((agency, unit, len(group), *blank, share(blank[0], len(group))))
    return sorted(rows, key=lambda row: (-row[3], *row[:2]))


def night_searches(seen: Seen) -> Rows:
    rows = []
    for (agency, unit), group in grouped(
        seen.counted, lambda each: (each.agency_id, each.unit or "not stated")
    ).items():
        late = [each for each in group if not 5 <= local(each.occurred_at).hour < 22]
        alone = sum(each.approved_by is None for each in late)
        if late:
            rows.append((agency, unit, len(group), len(late), alone, share(len(late), len(group))))
    return sorted(rows, key=lambda row: (-row[3], *row[:2]))


def arrests_without_candidates(seen: Seen) -> Rows:
    rows = []
    for each in seen.counted:
        grave = sorted(kind.lower() for kind in seen.kinds(each) & set(ARRESTS))
        if each.candidates == 0 and grave:
            key = (each.occurred_at, each.agency_id, each.case_number or "", str(each.event_id))
            day = f"{local(each.occurred_at):%Y-%m-%d}"
            service = each.provider_id or "in no catalogue"
            person = each.officer and each.officer[:12]
            rows.append(
                (key, (each.agency_id, each.case_number or "", day, service, person, ", ".join(grave)))
            )
    return [row for _, row in sorted(rows, key=lambda row: row[0])][:40]


def commercial_cases(seen: Seen) -> Rows:
    rows = []
    cased = [each for each in seen.commercial() if each.case_number is not None]
    for case, group in grouped(cased, lambda each: each.case_number).items():
        crimes = sorted({each.crime_type or "not stated" for each in group})
        kinds = sorted({kind.lower().replace("_", " ") for each in group for kind in seen.kinds(each)})
        rows.append((case, len(group), people(group), ", ".join(crimes), ", ".join(kinds)))
    return sorted(rows, key=lambda row: ("arrest" not in row[4].split(", "), row[4] == "", -row[1], row[0]))


def commercial_around_the_ban(seen: Seen) -> Rows:
    rows = []
    for side, group in grouped(
        seen.commercial(), lambda each: "before" if each.occurred_at < MIDNIGHT else "after"
    ).items():
        cases = len({each.case_number for each in group} - {None})
        no_case = sum(each.case_number is None for each in group)
        arrested = sum("ARREST" in seen.kinds(each) for each in group)
        rows.append((side, len(group), people(group), 0, 0, cases, no_case, arrested, 0))
    return sorted(rows, reverse=True)


def one_person(seen: Seen) -> Rows:
    own = [each for each in seen.counted if each.officer == "a" * 64]
    rows = []
    for (month, agency), group in grouped(
        own, lambda each: (f"{local(each.occurred_at):%Y-%m}", each.agency_id)
    ).items():
        bought = sum(each.provider_class == "commercial" for each in group)
        cases = len({each.case_number for each in group} - {None})
        no_case = sum(each.case_number is None for each in group)
        rows.append((month, agency, len(group), bought, cases, no_case, 0))
    return sorted(rows)


ASKED: dict[str, tuple[Callable[[Seen], Rows], dict[str, str], tuple[str, ...]]] = {
    "outcomes_by_class": (outcomes_by_class, {}, ("", "lapd")),
    "faces_of_matches": (faces_of_matches, {}, ("", "lapd")),
    "unaccounted_by_unit": (unaccounted_by_unit, {}, ("", "lapd")),
    "night_searches": (night_searches, {}, ("", "lapd")),
    "arrests_without_candidates": (arrests_without_candidates, {}, ("", "lapd")),
    "commercial_cases": (commercial_cases, {}, ("lapd",)),
    "commercial_around_the_ban": (
        commercial_around_the_ban,
        {"ban": "2025-02-01 00:00:00", "zone": "UTC"},
        ("lapd",),
    ),
    "one_person": (one_person, {"person": "a" * 12}, ("",)),
}
"""Questions, their answers, what they are asked with, and of which agencies."""


async def right(client: AsyncClient, searches: Sequence[Search], outcomes: Sequence[Outcome]) -> None:
    for name, (expected, given, agencies) in ASKED.items():
        for agency in agencies:
            question = BOOK[name]
            chosen = {"agency": agency} if "agency" in question.parameters else {}
            answer = await client.query(question.sql, question.values(given | chosen))
            rows = [tuple(row) for row in answer.result_rows]
            assert rows == expected(Seen(searches, outcomes, agency)), (name, agency)
            assert rows or not searches, name


@pytest.mark.timeout(300)
def test_an_answer_is_the_same_from_documents_and_from_the_tables(tmp_path: Path) -> None:
    async def run(settings: Settings) -> None:
        choose = random.Random(23)  # noqa: S311  reproducible, no secret
        searches, outcomes = some(choose, 500), []
        async with connect(settings) as client:
            await store(client, "searches", searches, 0)
            outcomes = told(choose, searches, 250)
            await store(client, "outcomes", outcomes, 0)
            await right(client, searches, outcomes)
            for documents in (Rollups(client), Months(client)):
                while await documents.settle(quiet=True):
                    pass
            await right(client, searches, outcomes)
            # What came later of searches that are in documents, and searches of one of their days.
            more = told(choose, searches, 30)
            late = [
                replace(each, event_id=one.outcome_id, officer="b" * 64)
                for each, one in zip(searches, more, strict=False)
            ]
            await store(client, "outcomes", more, 1)
            await right(client, searches, [*outcomes, *more])
            await store(client, "searches", late, 1)
            await right(client, [*searches, *late], [*outcomes, *more])

    with migrated_clickhouse(tmp_path) as settings:
        asyncio.run(run(settings))
