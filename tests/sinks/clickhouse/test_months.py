"""Who searches how often, in which services, on whose accounts, among whose faces: by month, as they came."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
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
from sinks.clickhouse.months import Months
from sinks.clickhouse.retention import apply
from sinks.clickhouse.rollups import Rollups
from sinks.clickhouse.tombstones import Order
from tests.support import use
from tests.support.clickhouse import migrated_clickhouse, running_clickhouse

TABLES = ("searches_raw", "rollup_months", "rollup_search_marks")


@dataclass(frozen=True)
class Search(use.Search):
    """A search, with what months tell apart."""

    operator: str | None = None
    account: str | None = None
    gallery_kinds: tuple[str, ...] = ()


def some(choose: random.Random, count: int) -> list[Search]:
    """Searches of three months, some in each one's first and last hour."""
    made = []
    for second in range(count):
        month = datetime(2025, choose.choice([1, 2, 3]), 1, tzinfo=UTC)
        hours = choose.choice([-0.5, 0.5, choose.random() * 600])
        provider_id = choose.choice(["lacris", "pimeyes", None])
        made.append(
            Search(
                uuid.UUID(int=choose.getrandbits(128)),
                second,
                month + timedelta(hours=hours),
                choose.choice(["lapd", "lasd"]),
                evidence=choose.choice(["SEARCH", "SEARCH", "SEARCH", "ACCESS"]),
                officer=choose.choice([None, "a" * 64, "b" * 64, "c" * 64]),
                provider_id=provider_id,
                provider_class=choose.choice(["government", "commercial", "not_fr"]),
                operator=provider_id and f"operator of {provider_id}",
                account=choose.choice([None, "agency", "trial", "personal"]),
                gallery_kinds=choose.choice([(), ("booking_photos",), ("booking_photos", "web")]),
                case_number=choose.choice([None, "25-1"]),
            )
        )
    return made


def expected(copies: Sequence[Search]) -> use.Cells:
    """Every cell, one event after the other."""
    groups: defaultdict[str, defaultdict[Any, list[Search]]] = defaultdict(lambda: defaultdict(list))
    for each in use.firsts(copies, "event_id"):
        if not each.counted:
            continue
        month = each.agency_id, each.occurred_at.year * 100 + each.occurred_at.month
        if each.officer:
            groups["people_by_month"][*month, each.officer, each.provider_class].append(each)
        groups["services_by_month"][*month, each.provider_id, each.provider_class, each.operator].append(each)
        if each.account in {"trial", "personal"}:
            groups["private_accounts_by_month"][*month, each.account, each.provider_id].append(each)
        for kind in each.gallery_kinds or (None,):
            groups["galleries_by_month"][*month, kind].append(each)

    def people(group: list[Search]) -> int:
        return len({each.officer for each in group} - {None})

    def moments(group: list[Search]) -> list[datetime]:
        return [each.occurred_at for each in group]

    figures: dict[str, Callable[[list[Search]], tuple[Any, ...]]] = {
        "people_by_month": lambda group: (
            len(group),
            sum(1 << (day - 1) for day in {each.occurred_at.day for each in group}),
        ),
        "services_by_month": lambda group: (
            len(group),
            min(moments(group)),
            max(moments(group)),
            people(group),
        ),
        "private_accounts_by_month": lambda group: (
            len(group),
            sum(each.case_number is None for each in group),
            max(moments(group)),
            people(group),
        ),
        "galleries_by_month": lambda group: (len(group), people(group)),
    }
    return {
        view: {key: figures[view](group) for key, group in cells.items()} for view, cells in groups.items()
    }


COLUMNS = {
    "people_by_month": (
        "agency_id, month, transform(person, [{people}], [{names}], ''), provider_class",
        "searches, days",
    ),
    "services_by_month": (
        "agency_id, month, provider_id, provider_class, operator",
        "searches, first_at, last_at, length(people)",
    ),
    "private_accounts_by_month": (
        "agency_id, month, account, provider_id",
        "searches, no_case, last_at, length(people)",
    ),
    "galleries_by_month": ("agency_id, month, kind", "searches, length(people)"),
}


async def cells(client: AsyncClient) -> use.Cells:
    """Every cell, as an analyst reads it; people by the pseudonyms that their hashes are of."""
    names = [letter * 64 for letter in "abcd"]
    known = {
        "{people}": ", ".join(f"cityHash64('{name}')" for name in names),
        "{names}": ", ".join(f"'{name}'" for name in names),
    }
    found: use.Cells = {}
    for view, (keys, figures) in COLUMNS.items():
        for mark, text in known.items():
            keys = keys.replace(mark, text)
        answer = await client.query(f"SELECT ({keys}), ({figures}) FROM frwatch.{view}", tz_mode="aware")
        found[view] = {tuple(key): tuple(values) for key, values in answer.result_rows}
        assert len(found[view]) == len(answer.result_rows), "one row for each"
    return {view: rows for view, rows in found.items() if rows}


async def settled(client: AsyncClient) -> None:
    while await Months(client).settle(quiet=True):
        pass
    answer = await client.query("SELECT count() FROM frwatch.rollup_months_open")
    assert answer.result_rows == [(0,)], "all is in documents"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with migrated_clickhouse(tmp_path) as found:
        yield found


def test_no_cell_is_wrong_at_any_moment(settings: Settings) -> None:
    async def run() -> None:
        choose = random.Random(22)  # noqa: S311  reproducible, no secret
        searches = some(choose, 400)
        async with connect(settings) as client:

            async def right(when: str) -> None:
                wanted, found = expected(searches), await cells(client)
                for view in COLUMNS:
                    assert found[view] == wanted[view], f"{view} {when}"

            await use.store(client, "searches", searches, 0)
            await right("as they came")
            assert await Months(client).settle(1, quiet=True) == 1
            await right("with a document of one agency and month")
            await settled(client)
            await right("with documents of all")

            # Copies that say otherwise: later ones count for nothing, earlier ones for all.
            again = [replace(each, second=each.second + 1000) for each in searches[::10]]
            later = [replace(each, second=each.second + 1000, officer="d" * 64) for each in searches[3::10]]
            earlier = [
                replace(
                    each,
                    second=-each.second - 1,
                    occurred_at=each.occurred_at + timedelta(days=20),
                    officer="d" * 64,
                )
                for each in searches[5::10]
            ]
            searches += [*again, *later, *earlier]
            await use.store(client, "searches", [*again, *later, *earlier], 1)
            await right("when searches came again, some otherwise")
            await settled(client)
            await right("when these are in documents")
            for table in TABLES:
                await client.command(f"OPTIMIZE TABLE frwatch.{table} FINAL")
            await right("when all is merged")

    asyncio.run(run())


def test_a_month_is_made_once_it_rests(settings: Settings) -> None:
    """And what was touched within the hour is counted from the table meanwhile."""

    async def run() -> None:
        rested = Search(uuid.uuid4(), 0, datetime(2025, 1, 5, tzinfo=UTC), officer="a" * 64)
        lasting = replace(rested, event_id=uuid.uuid4(), occurred_at=datetime(2025, 2, 5, tzinfo=UTC))
        async with connect(settings) as client:
            await use.store(client, "searches", [rested, lasting], 0)
            assert await Months(client).settle() == 0
            # As if January had been touched an hour ago.
            await client.command(
                "ALTER TABLE frwatch.rollup_search_marks DELETE WHERE day < '2025-02-01'"
                " SETTINGS mutations_sync = 2"
            )
            await client.command(
                "INSERT INTO frwatch.rollup_search_marks"
                " SELECT 'lapd', '2025-01-05', now64(6, 'UTC') - toIntervalHour(1)"
            )
            assert await Months(client).settle() == 1
            assert await Months(client).settle() == 0
            answer = await client.query("SELECT month FROM frwatch.rollup_months_open")
            assert answer.result_rows == [(202502,)]
            assert await cells(client) == expected([rested, lasting])

    asyncio.run(run())


def test_outcomes_touch_no_month(settings: Settings) -> None:
    """They come for months after a search, and mark its day."""

    async def run() -> None:
        ran = Search(uuid.uuid4(), 0, datetime(2025, 1, 5, tzinfo=UTC), officer="a" * 64)
        outcome = use.Outcome(uuid.uuid4(), 0, ran.occurred_at + use.MONTH, "LEAD", ran.event_id)
        async with connect(settings) as client:
            await use.store(client, "searches", [ran], 0)
            await settled(client)
            await Rollups(client).settle(quiet=True)
            await use.store(client, "outcomes", [outcome], 0)
            assert await Rollups(client).settle(quiet=True) == 1
            answer = await client.query("SELECT count() FROM frwatch.rollup_months_open")
            assert answer.result_rows == [(0,)]

    asyncio.run(run())


def test_what_retention_removes_is_counted_no_more(settings: Settings) -> None:
    async def run() -> None:
        old = Search(uuid.uuid4(), 0, datetime(2025, 1, 31, 23, 30, tzinfo=UTC), officer="a" * 64)
        young = replace(old, event_id=uuid.uuid4(), occurred_at=datetime(2025, 2, 5, tzinfo=UTC))
        async with connect(settings) as client:
            await use.store(client, "searches", [old, young], 0)
            await settled(client)
            cutoffs = [Cutoff(None, tier, young.occurred_at) for tier in TIERS]
            await asyncio.to_thread(apply, settings, cutoffs, None, "S1", use.ARRIVED)
            assert await cells(client) == expected([young])
            await settled(client)
            assert await cells(client) == expected([young])

    asyncio.run(run())


def test_months_know_nobody_who_was_expunged(settings: Settings) -> None:
    async def run() -> None:
        ran = Search(uuid.uuid4(), 0, datetime(2025, 1, 5, tzinfo=UTC), officer="a" * 64, account="trial")
        order = Order(name_of(b"k" * 32, "officer", "", "a" * 64), "Superior Court, 26-77", "S1")
        everybody = (
            "arrayConcat(`people.person`, arrayFlatten(`services.people`), arrayFlatten(`accounts.people`),"
            " arrayFlatten(`galleries.people`))"
        )
        people = (
            f"SELECT countEqual({everybody}, cityHash64(repeat('a', 64))), length({everybody})"
            " FROM frwatch.rollup_months"
        )
        async with connect(settings) as client:
            await use.store(client, "searches", [ran], 0)
            await settled(client)
            assert (await client.query(people)).result_rows == [(4, 4)]
            await asyncio.to_thread(expunge, settings, order, "a" * 64)
            await settled(client)
            await client.command("OPTIMIZE TABLE frwatch.rollup_months FINAL")
            assert (await client.query(people)).result_rows == [(0, 4)]

    asyncio.run(run())


def test_what_was_stored_before_there_were_months_counts(tmp_path: Path) -> None:
    async def run(settings: Settings) -> None:
        searches = some(random.Random(4), 50)  # noqa: S311
        await migrate(settings, [each for each in shipped_migrations() if each.number < 22])
        async with connect(settings) as client:
            await use.store(client, "searches", searches, 0)
            await migrate(settings)
            assert await cells(client) == expected(searches)
            await settled(client)
            assert await cells(client) == expected(searches)

    with running_clickhouse(tmp_path) as engine:
        asyncio.run(run(Settings(clickhouse=SecretStr(engine.url))))
