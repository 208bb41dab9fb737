"""Which probe was searched again and again: right at every moment, on the real engine."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver import AsyncClient
from pydantic import SecretStr

from schemas.retention import TIERS, Cutoff
from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.erasure import name_of
from sinks.clickhouse.expungements import expunge
from sinks.clickhouse.migrate import migrate, shipped_migrations
from sinks.clickhouse.repeated_probes import RepeatedProbes
from sinks.clickhouse.retention import apply
from sinks.clickhouse.tombstones import Order
from tests.support.clickhouse import migrated_clickhouse, running_clickhouse
from tests.support.use import ARRIVED, HOUR, MIDNIGHT, Search, firsts, some, store

Found = dict[tuple[str, str], tuple[Any, ...]]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with migrated_clickhouse(tmp_path) as found:
        yield found


def with_probes(choose: random.Random, searches: Sequence[Search], images: int) -> list[Search]:
    """The searches with probes of so many images; of some nobody says which."""
    pool = [None, "", *(f"{choose.getrandbits(256):064x}" for _ in range(images))]
    return [replace(each, probe_hash=choose.choice(pool)) for each in searches]


def expected(copies: Sequence[Search]) -> Found:
    """What is to be found, by probe and agency."""
    probes: defaultdict[str, list[Search]] = defaultdict(list)
    for each in firsts(copies, "event_id"):
        if each.counted and each.probe_hash:
            probes[each.probe_hash[:12]].append(each)
    found: Found = {}
    for probe, everywhere in probes.items():
        if len(everywhere) > 1:
            for agency_id in {each.agency_id for each in everywhere}:
                own = [each for each in everywhere if each.agency_id == agency_id]
                found[probe, agency_id] = (
                    len(own),
                    len({each.officer for each in own} - {None}),
                    len({each.case_number for each in own} - {None}),
                    sorted({each.provider_id or "" for each in own}),
                    min(each.occurred_at for each in own),
                    max(each.occurred_at for each in own),
                )
    return found


async def found(client: AsyncClient) -> Found:
    """What an analyst finds."""
    answer = await client.query(
        "SELECT probe, agency_id, searches, people, cases, arraySort(services), first_at, last_at"
        " FROM frwatch.repeated_probes WHERE probe_key IN (SELECT probe_key FROM frwatch.repeated_probes"
        " GROUP BY probe_key HAVING sum(searches) > 1)",
        tz_mode="aware",
    )
    rows = {(probe, agency): tuple(rest) for probe, agency, *rest in answer.result_rows}
    assert len(rows) == len(answer.result_rows), "one row for each"
    return rows


async def settled(client: AsyncClient, rows: int = 4_000_000) -> None:
    while await RepeatedProbes(client).settle(rows, quiet=True):
        pass
    assert await open_probes(client) == 0


async def open_probes(client: AsyncClient) -> int:
    answer = await client.query("SELECT count() FROM frwatch.rollup_probes_open")
    return int(answer.result_rows[0][0])


def test_nothing_is_wrong_at_any_moment(settings: Settings) -> None:
    async def run() -> None:
        choose = random.Random(40)  # noqa: S311  reproducible, no secret
        searches = with_probes(choose, some(choose, 400), 60)
        async with connect(settings) as client:

            async def right(when: str) -> None:
                assert await found(client) == expected(searches), when

            for part in range(4):
                await store(client, "searches", searches[part * 100 : part * 100 + 100], part)
            await right("as they came")
            await RepeatedProbes(client).settle(30, quiet=True)
            assert await open_probes(client) > 0
            await right("when some of them are in documents")
            await settled(client, 30)
            await right("when all of them are")

            again = [replace(each, second=each.second + 2000) for each in searches[::5]]
            searches += again
            await store(client, "searches", again, 4)
            await right("when some came again")
            await settled(client)
            await right("and are in documents")

            # A copy that came first takes the place of another, on the same day, with another probe or none.
            earlier = [
                replace(each, second=-each.second - 1, probe_hash=choose.choice(searches).probe_hash)
                for each in searches[3:400:9]
            ]
            searches += earlier
            await store(client, "searches", earlier, 5)
            await client.command("OPTIMIZE TABLE frwatch.searches_raw FINAL")
            await right("when what was counted is merged away")
            await settled(client)
            await right("and documents are made anew")

            # On other days, by other agencies.
            moved = [
                replace(
                    each,
                    second=-each.second - 5000,
                    occurred_at=each.occurred_at + timedelta(days=3),
                    agency_id=choose.choice(["lapd", "lasd", "lbpd"]),
                    probe_hash=choose.choice(searches).probe_hash,
                )
                for each in searches[5:400:11]
            ]
            searches += moved
            await store(client, "searches", moved, 6)
            await right("when what was counted is outranked")
            await settled(client)
            for table in ("searches_raw", "rollup_probe_documents"):
                await client.command(f"OPTIMIZE TABLE frwatch.{table} FINAL")
            await right("when all is merged")

    asyncio.run(run())


def searched_twice() -> tuple[Search, Search]:
    one = Search(uuid.uuid4(), 0, MIDNIGHT, officer="a" * 64, case_number="25-1", probe_hash="d" * 64)
    return one, replace(one, event_id=uuid.uuid4(), agency_id="lasd", occurred_at=MIDNIGHT + 9 * HOUR)


def test_an_insert_that_may_be_under_way_is_waited_for(settings: Settings) -> None:
    async def run() -> None:
        async with connect(settings) as client:
            await store(client, "searches", searched_twice(), 0)
            assert await RepeatedProbes(client).settle() == 0
            assert await open_probes(client) == 2

    asyncio.run(run())


def test_what_retention_removes_is_counted_no_more(settings: Settings) -> None:
    async def run() -> None:
        one, other = searched_twice()
        third = replace(other, event_id=uuid.uuid4())
        async with connect(settings) as client:
            await store(client, "searches", [one, other, third], 0)
            await settled(client)
            assert await found(client) == expected([one, other, third])
            for cutoff, left in ((HOUR, [other, third]), (10 * HOUR, [])):
                ends = [Cutoff(None, tier, MIDNIGHT + cutoff) for tier in TIERS]
                await asyncio.to_thread(apply, settings, ends, None, "S1", ARRIVED)
                assert await found(client) == expected(left)
                await settled(client)
                assert await found(client) == expected(left)

    asyncio.run(run())


def test_what_was_expunged_is_in_no_document(settings: Settings) -> None:
    """A case is erased; the same probe was searched in two others, which still count."""

    async def run() -> None:
        one, other = searched_twice()
        third = replace(one, event_id=uuid.uuid4(), case_number="25-2")
        order = Order(name_of(b"k" * 32, "case", "lapd", "25-1"), "Superior Court, 26-77", "S1")
        events = (
            "SELECT countIf(event = cityHash64({id:UUID})), count() FROM frwatch.rollup_probe_documents"
            " FINAL ARRAY JOIN events AS event"
        )
        async with connect(settings) as client:
            await store(client, "searches", [one, other, third], 0)
            await settled(client)
            assert (await client.query(events, {"id": one.event_id})).result_rows == [(1, 3)]
            await asyncio.to_thread(expunge, settings, order, "25-1", ["lapd"])
            assert (await client.query(events, {"id": one.event_id})).result_rows[0][0] == 0
            assert await found(client) == expected([other, third])
            await settled(client)
            assert await found(client) == expected([other, third])
            assert (await client.query(events, {"id": one.event_id})).result_rows == [(0, 2)]

    asyncio.run(run())


def test_an_old_watermark_counts_for_nothing(settings: Settings) -> None:
    """Marks are kept for 60 days, so one that is 50 days old may have none of what came."""

    async def run() -> None:
        async with connect(settings) as client:
            searches = searched_twice()
            await store(client, "searches", searches, 0)
            for table in ("rollup_probe_marks", "rollup_probe_watermarks"):
                await client.command(f"TRUNCATE TABLE frwatch.{table}")
            await client.command(
                "INSERT INTO frwatch.rollup_probe_watermarks SELECT now64(6) - toIntervalDay(51)"
            )
            assert await found(client) == expected(searches)

    asyncio.run(run())


def test_the_watermark_stays_young_while_nothing_comes(settings: Settings) -> None:
    async def run() -> None:
        async with connect(settings) as client:
            await client.command(
                "INSERT INTO frwatch.rollup_probe_watermarks SELECT now64(6) - toIntervalDay(2)"
            )
            for _ in range(3):
                await RepeatedProbes(client).settle()
            answer = await client.query(
                "SELECT count(), max(through) > now64(6) - toIntervalMinute(2)"
                " FROM frwatch.rollup_probe_watermarks"
            )
            assert answer.result_rows == [(2, 1)]

    asyncio.run(run())


def test_two_that_settle_at_one_time_do_no_harm(settings: Settings) -> None:
    async def run() -> None:
        async with connect(settings) as one, connect(settings) as two:
            choose = random.Random(3)  # noqa: S311
            searches = with_probes(choose, some(choose, 200), 20)
            await store(one, "searches", searches, 0)
            tasks = (RepeatedProbes(client).settle(quiet=True) for client in (one, two, one, two))
            await asyncio.gather(*tasks)
            assert await found(one) == expected(searches)

    asyncio.run(run())


def test_what_was_stored_before_is_in_documents(tmp_path: Path) -> None:
    async def run(settings: Settings) -> None:
        choose = random.Random(5)  # noqa: S311
        searches = with_probes(choose, some(choose, 100), 10)
        await migrate(settings, [each for each in shipped_migrations() if each.number <= 21])
        async with connect(settings) as client:
            await store(client, "searches", searches, 0)
            await migrate(settings)
            assert await found(client) == expected(searches)
            await settled(client, 10)
            assert await found(client) == expected(searches)

    with running_clickhouse(tmp_path) as engine:
        asyncio.run(run(Settings(clickhouse=SecretStr(engine.url))))
