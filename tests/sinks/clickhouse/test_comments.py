"""Whoever asks the database what a column holds is told: in every table and view, on the real engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from schemas.settings import Settings
from sinks.clickhouse.asking import asking
from sinks.clickhouse.client import connect
from sinks.clickhouse.describe import describe_views
from tests.support.clickhouse import migrated_clickhouse


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with migrated_clickhouse(tmp_path_factory.mktemp("comments")) as found:
        yield found


def named(settings: Settings, what: str, where: str) -> list[str]:
    sql = f"SELECT {what} FROM system.{where} ORDER BY 1"
    with asking(settings) as client:
        return [row[0] for row in client.query(sql).result_rows]


IN_FRWATCH = "WHERE database = 'frwatch'"


def test_every_table_and_view_has_a_comment(settings: Settings) -> None:
    assert named(settings, "name", f"tables {IN_FRWATCH} AND comment = ''") == []


def test_every_column_has_a_comment(settings: Settings) -> None:
    assert named(settings, "table || '.' || name", f"columns {IN_FRWATCH} AND comment = ''") == []


@pytest.mark.parametrize(("type_", "word"), [("Nullable", "null"), ("DateTime", "UTC")])
def test_a_comment_says_what_null_means_and_which_zone_a_time_has(
    settings: Settings, type_: str, word: str
) -> None:
    silent = f"columns {IN_FRWATCH} AND type LIKE '%{type_}%' AND comment NOT LIKE '%{word}%'"
    assert named(settings, "table || '.' || name", silent) == []


def test_a_view_that_is_made_anew_says_again_what_its_columns_hold(settings: Settings) -> None:
    async def run() -> None:
        async with connect(settings) as client:
            await client.command("CREATE VIEW frwatch.told AS SELECT event_id, unit FROM frwatch.searches")
            await client.command("ALTER TABLE frwatch.told COMMENT COLUMN unit 'Its own; null is null.'")
            assert await describe_views(client) == 1
            assert await describe_views(client) == 0
            answer = await client.query(
                "SELECT name, comment FROM system.columns WHERE database = 'frwatch' AND table = 'told'"
            )
            await client.command("DROP VIEW frwatch.told")
            assert sorted(map(tuple, answer.result_rows)) == [
                ("event_id", "Identity. A repeat of an event_id is the same event."),
                ("unit", "Its own; null is null."),
            ]

    asyncio.run(run())
