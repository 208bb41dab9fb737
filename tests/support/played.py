"""The demo's scenario, sent through a real broker and a real worker into an engine of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl

from deploy.demo.scenario import Scenario, make_scenario
from sinks.clickhouse.migrate import migrate
from sinks.kafka.topics import ensure_topics
from tests.support.clickhouse import running_clickhouse
from tests.support.worker import Stack, stack_for, until


def richer(scenario: Scenario) -> Scenario:
    """The demo's scenario with what it leaves out: persons, legal bases, approvals, strangers, no faces."""
    number = pl.int_range(pl.len())
    routine = (pl.col("part") == "routine") & (pl.col("true_agency") != "lapd")
    stranger, plates = routine & (number % 41 == 0), routine & (number % 43 == 0)
    searches = scenario.searches.with_columns(
        legal_basis=pl.when(number % 5 == 0)
        .then(pl.lit("warrant"))
        .when(number % 7 == 0)
        .then(pl.lit("exigent")),
        approved_by=pl.when(number % 3 == 0).then(pl.lit("S1")),
        agency_id=pl.when(stranger).then(pl.lit("Nowhere PD")).otherwise("agency_id"),
        true_agency=pl.when(stranger).then(pl.lit("Nowhere PD")).otherwise("true_agency"),
        true_outside=pl.when(stranger).then(None).otherwise("true_outside"),
        requesting_agency_id=pl.when(stranger).then(None).otherwise("requesting_agency_id"),
        provider=pl.when(plates).then(pl.lit("Flock Safety")).otherwise("provider"),
        true_provider=pl.when(plates).then(pl.lit("flock-safety")).otherwise("true_provider"),
        true_class=pl.when(plates).then(pl.lit("not_fr")).otherwise("true_class"),
    )
    outcomes = scenario.outcomes.with_columns(
        age_band=pl.when(number % 2 == 0).then(pl.lit("18-24")).when(number % 3 == 0).then(pl.lit("25-34")),
        race=pl.when(number % 4 == 0).then(pl.lit("black")).when(number % 4 == 1).then(pl.lit("white")),
        gender=pl.when(number % 3 != 0).then(pl.lit("male")).otherwise(pl.lit("female")),
    )
    return replace(scenario, searches=searches, outcomes=outcomes)


@contextmanager
def playing(kafka: str, folder: Path, prefix: str) -> Iterator[tuple[Stack, Scenario]]:
    """Yield the richer scenario once all of it is stored: in an engine of its own, for it is all that there is."""
    scenario = richer(make_scenario(5_000, seed=5))
    with (
        running_clickhouse(folder / "clickhouse") as engine,
        stack_for(kafka, engine.url, folder, prefix) as stack,
    ):
        asyncio.run(migrate(stack.settings()))
        asyncio.run(ensure_topics(stack.settings(), partitions=4))
        by_topic: dict[str, list[bytes | None]] = {}
        for message in scenario.messages():
            by_topic.setdefault(message.topic, []).append(message.value)
        for topic, values in by_topic.items():
            stack.produce(topic, values)
        stack.start_worker()
        wanted = (scenario.searches.height, scenario.outcomes.height, len(scenario.malformed))
        until(lambda: stored(stack) == wanted, f"{wanted} are stored")
        yield stack, scenario


def stored(stack: Stack) -> tuple[int, ...]:
    """How many searches, outcomes and dead letters are stored."""
    tables = ("searches", "outcomes", "dead_letters")
    return tuple(int(stack.scalar(f"SELECT count() FROM frwatch.{table}")) for table in tables)
