"""Of whom matches led to action, and what came of whose searches: roll-ups say what the events say."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver import AsyncClient

from schemas.retention import TIERS, Cutoff
from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.erasure import name_of
from sinks.clickhouse.expungements import expunge
from sinks.clickhouse.retention import apply
from sinks.clickhouse.rollups import Rollups
from sinks.clickhouse.tombstones import Order
from tests.support.clickhouse import migrated_clickhouse
from tests.support.use import ARRIVED, HOUR, MIDNIGHT, MONTH, Outcome, Search, cells, expected, store

KEY, JUDGE = b"k" * 32, "Superior Court, 26-77"
RAN = Search(uuid.uuid4(), 0, MIDNIGHT, officer="a" * 64, case_number="25-1")


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with migrated_clickhouse(tmp_path) as found:
        yield found


def outcome(kind: str, search: Search | None = None, **more: Any) -> Outcome:
    """One that names the search, or else none."""
    event_id = search.event_id if search else None
    return Outcome(uuid.uuid4(), 0, MIDNIGHT + MONTH, kind, event_id, **more)


async def settled(client: AsyncClient) -> None:
    while await Rollups(client).settle(quiet=True):
        pass
    answer = await client.query("SELECT count() FROM frwatch.rollup_outcomes_open")
    assert answer.result_rows == [(0,)], "all is in documents"


async def right(client: AsyncClient, searches: list[Search], outcomes: list[Outcome]) -> None:
    """As counted from the tables, and from documents."""
    for again in (False, True):
        if again:
            await settled(client)
        found, wanted = await cells(client), expected(searches, outcomes)
        assert found == wanted


def test_a_search_counts_once_for_each_whom_its_outcomes_concerned(settings: Settings) -> None:
    """Told by its id or by its case, twice or of two people; and for the gravest only once."""

    async def run() -> None:
        man: dict[str, Any] = {"age_band": "18-24", "race": "black", "gender": "male"}
        outcomes = [
            outcome("LEAD", RAN, **man),
            outcome("ARREST", RAN, **man),
            outcome("CHARGE", case_number="25-1", **man),
            outcome("CHARGE", case_number="25-1", age_band="not stated"),
            outcome("LEAD", RAN),
            outcome("NO_LEAD", RAN, race="white"),
        ]
        async with connect(settings) as client:
            await store(client, "searches", [RAN, replace(RAN, event_id=uuid.uuid4(), case_number=None)], 0)
            await store(client, "outcomes", outcomes, 0)
            for again in (False, True):
                if again:
                    await settled(client)
                found = await cells(client)
                day = ("lapd", MIDNIGHT.date())
                assert found["faces_by_day"] == {
                    (*day, "18-24", "black", "male"): (1,),
                    (*day, None, None, None): (1,),
                }
                assert found["told_by_day"] == {
                    (*day, "government", ("CHARGE", "ARREST", "LEAD", "NO_LEAD")): (1, ["a"], ["25-1"])
                }
                assert found["outcomes_by_day"] == {(*day, None): (2, 0, 1, 0, 1, 0)}

    asyncio.run(run())


def test_what_another_agency_told_counts_with_the_search(settings: Settings) -> None:
    async def run() -> None:
        said = outcome("ARREST", RAN, agency_id="lasd", race="white")
        # Its case is one of its own agency.
        other = outcome("ARREST", agency_id="lasd", case_number="25-1", race="black")
        async with connect(settings) as client:
            await store(client, "searches", [RAN], 0)
            await settled(client)
            await store(client, "outcomes", [said, other], 0)
            assert list((await cells(client))["faces_by_day"]) == [
                ("lapd", MIDNIGHT.date(), None, "white", None)
            ]
            await right(client, [RAN], [said, other])

    asyncio.run(run())


def test_what_counts_as_no_search_has_no_outcome(settings: Settings) -> None:
    async def run() -> None:
        searches = [
            replace(RAN, event_id=uuid.uuid4(), evidence="ACCESS"),
            replace(RAN, event_id=uuid.uuid4(), evidence="LOOKUP"),
            replace(RAN, event_id=uuid.uuid4(), provider_class="not_fr"),
        ]
        outcomes = [outcome("ARREST", each, race="white") for each in searches]
        async with connect(settings) as client:
            await store(client, "searches", searches, 0)
            await store(client, "outcomes", outcomes, 0)
            assert (await cells(client))["told_by_day"] == {}
            await right(client, searches, outcomes)

    asyncio.run(run())


def test_what_retention_removes_led_to_nothing(settings: Settings) -> None:
    async def run() -> None:
        later = replace(RAN, event_id=uuid.uuid4(), occurred_at=MIDNIGHT + 5 * HOUR)
        outcomes = [outcome("ARREST", each, race="white") for each in (RAN, later)]
        cutoffs = [Cutoff(None, tier, RAN.occurred_at + HOUR if tier == "SEARCH" else None) for tier in TIERS]
        async with connect(settings) as client:
            await store(client, "searches", [RAN, later], 0)
            await store(client, "outcomes", outcomes, 0)
            await right(client, [RAN, later], outcomes)
            await asyncio.to_thread(apply, settings, cutoffs, None, "S1", ARRIVED)
            await right(client, [later], outcomes[1:])

    asyncio.run(run())


def test_documents_know_nobody_who_was_expunged(settings: Settings) -> None:
    async def run() -> None:
        order = Order(name_of(KEY, "officer", "", "a" * 64), JUDGE, "S1")
        people = (
            "SELECT arrayJoin(arrayFlatten(`told.people`)) = cityHash64(repeat('a', 64)) AS is_he, count()"
            " FROM frwatch.rollup_documents GROUP BY is_he"
        )
        async with connect(settings) as client:
            await store(client, "searches", [RAN], 0)
            await store(client, "outcomes", [outcome("ARREST", RAN)], 0)
            await settled(client)
            assert (await client.query(people)).result_rows == [(1, 1)]
            await asyncio.to_thread(expunge, settings, order, "a" * 64)
            await settled(client)
            await client.command("OPTIMIZE TABLE frwatch.rollup_documents FINAL")
            assert (await client.query(people)).result_rows == [(0, 1)]
            assert [*(await cells(client))["told_by_day"].values()] == [(1, ["?"], ["25-1"])]

    asyncio.run(run())


def test_whose_face_was_expunged_is_counted_as_nobodys(settings: Settings) -> None:
    """Also where the outcome names the case, and speaks of a search of another: that stays."""

    async def run() -> None:
        other = replace(RAN, event_id=uuid.uuid4(), occurred_at=MIDNIGHT + 50 * HOUR, case_number="25-2")
        outcomes = [
            outcome("ARREST", RAN, race="white"),
            outcome("ARREST", other, case_number="25-1", race="white"),
        ]
        order = Order(name_of(KEY, "case", "lapd", "25-1"), JUDGE, "S1", demographics=True)
        async with connect(settings) as client:
            await store(client, "searches", [RAN, other], 0)
            await store(client, "outcomes", outcomes, 0)
            await right(client, [RAN, other], outcomes)
            await asyncio.to_thread(expunge, settings, order, "25-1")
            erased = expected([RAN, other], [replace(each, race=None) for each in outcomes])
            for again in (False, True):
                if again:
                    await settled(client)
                found = await cells(client)
                assert found["faces_by_day"] == erased["faces_by_day"]
                of_cases = {(figures[0], *figures[2]) for figures in found["told_by_day"].values()}
                assert of_cases == {(1, "?"), (1, "25-2")}

    asyncio.run(run())
