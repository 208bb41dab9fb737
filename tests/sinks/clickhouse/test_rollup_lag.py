"""How far roll-ups are behind, as an operator reads it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from clickhouse_connect.driver import AsyncClient

from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.months import Months
from sinks.clickhouse.rollups import Rollups
from tests.support.clickhouse import migrated_clickhouse
from tests.support.most import listed
from tests.support.use import MIDNIGHT, Outcome, Search, store

KINDS = ("cases", "days", "months", "outcomes", "probes")
SEARCHES = [
    Search(uuid.UUID(int=number + 1), number, MIDNIGHT + timedelta(days=number), agency_id)
    for number, agency_id in enumerate(["lapd", "lapd", "lasd"])
]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with migrated_clickhouse(tmp_path) as found:
        yield found


async def owed(client: AsyncClient) -> dict[str, int]:
    answer = await client.query("SELECT kind, owed, owed_since, lag_seconds FROM frwatch.rollup_lag")
    assert {kind for kind, *_ in answer.result_rows} == set(KINDS)
    assert len(answer.result_rows) == len(KINDS)
    for _, count, since, seconds in answer.result_rows:
        assert (since is None) == (count == 0)
        assert 0 <= seconds < 60
    return {kind: count for kind, count, *_ in answer.result_rows if count}


def test_what_was_touched_is_owed_until_it_is_counted(settings: Settings) -> None:
    async def run() -> None:
        async with connect(settings) as client:
            assert await owed(client) == {}, "an empty database owes nothing"
            await store(client, "searches", SEARCHES, 0)
            lists = {"cases": 16, "probes": 8}
            # The days of the searches, and the one on which they came, which sources are counted by.
            assert await owed(client) == {"days": 3 + 2, "months": 2, **lists}
            while await Rollups(client).settle(quiet=True):
                pass
            assert await owed(client) == {"months": 2, **lists}
            while await Months(client).settle(quiet=True):
                pass
            assert await owed(client) == lists
            await listed(client)
            assert await owed(client) == {}
            outcome = Outcome(uuid.UUID(int=9), 9, MIDNIGHT, "ARREST", SEARCHES[0].event_id)
            await store(client, "outcomes", [outcome], 1)
            assert await owed(client) == {"outcomes": 1}
            await store(client, "searches", [Search(uuid.UUID(int=8), 8, MIDNIGHT)], 2)
            assert await owed(client) == {"days": 1 + 1, "months": 1, "outcomes": 1}, (
                "young lists are owed nothing"
            )
            while await Rollups(client).settle(quiet=True):
                pass
            assert await owed(client) == {"months": 1}

    asyncio.run(run())


def test_the_lag_is_that_of_what_waits_longest(settings: Settings) -> None:
    async def lags(client: AsyncClient) -> dict[str, int]:
        answer = await client.query("SELECT kind, intDiv(lag_seconds, 3600) FROM frwatch.rollup_lag")
        return {kind: hours for kind, hours in answer.result_rows if hours}

    async def touch(client: AsyncClient, table: str, day: int, hours: int) -> None:
        touched = f"SELECT 'lapd', toDate32('2025-02-01') + {day}, now64(6, 'UTC') - INTERVAL {hours} HOUR"
        await client.command(f"INSERT INTO frwatch.{table} {touched}")

    async def run() -> None:
        async with connect(settings) as client:
            for day, hours in enumerate([3, 12, 1]):
                await touch(client, "rollup_marks", day, hours)
            await touch(client, "rollup_search_marks", 0, 10)
            assert await lags(client) == {"days": 12, "months": 10, "cases": 10, "probes": 10}
            await listed(client)
            assert await lags(client) == {"days": 12, "months": 10}, (
                "nothing was touched since they were made"
            )
            await touch(client, "rollup_search_marks", 1, 0)
            assert await lags(client) == {"days": 12, "cases": 9, "probes": 9}, (
                "a month is as old as its last day"
            )

    asyncio.run(run())
