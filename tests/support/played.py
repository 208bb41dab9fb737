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
    """The demo's scenario with what it leaves out: persons, legal bases, approvals, strangers, no faces.

    Images that come again, people behind what a proxy saw, and exonerations too.
    """
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
        probe_hash=pl.when((pl.col("part") == "routine") & (number % 50 == 0))
        .then(pl.format("feed{}", (number // 400).cast(pl.String).str.zfill(8)))
        .otherwise("probe_hash"),
    )
    outcomes = scenario.outcomes.with_columns(
        kind=pl.when((pl.col("kind") == "ARREST") & (number % 3 == 0))
        .then(pl.lit("EXONERATION"))
        .otherwise("kind"),
        age_band=pl.when(number % 2 == 0).then(pl.lit("18-24")).when(number % 3 == 0).then(pl.lit("25-34")),
        race=pl.when(number % 4 == 0).then(pl.lit("black")).when(number % 4 == 1).then(pl.lit("white")),
        gender=pl.when(number % 3 != 0).then(pl.lit("male")).otherwise(pl.lit("female")),
    )
    return replace(scenario, searches=_with_people(searches), outcomes=outcomes)


def _with_people(searches: pl.DataFrame) -> pl.DataFrame:
    """Half of what proxies saw gets a person: one who reported a search ten minutes before, or none."""
    unlisted = searches.filter(pl.col("part") == "unlisted")
    reported = (
        unlisted.filter(pl.col("evidence") == "SEARCH")
        .unique("agency_id", keep="first", maintain_order=True)
        .select("agency_id", "officer_id", seen_at=pl.col("occurred_at").dt.offset_by("10m"))
    )
    seen = (
        unlisted.filter(pl.col("evidence") == "ACCESS")
        .select("event_id", "agency_id", turn=pl.int_range(pl.len()) % 4)
        .filter(pl.col("turn") < 2)
        .join(reported, on="agency_id", maintain_order="left")
        .select(
            "event_id",
            seen_by=pl.when(pl.col("turn") == 0).then("officer_id").otherwise(pl.lit("P90001")),
            seen_at="seen_at",
        )
    )
    return (
        searches.join(seen, on="event_id", how="left", maintain_order="left")
        .with_columns(
            occurred_at=pl.coalesce("seen_at", "occurred_at"),
            officer_id=pl.coalesce("seen_by", "officer_id"),
        )
        .drop("seen_at", "seen_by")
    )


@contextmanager
def playing(kafka: str, folder: Path, prefix: str, events: int = 5_000) -> Iterator[tuple[Stack, Scenario]]:
    """Yield the richer scenario once it is stored, in an engine of its own: it is all that there is."""
    scenario = richer(make_scenario(events, seed=5))
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
