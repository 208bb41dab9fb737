"""Roll-ups over the whole way: not a cell changes when searches are resent, replayed and redriven."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from deploy.cli import main
from sinks.clickhouse.client import connect
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.rollups import Rollups
from sinks.kafka.topics import ensure_topics
from tests.integration.conftest import fresh_prefix
from tests.integration.test_reports import behind
from tests.integration.test_whole_way import fresh
from tests.streams.conftest import MakeSearch
from tests.support.clickhouse import running_clickhouse
from tests.support.worker import Stack, stack_for, until

pytestmark = pytest.mark.timeout(300)
BEGIN = datetime(2023, 5, 31, 20, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
EVENTS = 2_000
PROVIDERS = {"LACRIS": "lacris", "Clearview AI": "clearview-ai", "No Such Face": None}


@pytest.fixture
def alone(kafka: str, tmp_path: Path) -> Iterator[Stack]:
    """A stack whose engine has nothing else in it."""
    with (
        running_clickhouse(tmp_path / "engine") as engine,
        stack_for(kafka, engine.url, tmp_path, fresh_prefix()) as stack,
    ):
        asyncio.run(migrate(stack.settings()))
        asyncio.run(ensure_topics(stack.settings(), partitions=4))
        yield stack


def sent(number: int, event_id: str) -> dict[str, Any]:
    """The fields of a search: over three days, agencies, services and tiers in turn."""
    moment = BEGIN + timedelta(minutes=number * 2)
    return {
        "event_id": event_id,
        "occurred_at": (moment - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND,
        "agency_id": ("lapd", "lasd", "lbpd")[number % 3],
        "provider": list(PROVIDERS)[number % 7 % 3],
        "evidence": ("SEARCH", "SEARCH", "ACCESS")[number % 5 % 3],
    }


def by_hour(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What the roll-up must say of these, by polars."""
    frame = pl.DataFrame(events).with_columns(
        pl.from_epoch("occurred_at", time_unit="us").dt.truncate("1h").alias("hour"),
        pl.col("provider").replace_strict(PROVIDERS, return_dtype=pl.String),
    )
    keys = ["agency_id", "hour", "provider", "evidence"]
    return sorted(frame.group_by(keys).agg(pl.len().cast(pl.Int64)).rows(), key=repr)


def told(stack: Stack) -> list[tuple[Any, ...]]:
    rows = stack.query(
        "SELECT agency_id, hour, provider_id, evidence, searches FROM frwatch.searches_by_hour"
    )
    return sorted(
        ((row[0], row[1].replace(tzinfo=None), *row[2:]) for row in rows),
        key=repr,
    )


def other_cells(stack: Stack) -> list[list[tuple[Any, ...]]]:
    return [
        sorted(stack.query(f"SELECT * FROM frwatch.{view}"), key=repr)
        for view in ("searches_by_day", "broken_rules_by_day", "violations_by_day")
    ]


def settle(stack: Stack) -> None:
    async def run() -> None:
        async with connect(stack.settings()) as client:
            while await Rollups(client).settle(quiet=True):
                pass

    asyncio.run(run())


def arrived(stack: Stack, count: int) -> None:
    until(
        lambda: int(stack.scalar("SELECT count() FROM frwatch.search_arrivals")) == count,
        f"{count} copies have arrived",
    )
    until(lambda: behind(stack, f"{stack.prefix}group") == 0, "all is committed, so copies are settled")


def test_not_a_cell_changes_when_searches_are_resent_replayed_and_redriven(
    alone: Stack,
    make_search: MakeSearch,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stack = alone
    events = [sent(number, each) for number, each in enumerate(fresh(EVENTS))]
    stack.start_worker()
    stack.produce("searches", [make_search(**each) for each in events])
    stack.produce("searches", [b"damaged"])
    arrived(stack, EVENTS)
    wanted = by_hour(events)
    assert told(stack) == wanted, "as it came"
    before = other_cells(stack)
    settle(stack)
    assert told(stack) == wanted, "by documents"
    assert other_cells(stack) == before

    # 5 % again as they were, and 5 % otherwise: other agencies, hours, days, months and services.
    stack.produce("searches", [make_search(**each) for each in events[::20]])
    others = [
        each
        | {
            "agency_id": ("lapd", "nypd")[number % 2],
            "occurred_at": each["occurred_at"] + (0, 3_600_000_000, 40 * 86_400_000_000)[number % 3],
            "provider": "PimEyes",
        }
        for number, each in enumerate(events[7::20])
    ]
    stack.produce("searches", [make_search(**each) for each in others])
    arrived(stack, EVENTS + 2 * EVENTS // 20)
    until(lambda: told(stack) == wanted, "the first copies count", 30)
    assert other_cells(stack) == before

    # The whole once more by another group, and the dead letter sent again.
    stack.spawn_worker(FRWATCH_GROUP=f"{stack.prefix}replay")
    until(lambda: behind(stack, f"{stack.prefix}replay") == 0, "all is replayed")
    for variable, value in stack.environment().items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(SystemExit):
        main(["dlq", "redrive", "--since", "1970-01-01", "--json"])
    assert json.loads(capsys.readouterr().out)["sent"] > 0
    until(lambda: told(stack) == wanted, "nothing has changed", 30)
    assert other_cells(stack) == before
    settle(stack)
    assert told(stack) == wanted
    assert other_cells(stack) == before
