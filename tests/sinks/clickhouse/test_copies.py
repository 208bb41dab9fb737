"""Differing copies of searches are settled on the real engine, by several workers at one time."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from clickhouse_connect.driver import AsyncClient
from pydantic import SecretStr

from schemas.settings import Settings
from sinks.clickhouse import copies
from sinks.clickhouse.client import connect
from sinks.clickhouse.copies import SPAN, Copies, _parts
from sinks.clickhouse.migrate import migrate, shipped_migrations
from sinks.clickhouse.writer import Writer
from tests.support.clickhouse import migrated_clickhouse, running_clickhouse

NOON = datetime(2023, 6, 1, 12, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with migrated_clickhouse(tmp_path_factory.mktemp("copies")) as found:
        yield found


@dataclass(frozen=True)
class Copy:
    """A copy of an event: where it stands, when it came, and what it says."""

    event_id: uuid.UUID
    offset: int
    second: int
    agency_id: str = "lapd"
    day: int = 0
    unit: str = ""
    rules: tuple[str, ...] = ()


def searches(copies: list[Copy], partition: int) -> dict[str, pl.DataFrame]:
    """The rows that a worker inserts for these copies, in one range."""

    def position(copy: Copy) -> dict[str, Any]:
        return {
            "event_id": copy.event_id.bytes,
            "occurred_at": NOON + timedelta(days=copy.day),
            "agency_id": copy.agency_id,
            "ingested_at": START + timedelta(seconds=copy.second),
            "kafka_topic": "t",
            "kafka_partition": partition,
            "kafka_offset": copy.offset,
        }

    rows = [position(copy) | {"unit": copy.unit, "broken_rules": list(copy.rules)} for copy in copies]
    findings = [
        position(copy)
        | {
            "violation_id": uuid.uuid5(copy.event_id, rule).bytes,
            "policy_id": rule.split("/")[0],
            "rule_id": rule.split("/")[1],
        }
        for copy in copies
        for rule in copy.rules
    ]
    types: dict[str, Any] = {"broken_rules": pl.List(pl.String), "kafka_partition": pl.Int32}
    tables = {"searches": pl.DataFrame(rows, schema_overrides=types)}
    return tables | ({"violations": pl.DataFrame(findings, schema_overrides=types)} if findings else {})


async def store(client: AsyncClient, copies: list[Copy], partition: int, *, settle: bool = True) -> None:
    """Store a range of one partition, as a worker does, and settle its copies."""
    first, last = copies[0].offset, copies[-1].offset
    token = f"t:{partition}:{first}-{last}:{uuid.uuid4()}"
    await Writer(client).write(searches(copies, partition), token)
    if settle:
        settler = Copies(client)
        settler.note("t", partition, first, last)
        await settler.settle()


async def seen(client: AsyncClient, event_ids: list[uuid.UUID]) -> dict[uuid.UUID, list[tuple[Any, ...]]]:
    """The rows of each event that analysts see, each with its findings."""
    rows = await client.query(
        "SELECT s.event_id, s.agency_id, s.unit, s.broken_rules, arraySort(groupArrayIf(v.policy_id || '/' ||"
        " v.rule_id, v.rule_id != '')) FROM frwatch.searches AS s LEFT JOIN frwatch.violations AS v"
        " ON v.event_id = s.event_id WHERE s.event_id IN {ids:Array(UUID)} GROUP BY ALL",
        {"ids": event_ids},
    )
    found: dict[uuid.UUID, list[tuple[Any, ...]]] = {event_id: [] for event_id in event_ids}
    for event_id, *row in rows.result_rows:
        found[event_id].append(tuple(row))
    return found


def test_workers_that_meet_copies_at_one_time_leave_one_row_of_each(settings: Settings) -> None:
    """Three workers each store a copy of 40 events, with other agencies, days and findings, all at once."""

    async def run() -> None:
        choose = random.Random(7)  # noqa: S311  reproducible, no secret
        events = [uuid.uuid4() for _ in range(40)]
        ranges = [
            [
                Copy(
                    event_id,
                    offset,
                    choose.randrange(5),
                    choose.choice(["lapd", "lasd"]),
                    choose.choice([0, 0, 40]),
                    choose.choice(["x", "y"]),
                    choose.choice([(), ("p/a",), ("p/a", "p/b"), ("q/c",)]),
                )
                for offset, event_id in enumerate(events, 1_000)
            ]
            for _ in range(3)
        ]
        async with connect(settings) as one, connect(settings) as two, connect(settings) as three:
            workers = (one, two, three)
            await asyncio.gather(
                *(store(w, copies, n) for n, (w, copies) in enumerate(zip(workers, ranges, strict=True)))
            )
            for event_id, rows in (await seen(one, events)).items():
                assert len(rows) == 1, f"{event_id} counts {len(rows)} times: {rows}"
                assert rows[0][2] == rows[0][3], "the findings are those of the copy that counts"
            for table in ("searches_raw", "violations_raw"):
                await one.command(f"OPTIMIZE TABLE frwatch.{table} FINAL")
            assert all(len(rows) == 1 for rows in (await seen(one, events)).values())

    asyncio.run(run())


def test_what_was_decided_stays_whatever_comes_later(settings: Settings) -> None:
    async def run() -> None:
        event = uuid.uuid4()
        async with connect(settings) as client:
            await store(client, [Copy(event, 1, second=5, agency_id="lapd", unit="x")], 10)
            await store(client, [Copy(event, 1, second=6, agency_id="lasd", unit="y", rules=("p/a",))], 11)
            assert (await seen(client, [event]))[event] == [("lapd", "x", [], [])]
            # A worker that had taken its copy before all others, and stores it after them.
            await store(client, [Copy(event, 1, second=1, agency_id="lasd", unit="z")], 12)
            await store(client, [Copy(event, 1, second=0, agency_id="lbpd", unit="z")], 13)
            assert (await seen(client, [event]))[event] == [("lapd", "x", [], [])]
            told = await client.query(
                "SELECT kafka_partition, first_kafka_partition, fields FROM frwatch.search_differences"
                " WHERE event_id = {id:UUID} ORDER BY 1",
                {"id": event},
            )
            assert [row[:2] for row in told.result_rows] == [(11, 10), (12, 10), (13, 10)]
            assert {name for row in told.result_rows for name in row[2]} <= {"agency_id", "unit"}

    asyncio.run(run())


def test_settling_again_changes_nothing_and_what_was_cut_off_is_done_later(settings: Settings) -> None:
    async def run() -> None:
        event = uuid.uuid4()
        async with connect(settings) as client:
            for partition, agency_id in ((20, "lapd"), (21, "lasd")):
                await store(client, [Copy(event, 7, partition, agency_id)], partition, settle=False)
            assert len((await seen(client, [event]))[event]) == 2
            settler = Copies(client)
            assert not settler.due
            settler.note("t", 21, 0, 6)
            settler.note("t", 21, 7, 9)
            task = asyncio.ensure_future(settler.settle())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await settler.settle() == (1, 1, 0)
            assert (await seen(client, [event]))[event] == [("lapd", "", [], [])]
            settler.note("t", 21, 7, 7)
            await settler.settle()
            assert len((await seen(client, [event]))[event]) == 1
            assert await settler.settle() == (0, 0, 0)

    asyncio.run(run())


def test_a_backlog_is_looked_at_piece_by_piece(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        monkeypatch.setattr(copies, "SPAN", 4)
        early, late = uuid.uuid4(), uuid.uuid4()
        async with connect(settings) as client:
            for partition, agency_id in ((40, "lapd"), (41, "lasd")):
                one = [Copy(early, 7, partition, agency_id), Copy(late, 8, partition, agency_id)]
                await store(client, one, partition, settle=False)
            settler = Copies(client)
            for first in (0, 4, 8):
                settler.note("t", 41, first, first + 3)
            found = [(await settler.settle()).searches for _ in range(3)]
            assert found == [0, 1, 1]
            assert await settler.settle() == (0, 0, 0)
            for event in (early, late):
                assert len((await seen(client, [event]))[event]) == 1

    asyncio.run(run())


def test_many_copies_are_settled_in_one_check(settings: Settings) -> None:
    """Their ids alone are longer than a URL may be."""

    async def run() -> None:
        events = [uuid.uuid4() for _ in range(150)]
        async with connect(settings) as client:
            for partition, unit in ((30, "x"), (31, "y")):
                copies = [Copy(each, n, partition, unit=unit) for n, each in enumerate(events)]
                await store(client, copies, partition, settle=False)
            settler = Copies(client)
            settler.note("t", 31, 0, len(events))
            assert await settler.settle() == (150, 0, 0)

    asyncio.run(run())


def test_large_spans_are_looked_at_in_parts() -> None:
    parts = _parts([("t", 0, 0, 2 * SPAN), ("t", 1, 5, 6), ("t", 2, 0, 0)])
    assert [sum(last - first + 1 for _, _, first, last in part) for part in parts] == [SPAN, SPAN, 4]
    assert parts[2] == [("t", 0, 2 * SPAN, 2 * SPAN), ("t", 1, 5, 6), ("t", 2, 0, 0)]


def test_copies_of_what_was_stored_by_an_earlier_version_are_found_too(tmp_path: Path) -> None:
    async def run(settings: Settings) -> None:
        same, other = uuid.uuid4(), uuid.uuid4()
        await migrate(settings, [each for each in shipped_migrations() if each.number < 5])
        async with connect(settings) as client:
            first = [Copy(same, 1, 0, unit="x", rules=("p/a",)), Copy(other, 2, 0, unit="x")]
            await store(client, first, 0, settle=False)
            await migrate(settings)
            again = [
                Copy(same, 1, 9, unit="x", rules=("p/a",)),
                Copy(other, 2, 9, agency_id="lasd", unit="x"),
            ]
            await store(client, again, 1)
            assert await seen(client, [same, other]) == {
                same: [("lapd", "x", ["p/a"], ["p/a"])],
                other: [("lapd", "x", [], [])],
            }
            told = await client.query("SELECT event_id, fields FROM frwatch.search_differences")
            assert told.result_rows == [(other, ["agency_id"])]

    with running_clickhouse(tmp_path) as engine:
        asyncio.run(run(Settings(clickhouse=SecretStr(engine.url))))
