"""What was searched most: answers are what the events say, whatever the lists know by then."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from clickhouse_connect.driver import AsyncClient
from pydantic import SecretStr

from schemas.retention import TIERS, Cutoff
from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.erasure import name_of
from sinks.clickhouse.expungements import expunge
from sinks.clickhouse.migrate import migrate, shipped_migrations
from sinks.clickhouse.most import KINDS, TABLES, Kind, MostSearched
from sinks.clickhouse.retention import apply
from sinks.clickhouse.tombstones import Order
from tests.support.clickhouse import migrated_clickhouse, running_clickhouse
from tests.support.most import SMALL, Ran, counts, listed, probe, proven, right, searched
from tests.support.use import ARRIVED, MIDNIGHT, store

SLICES = 24
DAY = timedelta(days=1)
NOON = MIDNIGHT + DAY / 2
EARLIER = -100_000
"""A second before all others: what has it wins."""


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with migrated_clickhouse(tmp_path) as found:
        yield found


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  reproducible, no secret


def some_of(choose: random.Random, searches: Sequence[Ran], days: Sequence[int]) -> list[Ran]:
    """Half of the searches of these days of the forty."""
    chosen = [each for each in searches if (each.occurred_at - MIDNIGHT).days in days]
    return choose.sample(chosen, len(chosen) // 2)


@pytest.mark.parametrize(("seed", "kinds"), [(1, SMALL), (2, KINDS)])
def test_no_cell_is_wrong_at_any_moment(settings: Settings, seed: int, kinds: tuple[Kind, ...]) -> None:
    async def run() -> None:
        choose = seeded(seed)
        searches = searched(choose, 2400)
        async with connect(settings) as client:
            await store(client, "searches", searches, 0)
            await right(client, searches, "as they came")
            for _ in range(7):
                await MostSearched(client).settle(kinds, quiet=True)
            assert await proven(client) == (False, False)
            await right(client, searches, "with lists of a few slices")
            assert await listed(client, kinds) == SLICES - 7
            assert await proven(client) == (True, True)
            await right(client, searches, "with lists of all")

            more = [
                replace(each, event_id=uuid.UUID(int=choose.getrandbits(128)), second=each.second + 5000)
                for each in some_of(choose, searches, [38, 39])
            ]
            # A case and a probe that no list has, more often than any.
            first = Ran(uuid.uuid4(), 6000, NOON + 38 * DAY, case_number="26-1", probe_hash="e" * 64)
            new = [replace(first, event_id=uuid.uuid4(), officer=str(each)) for each in range(50)]
            for part, copies in enumerate((more, new), 1):
                searches += copies
                await store(client, "searches", copies, part)
                await right(client, searches, "when more came")
            assert await proven(client, "lapd") == (False, False)
            await listed(client, kinds)
            assert await proven(client) == (True, True)
            await right(client, searches, "and is on lists")

            again = [replace(each, second=each.second + 20_000) for each in searches[::9]]
            later = [
                replace(each, second=each.second + 30_000, case_number="26-2", probe_hash="f" * 64)
                for each in searches[4::9]
            ]
            searches += [*again, *later]
            await store(client, "searches", [*again, *later], 3)
            await right(client, searches, "when copies came that count for nothing")
            await listed(client, kinds)

            # Copies that came first, with other cases and probes: what is on lists has fewer searches by now.
            won = []
            for each in some_of(choose, searches, [3, 4]):
                other = choose.choice(searches)
                winner = replace(each, second=each.second + EARLIER)
                won.append(replace(winner, case_number=other.case_number, probe_hash=other.probe_hash))
            # And of other agencies and days.
            moved = [
                replace(each, second=each.second + 2 * EARLIER, occurred_at=NOON + 6 * DAY, agency_id="lasd")
                for each in some_of(choose, searches, [5])
            ]
            for part, copies in enumerate((won, moved), 4):
                searches += copies
                await store(client, "searches", copies, part)
                await right(client, searches, "when copies came that win")
            assert await in_use(client)
            await client.command("OPTIMIZE TABLE frwatch.searches_raw FINAL")
            await right(client, searches, "when what lost is merged away")
            for _ in range(9):
                await MostSearched(client).settle(kinds, quiet=True)
            await right(client, searches, "with lists some of which are older")
            assert await listed(client, kinds) == SLICES - 9
            for table in ("rollup_case_lists", "rollup_probe_lists", "rollup_search_marks"):
                await client.command(f"OPTIMIZE TABLE frwatch.{table} FINAL")
            assert await proven(client) == (True, True)
            await right(client, searches, "when all is merged")

    asyncio.run(run())


def tied(cases: int, each: int) -> list[Ran]:
    """Cases of the LAPD, and probes, with as many searches each, one a day, within forty days."""
    made = []
    for second in range(cases * each):
        case = second // each
        ran = Ran(uuid.uuid4(), second, NOON + second % 40 * DAY, case_number=f"25-{case:03}")
        made.append(replace(ran, probe_hash=probe(case)))
    return made


def test_of_cases_with_as_many_searches_the_first_by_number_are_shown(settings: Settings) -> None:
    async def run() -> None:
        searches = tied(200, 3)
        async with connect(settings) as client:
            await store(client, "searches", searches, 0)
            await listed(client, KINDS)
            assert (await proven(client))[0], "all of them are listed"
            await right(client, searches, "with lists of all")
            # What comes to a case that is known is known too, and it stands before all others.
            more = [replace(searches[-1], event_id=uuid.uuid4(), second=5000)]
            await store(client, "searches", more, 1)
            assert (await proven(client))[0]
            await right(client, [*searches, *more], "when one has more")
            # A new one has fewer for certain: it had none that is listed, and so one at the most.
            new = [replace(each, event_id=uuid.uuid4(), second=6000, case_number="24-1") for each in more]
            await store(client, "searches", new, 2)
            assert (await proven(client))[0]
            await right(client, [*searches, *more, *new], "when a new one came")
            # Of three new ones it is not known: they are counted.
            new += [replace(each, event_id=uuid.uuid4(), second=7000 + at) for at in range(2) for each in new]
            await store(client, "searches", new[1:], 3)
            assert not (await proven(client))[0]
            await right(client, [*searches, *more, *new], "when it is searched as often")

    asyncio.run(run())


def test_a_list_without_room_for_all_that_have_as_many_proves_nothing(settings: Settings) -> None:
    async def run() -> None:
        searches = tied(200, 3)
        async with connect(settings) as client:
            await store(client, "searches", searches, 0)
            # For most of them: a hundred probes and twenty cases at least.
            cases, probes = KINDS
            await listed(client, (replace(cases, room=20), replace(probes, room=60)))
            answer = await client.query("SELECT DISTINCT counts, floor FROM frwatch.rollup_lists")
            assert answer.result_rows == [(True, 3)]
            assert await proven(client) == (False, False)
            await right(client, searches, "as all are counted")

    asyncio.run(run())


def test_lists_are_of_no_use_where_much_was_touched(settings: Settings) -> None:
    async def run() -> None:
        searches = searched(seeded(3), 2400)
        async with connect(settings) as client:
            await store(client, "searches", searches, 0)
            await listed(client)
            more = searched(seeded(4), 300, 5000)
            await store(client, "searches", more, 1)
            assert await proven(client) == (False, False)
            assert not await in_use(client)
            await right(client, [*searches, *more], "when all days were touched")

    asyncio.run(run())


async def lists(client: AsyncClient) -> int:
    counts = [await client.query(f"SELECT count() FROM frwatch.{table}") for table in TABLES]
    return sum(int(each.result_rows[0][0]) for each in counts)


async def in_use(client: AsyncClient) -> bool:
    return bool((await client.query("SELECT min(counts) FROM frwatch.rollup_lists")).result_rows[0][0])


def test_what_retention_removes_is_on_no_list(settings: Settings) -> None:
    async def run() -> None:
        searches = searched(seeded(5), 2400)
        async with connect(settings) as client:
            await store(client, "searches", searches, 0)
            await listed(client)
            for days in (0, 2, 100):
                ends = [Cutoff(None, tier, MIDNIGHT + days * DAY) for tier in TIERS]
                await asyncio.to_thread(apply, settings, ends, None, "S1", ARRIVED)
                assert await lists(client) == (SLICES if days == 0 else 0), "nothing was due at first"
                left = [each for each in searches if each.occurred_at >= MIDNIGHT + days * DAY]
                await right(client, left, "when some are removed")
                await listed(client)
                assert await proven(client) == (days < 100,) * 2
                await right(client, left, "and lists are made anew")

    asyncio.run(run())


def test_what_was_expunged_is_on_no_list(settings: Settings) -> None:
    """The case that was searched most; its searches still count."""

    async def run() -> None:
        searches = searched(seeded(6), 2400)
        (agency, number), _ = counts(searches).most_common(1)[0]
        name = name_of(b"k" * 32, "case", agency, number)
        order = Order(name, "Superior Court, 26-77", "S1")
        named = "SELECT countIf(has(`cases.case_number`, {of:String})) FROM frwatch.rollup_case_lists"
        async with connect(settings) as client:
            await store(client, "searches", searches, 0)
            await listed(client)
            assert (await client.query(named, {"of": number})).result_rows[0][0] > 0
            await asyncio.to_thread(expunge, settings, order, number, [agency])
            assert await lists(client) == 0
            left = [
                replace(each, case_number=name.token)
                if (each.agency_id, each.case_number) == (agency, number)
                else each
                for each in searches
            ]
            # The court took the image from these too.
            left = [
                replace(each, probe_hash=None) if each.case_number == name.token else each for each in left
            ]
            await right(client, left, "when it is erased")
            await listed(client)
            assert await proven(client) == (True, True)
            await right(client, left, "and lists are made anew")

    asyncio.run(run())


def test_a_list_that_was_begun_before_something_was_erased_is_made_anew(settings: Settings) -> None:
    async def run() -> None:
        searches = searched(seeded(7), 400)
        async with connect(settings) as client:
            await store(client, "searches", searches, 0)
            for _ in range(SLICES):
                await MostSearched(client).settle()
            assert await MostSearched(client).settle() == 0
            await client.command(
                "INSERT INTO frwatch.expungements_raw (expungement_id, step, at)"
                " SELECT generateUUIDv4(), 'finished', now64(6) + toIntervalSecond(30)"
            )
            for _ in range(SLICES):
                assert await MostSearched(client).settle() == 1

    asyncio.run(run())


def test_an_insert_that_may_be_under_way_is_counted_from_the_tables(settings: Settings) -> None:
    """And a list that is young is not made again, though what it is of was touched just before."""

    async def run() -> None:
        searches = searched(seeded(8), 2400)
        async with connect(settings) as client:
            await store(client, "searches", searches, 0)
            assert sum([await MostSearched(client).settle(SMALL) for _ in range(SLICES + 3)]) == SLICES
            assert not await in_use(client)
            await right(client, searches, "with lists that do not count yet")

    asyncio.run(run())


def test_nothing_is_listed_where_nothing_is_stored(settings: Settings) -> None:
    async def run() -> None:
        async with connect(settings) as client:
            assert await MostSearched(client).settle() == 0
            assert await listed(client) == 0
            await right(client, [], "of nothing")

    asyncio.run(run())


def test_lists_that_several_make_at_one_time_do_no_harm(settings: Settings) -> None:
    async def run() -> None:
        searches = searched(seeded(9), 2400)
        async with connect(settings) as one, connect(settings) as two:
            await store(one, "searches", searches, 0)
            while await lists(one) < 3 * SLICES:
                await asyncio.gather(*(MostSearched(each).settle(SMALL) for each in (one, two)))
                if await MostSearched(one).settle(SMALL) == 0:
                    break
            await listed(one)
            await right(two, searches, "when two made them")

    asyncio.run(run())


def test_what_was_stored_before_is_on_lists(tmp_path: Path) -> None:
    async def run(settings: Settings) -> None:
        searches = searched(seeded(10), 2400)
        await migrate(settings, [each for each in shipped_migrations() if each.number <= 21])
        async with connect(settings) as client:
            await store(client, "searches", searches, 0)
            await migrate(settings)
            await right(client, searches, "when the tables are new")
            await listed(client)
            assert await proven(client) == (True, True)
            await right(client, searches, "with lists")

    with running_clickhouse(tmp_path) as engine:
        asyncio.run(run(Settings(clickhouse=SecretStr(engine.url))))
