"""Roll-ups are right to the last cell: at every moment, whatever comes again, on the real engine."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl
import pytest
from clickhouse_connect.driver import AsyncClient
from pydantic import SecretStr

from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.copies import Copies
from sinks.clickhouse.migrate import migrate, shipped_migrations
from sinks.clickhouse.rollups import Rollups
from sinks.clickhouse.writer import Writer
from tests.support.clickhouse import migrated_clickhouse, running_clickhouse

FIRST = datetime(2025, 1, 30, 22, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)
RULES = ("lapd-fr/commercial-service", "lapd-fr/outside-agency", "statewide/unlisted-service")


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with migrated_clickhouse(tmp_path) as found:
        yield found


@dataclass(frozen=True)
class Search:
    """A copy of a search as it is stored; `second` is when it came."""

    event_id: uuid.UUID
    second: int
    agency_id: str
    occurred_at: datetime
    provider_id: str | None
    provider_class: str
    evidence: str
    rules: tuple[str, ...]
    case_number: str | None = None

    @property
    def certainty(self) -> str | None:
        if not self.rules:
            return None
        return "CONFIRMED" if self.evidence == "SEARCH" else "SUSPECTED"


def some(choose: random.Random, count: int) -> list[Search]:
    """Searches of five days around the end of a month."""
    providers = [("lacris", "government"), ("clearview-ai", "commercial"), (None, "unknown")]
    made = []
    for second in range(count):
        provider_id, provider_class = choose.choice(providers)
        made.append(
            Search(
                uuid.UUID(int=choose.getrandbits(128)),
                second,
                choose.choice(["lapd", "lasd", "lbpd"]),
                FIRST + timedelta(minutes=choose.randrange(5 * 24 * 60)),
                provider_id,
                provider_class,
                choose.choice(["SEARCH", "SEARCH", "ACCESS"]),
                tuple(sorted(choose.sample(RULES, choose.choice([0, 0, 0, 1, 2])))),
            )
        )
    return made


def frames(
    copies: list[Search], partition: int, versions: Mapping[str, str], policy_version: str
) -> dict[str, pl.DataFrame]:
    """What a worker inserts for them."""
    shared = [
        {
            "event_id": copy.event_id.bytes,
            "occurred_at": copy.occurred_at,
            "agency_id": copy.agency_id,
            "provider_id": copy.provider_id,
            "ingested_at": START + timedelta(seconds=copy.second),
            "kafka_topic": "t",
            "kafka_partition": partition,
            "kafka_offset": offset,
        }
        for offset, copy in enumerate(copies)
    ]
    named: dict[str, Any] = {"provider_id": pl.String}
    types = named | {"broken_rules": pl.List(pl.String), "certainty": pl.String, "case_number": pl.String}
    searches = [
        row
        | {
            "provider_class": copy.provider_class,
            "evidence": copy.evidence,
            "broken_rules": list(copy.rules),
            "certainty": copy.certainty,
            "case_number": copy.case_number,
            **versions,
        }
        for row, copy in zip(shared, copies, strict=True)
    ]
    findings = [
        row
        | {
            "violation_id": uuid.uuid5(copy.event_id, rule).bytes,
            "policy_id": rule.split("/")[0],
            "rule_id": rule.split("/")[1],
            "policy_version": policy_version,
            "severity": "HIGH",
            "title": "Commercial service",
            "certainty": copy.certainty,
        }
        for row, copy in zip(shared, copies, strict=True)
        for rule in copy.rules
    ]
    tables = {"violations": pl.DataFrame(findings, schema_overrides=named)} if findings else {}
    return tables | {"searches": pl.DataFrame(searches, schema_overrides=types)}


async def store(
    client: AsyncClient,
    copies: list[Search],
    partition: int,
    token: str = "",
    *,
    versions: Mapping[str, str] = MappingProxyType({}),
    policy_version: str = "",
) -> None:
    """Store them as a range of a partition, and settle copies that differ."""
    tables = frames(copies, partition, versions, policy_version)
    await Writer(client).write(tables, token or f"t:{partition}:{uuid.uuid4()}")
    settler = Copies(client)
    settler.note("t", partition, 0, len(copies))
    await settler.settle()


Cells = dict[str, list[tuple[Any, ...]]]
VIEWS = {
    "searches_by_hour": ["agency_id", "hour", "hour_of_day", "provider_id", "provider_class", "evidence"],
    "searches_by_day": ["agency_id", "day", "provider_id", "provider_class", "evidence"],
    "broken_rules_by_day": ["agency_id", "day", "policy_id", "rule_id", "provider_id", "evidence"],
    "violations_by_day": ["agency_id", "day", "policy_id", "rule_id", "severity", "certainty", "provider_id"],
}
COUNTS = {"broken_rules_by_day": ["searches"], "violations_by_day": ["violations"]}
DEFAULT_COUNTS = ["searches", "forbidden", "confirmed"]


def by_text(row: tuple[Any, ...]) -> str:
    return repr(row)


async def cells(client: AsyncClient) -> Cells:
    """Every cell of every roll-up, as an analyst reads it."""
    found: Cells = {}
    for view, names in VIEWS.items():
        columns = ", ".join([*names, *COUNTS.get(view, DEFAULT_COUNTS)])
        answer = await client.query(f"SELECT {columns} FROM frwatch.{view}")
        rows = [
            tuple(each.replace(tzinfo=None) if isinstance(each, datetime) else each for each in row)
            for row in answer.result_rows
        ]
        found[view] = sorted(rows, key=by_text)
    return found


def expected(counted: list[Search]) -> Cells:
    """The same by polars, from the copies that count."""
    frame = pl.DataFrame(
        [
            {
                "agency_id": each.agency_id,
                "day": each.occurred_at.date(),
                "hour": each.occurred_at.replace(minute=0, second=0, tzinfo=None),
                "hour_of_day": each.occurred_at.hour,
                "provider_id": each.provider_id,
                "provider_class": each.provider_class,
                "evidence": each.evidence,
                "rules": list(each.rules),
                "certainty": each.certainty,
            }
            for each in counted
        ],
        schema_overrides={"rules": pl.List(pl.String), "certainty": pl.String, "provider_id": pl.String},
    )
    totals = [
        pl.len().alias("searches"),
        (pl.col("rules").list.len() > 0).sum().alias("forbidden"),
        (pl.col("certainty") == "CONFIRMED").sum().alias("confirmed"),
    ]
    broken = frame.explode("rules").drop_nulls("rules")
    parts = pl.col("rules").str.split("/")
    broken = broken.with_columns(
        parts.list.get(0).alias("policy_id"), parts.list.get(1).alias("rule_id"), severity=pl.lit("HIGH")
    )
    sources = {"broken_rules_by_day": broken, "violations_by_day": broken}
    found: Cells = {}
    for view, names in VIEWS.items():
        counts = totals if view not in sources else [pl.len().alias(COUNTS[view][0])]
        rows = sources.get(view, frame).group_by(names).agg(counts).rows()
        found[view] = sorted(rows, key=by_text)
    return found


async def same(client: AsyncClient, counted: list[Search], *, left: bool) -> None:
    """Compare all cells with documents as they are, and with new ones for all that is owed, or for some."""
    wanted = expected(counted)
    assert await cells(client) == wanted, "as the rows came"
    rollups = Rollups(client)
    await rollups.settle(2, quiet=True)
    assert await cells(client) == wanted, "with documents of two days"
    if not left:
        while await rollups.settle(quiet=True):
            pass
        assert await states(client) == {True}
        assert await cells(client) == wanted, "with documents of all"


async def states(client: AsyncClient) -> set[bool]:
    answer = await client.query("SELECT DISTINCT counts FROM frwatch.rollup_states")
    return {bool(row[0]) for row in answer.result_rows}


def test_no_cell_is_wrong_whatever_is_resent_and_replayed(settings: Settings) -> None:
    """Copies come alike and otherwise, on other days and hours, before and after documents are made."""

    async def run() -> None:
        choose = random.Random(8)  # noqa: S311  reproducible, no secret
        async with connect(settings) as client:
            sent = some(choose, 600)
            for number in range(3):
                await store(client, sent[number * 200 : (number + 1) * 200], number, f"first {number}")
                await same(client, sent[: (number + 1) * 200], left=number == 1)
            # One in twenty as it was.
            await store(client, [replace(each, second=each.second + 1000) for each in sent[::20]], 3)
            await same(client, sent, left=True)
            # One in twenty otherwise: day, hour, agency, service, rules.
            others = [
                replace(
                    each,
                    second=each.second + 2000,
                    occurred_at=each.occurred_at + timedelta(minutes=choose.choice([0, 61, 1500, 50_000])),
                    agency_id=choose.choice([each.agency_id, "lapd", "nypd"]),
                    provider_id="pimeyes",
                    rules=tuple(sorted(choose.sample(RULES, choose.randrange(3)))),
                )
                for each in sent[7::20]
            ]
            await store(client, others, 4)
            await same(client, sent, left=False)
            # A whole partition by another group, and the same range under its own token.
            await store(client, [replace(each, second=each.second + 3000) for each in sent[:200]], 0)
            await same(client, sent, left=True)
            await store(client, sent[200:400], 1, "first 1")
            assert await states(client) == {True, False}, "what is inserted again marks again"
            await same(client, sent, left=False)
            for table in ("searches_raw", "violations_raw", "rollup_marks", "rollup_documents"):
                await client.command(f"OPTIMIZE TABLE frwatch.{table} FINAL")
            await same(client, sent, left=False)

    asyncio.run(run())


def touched(searches: list[Search]) -> set[tuple[str, Any]]:
    """Their agencies and days, and the days beside of what was within an hour of them."""
    hour = timedelta(hours=1)
    return {
        (each.agency_id, (each.occurred_at.replace(minute=0) + beside).date())
        for each in searches
        for beside in (-hour, timedelta(0), hour)
    }


async def counted_from_tables(client: AsyncClient) -> set[tuple[str, Any]]:
    answer = await client.query("SELECT DISTINCT agency_id, day FROM frwatch.rollup_open")
    return {(str(agency_id), day) for agency_id, day in answer.result_rows}


async def age_marks(client: AsyncClient) -> None:
    """Have all inserts so far be a minute old."""
    await client.command("CREATE TABLE frwatch.young AS frwatch.rollup_marks ENGINE = Memory")
    await client.command("INSERT INTO frwatch.young SELECT * FROM frwatch.rollup_marks")
    await client.command("TRUNCATE TABLE frwatch.rollup_marks")
    await client.command(
        "INSERT INTO frwatch.rollup_marks"
        " SELECT agency_id, day, marked_at - toIntervalSecond(60) FROM frwatch.young"
    )
    await client.command("DROP TABLE frwatch.young")


def test_only_what_was_touched_after_all_were_settled_is_counted_from_the_tables(settings: Settings) -> None:
    async def run() -> None:
        async with connect(settings) as client:
            sent = some(random.Random(6), 100)  # noqa: S311
            await store(client, sent, 0)
            days = touched(sent)
            await age_marks(client)
            assert await counted_from_tables(client) == days
            # Of six days two are settled: the others would be taken for settled by a watermark.
            assert await Rollups(client).settle(2) == 2
            assert await counted_from_tables(client) == days
            assert await cells(client) == expected(sent)
            # One is touched while the others are settled.
            late = some(random.Random(7), 1)  # noqa: S311
            await store(client, late, 1)
            assert await Rollups(client).settle() == 4
            assert await counted_from_tables(client) == touched(late)
            assert await cells(client) == expected(sent + late)
            await Rollups(client).settle(quiet=True)
            assert await counted_from_tables(client) == set()
            assert await cells(client) == expected(sent + late)
            await client.command("OPTIMIZE TABLE frwatch.rollup_watermarks FINAL")
            assert await counted_from_tables(client) == set(), "merges leave the last watermark"
            await client.command("TRUNCATE TABLE frwatch.rollup_watermarks")
            assert await counted_from_tables(client) >= days, "without one all is counted"
            assert await cells(client) == expected(sent + late)

    asyncio.run(run())


def test_nothing_is_written_while_nothing_comes(settings: Settings) -> None:
    async def run() -> None:
        async with connect(settings) as client:
            await store(client, some(random.Random(9), 5), 0)  # noqa: S311
            await age_marks(client)
            count = "SELECT count() FROM frwatch.rollup_watermarks"
            for _ in range(3):
                await Rollups(client).settle()
                answer = await client.query(count)
                assert answer.result_rows[0][0] == 1

    asyncio.run(run())


def test_an_insert_that_may_be_under_way_is_waited_for(settings: Settings) -> None:
    async def run() -> None:
        async with connect(settings) as client:
            sent = some(random.Random(1), 20)  # noqa: S311
            await store(client, sent, 0)
            assert await Rollups(client).settle() == 0, "what was touched just now is not settled"
            assert await cells(client) == expected(sent)
            # Another that was begun at the same time as the document.
            while await Rollups(client).settle(quiet=True):
                pass
            more = some(random.Random(2), 20)  # noqa: S311
            await store(client, more, 1)
            assert await cells(client) == expected(sent + more)

    asyncio.run(run())


def test_a_finding_whose_first_copy_is_stored_last_is_counted_once(settings: Settings) -> None:
    """A worker took a copy before all others, and stores it after their documents were made."""

    async def run() -> None:
        (late,) = (replace(each, rules=RULES[:1]) for each in some(random.Random(5), 1))  # noqa: S311
        late = replace(late, agency_id="lapd")
        early = replace(late, second=-9, agency_id="nypd", occurred_at=late.occurred_at + timedelta(days=40))
        async with connect(settings) as client:
            await store(client, [late], 0)
            await store(client, [replace(late, second=9, agency_id="lbpd")], 2)
            while await Rollups(client).settle(quiet=True):
                pass
            await store(client, [early], 1)
            answer = await client.query(
                "SELECT (SELECT groupArray((agency_id, day, violations)) FROM frwatch.violations_by_day) ="
                " (SELECT groupArray((agency_id, toDate32(occurred_at), 1)) FROM frwatch.violations)"
            )
            assert answer.result_rows[0][0]

    asyncio.run(run())


def test_two_that_settle_at_one_time_do_no_harm(settings: Settings) -> None:
    async def run() -> None:
        async with connect(settings) as one, connect(settings) as two:
            sent = some(random.Random(3), 300)  # noqa: S311
            await store(one, sent, 0)
            await asyncio.gather(*(Rollups(client).settle(3, quiet=True) for client in (one, two, one, two)))
            assert await cells(one) == expected(sent)

    asyncio.run(run())


def test_what_was_stored_before_there_were_roll_ups_is_in_them(tmp_path: Path) -> None:
    async def run(settings: Settings) -> None:
        before = [each for each in shipped_migrations() if each.number <= 11]
        sent = some(random.Random(4), 200)  # noqa: S311
        await migrate(settings, before)
        async with connect(settings) as client:
            await store(client, sent, 0)
            await migrate(settings)
            await same(client, sent, left=False)

    with running_clickhouse(tmp_path) as engine:
        asyncio.run(run(Settings(clickhouse=SecretStr(engine.url))))
