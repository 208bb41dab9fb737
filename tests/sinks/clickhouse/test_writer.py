"""The writer: what a frame says is what the tables hold, whatever the form in which it travels."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl
import pytest

from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.writer import FEW_VALUES, Writer
from tests.support.clickhouse import migrated_clickhouse

NOON = datetime(2023, 6, 1, 12, tzinfo=UTC)
WRITTEN = ("searches_raw", "violations_raw", "outcomes_raw", "dead_letters_raw")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with migrated_clickhouse(tmp_path_factory.mktemp("writer")) as found:
        yield found


async def test_columns_with_few_values_are_those_of_the_tables(settings: Settings) -> None:
    async with connect(settings) as client:
        answer = await client.query(
            "SELECT DISTINCT name FROM system.columns WHERE database = 'frwatch'"
            " AND table IN {tables:Array(String)} AND startsWith(type, 'LowCardinality')",
            {"tables": list(WRITTEN)},
        )
    assert {row[0] for row in answer.result_rows} == FEW_VALUES


async def test_no_migration_forgets_how_months_are_read(settings: Settings) -> None:
    async with connect(settings) as client:
        answer = await client.query(
            "SELECT name, extract(create_table_query, 'across_partitions_select_final = ([01])')"
            " FROM system.tables WHERE database = 'frwatch' AND name IN ('searches', 'violations')"
            " ORDER BY name"
        )
    assert answer.result_rows == [("searches", "1"), ("violations", "0")]


async def test_every_string_arrives_as_it_was(settings: Settings) -> None:
    texts = ["", None, "a", "a", "a\0b", "é\N{COMBINING ACUTE ACCENT}", "\U0001f600", " ", None, "x" * 70_000]
    frame = pl.DataFrame(
        {
            "outcome_id": [uuid.UUID(int=number).bytes for number in range(len(texts))],
            "agency_id": [text or "" for text in texts],
            "case_number": texts,
            "recorded_at": NOON,
            "kind": "LEAD",
            "race": texts,
            "gender": pl.Series([None] * len(texts), dtype=pl.String),
            "ingested_at": NOON,
            "kafka_topic": "o",
            "kafka_partition": pl.Series([0] * len(texts), dtype=pl.Int32),
            "kafka_offset": list(range(len(texts))),
        }
    )
    async with connect(settings) as client:
        await Writer(client).insert("outcomes", frame, "texts")
        answer = await client.query(
            "SELECT agency_id, case_number, race, gender FROM frwatch.outcomes WHERE kafka_topic = 'o'"
            " ORDER BY kafka_offset"
        )
    assert answer.result_rows == [(text or "", text, text, None) for text in texts]
