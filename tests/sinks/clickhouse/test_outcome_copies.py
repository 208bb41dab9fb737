"""Copies of an outcome: the first counts, and what the others say otherwise is told."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from clickhouse_connect.driver import AsyncClient
from pydantic import SecretStr

from schemas.contracts import contract
from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.migrate import migrate, shipped_migrations
from sinks.clickhouse.writer import Writer
from tests.support.clickhouse import migrated_clickhouse, running_clickhouse

NOON = datetime(2023, 6, 1, 12, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with migrated_clickhouse(tmp_path_factory.mktemp("outcomes")) as found:
        yield found


async def store(client: AsyncClient, partition: int, *copies: dict[str, Any], again: bool = False) -> None:
    """Store copies as one range of a partition, as a worker does; `second` is when each came."""
    rows = [
        {
            "event_id": None,
            "agency_id": "lapd",
            "case_number": "20-1",
            "recorded_at": NOON,
            "kind": "LEAD",
            "note": None,
            "kafka_topic": "o",
            "kafka_partition": partition,
            "kafka_offset": offset,
            "ingested_at": START + timedelta(seconds=copy["second"]),
        }
        | {name: value for name, value in copy.items() if name != "second"}
        for offset, copy in enumerate(copies)
    ]
    types: dict[str, Any] = {"kafka_partition": pl.Int32, "event_id": pl.Binary, "note": pl.String}
    frame = pl.DataFrame(
        [row | {"outcome_id": row["outcome_id"].bytes} for row in rows], schema_overrides=types
    )
    for _ in range(2 if again else 1):
        await Writer(client).insert("outcomes", frame, f"o:{partition}")


async def rows(client: AsyncClient, sql: str, outcome_id: uuid.UUID) -> list[tuple[Any, ...]]:
    answer = await client.query(sql, {"id": outcome_id})
    return [tuple(row) for row in answer.result_rows]


COUNTED = "SELECT agency_id, kind FROM frwatch.outcomes WHERE outcome_id = {id:UUID}"
TOLD = (
    "SELECT kafka_partition, kafka_offset, first_kafka_partition, first_kafka_offset, arraySort(fields),"
    " toUnixTimestamp(ingested_at) - toUnixTimestamp(first_ingested_at)"
    " FROM frwatch.outcome_differences WHERE outcome_id = {id:UUID} ORDER BY ALL"
)


def test_the_first_copy_counts_and_what_later_ones_say_otherwise_is_told(settings: Settings) -> None:
    """Other agencies, cases, times and kinds; in other ranges, in one insert, and again after a merge."""

    async def run() -> None:
        one = uuid.uuid4()
        other = {"agency_id": "lasd", "case_number": "21-9", "recorded_at": NOON + timedelta(days=400)}
        async with connect(settings) as client:
            same, charge = (
                {"outcome_id": one, "second": 8},
                {"outcome_id": one, "second": 9, "kind": "CHARGE"},
            )
            await store(client, 2, {"outcome_id": one, "second": 7, **other}, same, charge)
            await store(client, 1, {"outcome_id": one, "second": 5})
            for _ in range(2):
                assert await rows(client, COUNTED, one) == [("lapd", "LEAD")]
                assert await rows(client, TOLD, one) == [
                    (2, 0, 1, 0, ["agency_id", "case_number", "recorded_at"], 2),
                    (2, 2, 1, 0, ["kind"], 4),
                ]
                for table in ("outcomes_raw", "outcome_arrivals"):
                    await client.command(f"OPTIMIZE TABLE frwatch.{table} FINAL")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("event_id", uuid.uuid4().bytes),
        ("agency_id", "lasd"),
        ("case_number", None),
        ("recorded_at", NOON + timedelta(microseconds=1)),
        ("kind", "ARREST"),
        ("age_band", "30-39"),
        ("race", "x"),
        ("gender", "x"),
        ("note", ""),
    ],
)
def test_each_field_that_differs_is_named(settings: Settings, name: str, value: Any) -> None:
    async def run() -> None:
        one = uuid.uuid4()
        partition = one.int % 10**9
        async with connect(settings) as client:
            first = {"outcome_id": one, "second": 0} | (
                {name: None} if name in ("age_band", "race", "gender") else {}
            )
            await store(client, partition, first, first | {name: value, "second": 1})
            assert [row[4] for row in await rows(client, TOLD, one)] == [[name]]

    asyncio.run(run())


def test_every_field_that_a_client_says_is_compared() -> None:
    (migration,) = [each for each in shipped_migrations() if each.number == 8]
    names = [str(field["name"]) for field in contract("outcome").fields if field["name"] != "outcome_id"]
    for name in names:
        assert sum(f"'{name}', cityHash64(tuple({name}))" in text for text in migration.statements) == 2
    assert sum(f"cityHash64(tuple({', '.join(names)}))" in text for text in migration.statements) == 2


def test_a_range_that_is_inserted_again_is_no_copy(settings: Settings) -> None:
    async def run() -> None:
        one = uuid.uuid4()
        async with connect(settings) as client:
            await store(client, 50, {"outcome_id": one, "second": 0}, again=True)
            sql = "SELECT count() FROM frwatch.outcome_arrivals WHERE outcome_id = {id:UUID}"
            assert await rows(client, sql, one) == [(1,)]
            assert await rows(client, TOLD, one) == []

    asyncio.run(run())


def test_copies_of_what_was_stored_by_an_earlier_version_are_told_too(tmp_path: Path) -> None:
    async def run(settings: Settings) -> None:
        one = uuid.uuid4()
        await migrate(settings, [each for each in shipped_migrations() if each.number < 8])
        async with connect(settings) as client:
            await store(client, 0, {"outcome_id": one, "second": 0})
            await migrate(settings)
            (backfill,) = [text for text in shipped_migrations()[7].statements if "INSERT INTO" in text]
            await client.command(backfill)
            await store(client, 1, {"outcome_id": one, "second": 9, "kind": "CHARGE"})
            assert await rows(client, COUNTED, one) == [("lapd", "LEAD")]
            assert await rows(client, TOLD, one) == [(1, 0, 0, 0, ["kind"], 9)]

    with running_clickhouse(tmp_path) as engine:
        asyncio.run(run(Settings(clickhouse=SecretStr(engine.url))))
