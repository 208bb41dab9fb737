"""What sources leave out, what came of searches, what nobody reported: roll-ups say what the events say."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from clickhouse_connect.driver import AsyncClient
from clickhouse_connect.driver.exceptions import DatabaseError
from pydantic import SecretStr

from schemas.retention import TIERS, Cutoff
from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.erasure import name_of
from sinks.clickhouse.expungements import expunge
from sinks.clickhouse.migrate import migrate, shipped_migrations
from sinks.clickhouse.retention import apply
from sinks.clickhouse.rollups import Rollups
from sinks.clickhouse.tombstones import Order
from tests.support.clickhouse import migrated_clickhouse, running_clickhouse
from tests.support.use import (
    ARRIVED,
    COLUMNS,
    HOUR,
    MIDNIGHT,
    MONTH,
    Outcome,
    Search,
    cells,
    expected,
    some,
    store,
    told,
)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with migrated_clickhouse(tmp_path) as found:
        yield found


async def settled(client: AsyncClient) -> None:
    while await Rollups(client).settle(quiet=True):
        pass
    answer = await client.query("SELECT count() FROM frwatch.rollup_outcomes_open")
    assert answer.result_rows == [(0,)], "all is in documents"


def test_no_cell_is_wrong_at_any_moment(settings: Settings) -> None:
    async def run() -> None:
        choose = random.Random(21)  # noqa: S311  reproducible, no secret
        searches = some(choose, 300)
        outcomes: list[Outcome] = []
        async with connect(settings) as client:

            async def right(when: str) -> None:
                wanted = expected(searches, outcomes)
                found = await cells(client)
                for view in COLUMNS:
                    assert found[view] == wanted[view], f"{view} {when}"

            await store(client, "searches", searches, 0)
            await right("as they came")
            await Rollups(client).settle(1, quiet=True)
            await right("with documents of one day")
            await settled(client)
            await right("with documents of all")

            more = told(choose, searches, 120)
            outcomes += more
            await store(client, "outcomes", more, 0)
            await right("when outcomes came")
            await settled(client)
            await right("when outcomes are in documents")

            # Copies that say otherwise: later ones count for nothing, earlier ones for all.
            later = [replace(each, second=each.second + 1000, kind="CHARGE") for each in outcomes[::7]]
            earlier = [
                replace(each, second=-each.second - 1, event_id=choose.choice(searches).event_id)
                for each in outcomes[3::7]
                if each.event_id is not None
            ]
            outcomes += [*later, *earlier]
            await store(client, "outcomes", [*later, *earlier], 1)
            await client.command("OPTIMIZE TABLE frwatch.outcomes_raw FINAL")
            await right("when copies of outcomes came and the others were merged away")
            await settled(client)
            await right("when these are in documents")

            again = [replace(each, second=each.second + 2000) for each in searches[::10]]
            moved = [
                replace(
                    each, second=each.second + 3000, occurred_at=each.occurred_at + 9 * HOUR, officer="e" * 64
                )
                for each in searches[5::10]
            ]
            searches += [*again, *moved]
            await store(client, "searches", [*again, *moved], 1)
            await right("when searches came again, some otherwise")
            await settled(client)
            for table in ("searches_raw", "outcomes_raw", "rollup_documents", "rollup_marks"):
                await client.command(f"OPTIMIZE TABLE frwatch.{table} FINAL")
            await right("when all is merged")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("access", "search"),
    [(timedelta(minutes=-20), timedelta(minutes=20)), (timedelta(0), -HOUR), (-HOUR, timedelta(0))],
)
def test_a_search_after_midnight_reports_the_access_before(
    settings: Settings, access: timedelta, search: timedelta
) -> None:
    """And one before it the access after; the document of that day is made anew."""

    async def run() -> None:
        seen = Search(uuid.uuid4(), 0, MIDNIGHT + access, evidence="ACCESS", officer="a" * 64)
        other = replace(seen, event_id=uuid.uuid4(), officer=None)
        ran = Search(uuid.uuid4(), 1, MIDNIGHT + search, officer="a" * 64)
        async with connect(settings) as client:
            await store(client, "searches", [seen, other], 0)
            await settled(client)
            assert await cells(client) == expected([seen, other], [])
            await store(client, "searches", [ran], 1)
            wanted = expected([seen, other, ran], [])
            assert next(iter(wanted["unreported_by_day"].values()))[0] == 1
            assert await cells(client) == wanted
            await settled(client)
            assert await cells(client) == wanted

    asyncio.run(run())


def test_the_first_and_last_days_that_there_are_have_no_day_beside_them(settings: Settings) -> None:
    async def run() -> None:
        moments = [datetime(1900, 1, 1, 0, 30, tzinfo=UTC), datetime(2299, 12, 31, 23, 30, tzinfo=UTC)]
        ends = [Search(uuid.uuid4(), 0, each, evidence="ACCESS") for each in moments]
        async with connect(settings) as client:
            await store(client, "searches", ends, 0)
            await settled(client)
            assert await cells(client) == expected(ends, [])
            answer = await client.query("SELECT DISTINCT toString(day) FROM frwatch.rollup_marks ORDER BY 1")
            assert answer.result_rows == [("1900-01-01",), ("2299-12-31",)]

    asyncio.run(run())


def test_outcomes_that_come_all_the_time_do_not_keep_documents_from_being_made(settings: Settings) -> None:
    """What marks a day is each outcome of its own, not those of other days."""

    async def run() -> None:
        searches = [Search(uuid.uuid4(), 0, MIDNIGHT + timedelta(days=day)) for day in (0, 10)]
        async with connect(settings) as client:
            await store(client, "searches", searches, 0)
            outcome = Outcome(uuid.uuid4(), 0, MIDNIGHT + MONTH, "LEAD", searches[0].event_id)
            await store(client, "outcomes", [outcome], 0)
            before = await client.query(
                "SELECT max(marked_at) FROM frwatch.rollup_marks WHERE day > '2025-02-05'"
            )
            await Rollups(client).settle(quiet=True)
            after = await client.query(
                "SELECT max(marked_at) FROM frwatch.rollup_marks WHERE day > '2025-02-05'"
            )
            assert before.result_rows == after.result_rows

    asyncio.run(run())


def test_what_retention_removes_is_counted_no_more(settings: Settings) -> None:
    """And the access of the day before that a removed search reported is unreported now."""

    async def run() -> None:
        ran = Search(uuid.uuid4(), 0, MIDNIGHT + HOUR / 3, officer="a" * 64)
        seen = replace(ran, event_id=uuid.uuid4(), occurred_at=MIDNIGHT - HOUR / 3, evidence="ACCESS")
        async with connect(settings) as client:
            await store(client, "searches", [ran, seen], 0)
            await settled(client)
            assert await cells(client) == expected([ran, seen], [])
            end = ran.occurred_at + HOUR
            cutoffs = [Cutoff(None, tier, end if tier == "SEARCH" else None) for tier in TIERS]
            await asyncio.to_thread(apply, settings, cutoffs, None, "S1", ARRIVED)
            assert await cells(client) == expected([seen], [])
            await settled(client)
            assert await cells(client) == expected([seen], [])

    asyncio.run(run())


def test_documents_know_nobody_who_was_expunged(settings: Settings) -> None:
    async def run() -> None:
        seen = Search(uuid.uuid4(), 0, MIDNIGHT, evidence="ACCESS", officer="a" * 64)
        order = Order(name_of(b"k" * 32, "officer", "", "a" * 64), "Superior Court, 26-77", "S1")
        people = (
            "SELECT arrayJoin(arrayFlatten(`unreported.people`)) = cityHash64(repeat('a', 64)) AS is_he,"
            " count() FROM frwatch.rollup_documents GROUP BY is_he"
        )
        async with connect(settings) as client:
            await store(client, "searches", [seen], 0)
            await settled(client)
            assert (await client.query(people)).result_rows == [(1, 1)]
            await asyncio.to_thread(expunge, settings, order, "a" * 64)
            await settled(client)
            await client.command("OPTIMIZE TABLE frwatch.rollup_documents FINAL")
            assert (await client.query(people)).result_rows == [(0, 1)]
            found = await cells(client)
            assert found["unreported_by_day"] == expected([seen], [])["unreported_by_day"]
            # What a court may have had erased (service, image) is not taken for left out by the source.
            assert list(found["sources_by_day"].values()) == [(1, 0, 0, 1, 1, 0)]

    asyncio.run(run())


@pytest.mark.parametrize("shape", [0, 2])
def test_a_worker_of_an_older_version_makes_no_document(settings: Settings, shape: int) -> None:
    async def run() -> None:
        async with connect(settings) as client:
            with pytest.raises(DatabaseError, match="shape_of_its_version"):
                await client.command(
                    "INSERT INTO frwatch.rollup_documents (agency_id, day, run, document, settled_at, shape)"
                    f" VALUES ('lapd', '2025-02-01', 1, 1, now64(6), {shape})"
                )

    asyncio.run(run())


@pytest.mark.parametrize(("through", "more"), [(20, ""), (22, ", 2 AS shape")])
def test_what_was_rolled_up_before_there_were_these_is_made_anew(
    tmp_path: Path, through: int, more: str
) -> None:
    async def run(settings: Settings) -> None:
        choose = random.Random(4)  # noqa: S311
        searches = some(choose, 50)
        outcomes = told(choose, searches, 20)
        await migrate(settings, [each for each in shipped_migrations() if each.number <= through])
        async with connect(settings) as client:
            await store(client, "searches", searches, 0)
            await store(client, "outcomes", outcomes, 0)
            await client.command(
                "INSERT INTO frwatch.rollup_documents"
                f" (agency_id, day, run, document, settled_at{', shape' if more else ''})"
                f" SELECT agency_id, day, 1, 1, marked_at + toIntervalSecond(30){more}"
                " FROM frwatch.rollup_marks"
            )
            await client.command("INSERT INTO frwatch.rollup_watermarks SELECT now64(6)")
            await migrate(settings)
            assert await cells(client) == expected(searches, outcomes)
            await settled(client)
            assert await cells(client) == expected(searches, outcomes)

    with running_clickhouse(tmp_path) as engine:
        asyncio.run(run(Settings(clickhouse=SecretStr(engine.url))))
