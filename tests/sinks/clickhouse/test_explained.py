"""A search with all that belongs to it, in one row: right under resends, and read no further than asked."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from clickhouse_connect.driver import AsyncClient

from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.references import References
from sinks.clickhouse.writer import Writer
from tests.sinks.clickhouse.test_rollups import Search, store
from tests.streams.searches import agencies, catalogue, policies
from tests.support.clickhouse import migrated_clickhouse

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
POLICY = """
policy: bans
title: Bans
agencies: "*"
effective: {from: 2020-01-01}
rules:
  - id: commercial
    title: Commercial service
    severity: HIGH
    when: provider_class = 'commercial'
    cites: clause 1
"""
RULES = policies(POLICY)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with migrated_clickhouse(tmp_path_factory.mktemp("explained")) as found:
        yield found


def search(number: int, *, agency_id: str = "lapd", day: int = 0, forbidden: bool = False) -> Search:
    provider = ("clearview-ai", "commercial") if forbidden else ("lacris", "government")
    return Search(
        uuid.uuid5(uuid.NAMESPACE_OID, str(number)),
        number,
        agency_id,
        NOON + timedelta(days=day),
        *provider,
        "SEARCH",
        ("bans/commercial",) if forbidden else (),
    )


async def tell(client: AsyncClient, table: str, row: dict[str, Any]) -> None:
    await Writer(client).insert(table, pl.DataFrame([row]), str(uuid.uuid4()))


async def tell_outcome(client: AsyncClient, number: int, **more: Any) -> None:
    moment = NOON + timedelta(days=9, seconds=number)
    row = {"outcome_id": uuid.UUID(int=number).bytes, "agency_id": "lapd", "kind": "LEAD"}
    await tell(client, "outcomes", row | {"recorded_at": moment, "ingested_at": moment} | more)


async def tell_alert(client: AsyncClient, violation: uuid.UUID, attempt: int, outcome: str) -> None:
    row = {
        "alert_id": violation.bytes,
        "violation_id": violation.bytes,
        "destination": "desk",
        "attempt": attempt,
        "kind": "first",
        "policy_id": "bans",
        "rule_id": "commercial",
        "outcome": outcome,
        "decided_at": NOON,
        "attempted_at": NOON + timedelta(minutes=attempt),
    }
    await tell(client, "alert_attempts", row)


async def rows(client: AsyncClient, where: str) -> list[dict[str, Any]]:
    answer = await client.query(
        "SELECT toString(event_id) AS id, agency_name, provider_name, counted,"
        " arrayMap(v -> (v.rule_id, v.title, v.severity, v.certainty, v.cites), violations) AS violations,"
        " arrayMap(o -> (o.kind, o.told_of), outcomes) AS outcomes,"
        " arrayMap(a -> (toString(a.told_at), a.destination, a.rule, a.outcome), alerts) AS alerts"
        f" FROM frwatch.searches_explained WHERE {where} ORDER BY occurred_at"
    )
    return [dict(zip(answer.column_names, row, strict=True)) for row in answer.result_rows]


def test_a_search_stands_there_once_with_all_that_belongs_to_it(settings: Settings) -> None:
    """Whatever is sent again: searches, outcomes of a search and of a case, attempts to tell somebody."""

    async def run() -> None:
        lawful = replace(search(1), case_number="20-1")
        forbidden = search(2, forbidden=True, day=1)
        violation = uuid.uuid5(forbidden.event_id, "bans/commercial")
        async with connect(settings) as client:
            references = References(Writer(client))
            references.note_in_force(RULES, catalogue(), agencies(), NOON)
            await references.write()
            versions = {"catalogue_version": catalogue().version, "policies_version": RULES.version}
            policy_version = next(iter(RULES)).version
            for second in (0, 50, 60):
                copies = [replace(each, second=each.second + second) for each in (lawful, forbidden)]
                await store(client, copies, second, versions=versions, policy_version=policy_version)
                await tell_outcome(client, 1, event_id=forbidden.event_id.bytes)
                await tell_outcome(client, 2, event_id=None, case_number="20-1")
                await tell_alert(client, violation, 1, "failed")
                await tell_alert(client, violation, 2, "delivered")
            one, two = await rows(client, "agency_id = 'lapd'")
            assert one == {
                "id": str(lawful.event_id),
                "agency_name": "Los Angeles Police Department",
                "provider_name": "LACRIS",
                "counted": 1,
                "violations": [],
                "outcomes": [("LEAD", "case")],
                "alerts": [],
            }
            assert two == {
                "id": str(forbidden.event_id),
                "agency_name": "Los Angeles Police Department",
                "provider_name": "Clearview AI",
                "counted": 1,
                "violations": [("commercial", "Commercial service", "HIGH", "CONFIRMED", ["clause 1"])],
                "outcomes": [("LEAD", "search")],
                "alerts": [("2025-03-01 12:02:00.000000", "desk", "bans/commercial", "delivered")],
            }

    asyncio.run(run())


def test_a_question_on_an_agency_and_a_day_reads_little_of_the_others(settings: Settings) -> None:
    async def run() -> None:
        async with connect(settings) as client:
            many = [
                search(10_000 + number, agency_id=f"agency-{number % 4}", day=number % 80)
                for number in range(80_000)
            ]
            await store(client, many, 9)
            await client.command("OPTIMIZE TABLE frwatch.searches_raw FINAL")
            answer = await client.query(
                "EXPLAIN indexes = 1 SELECT * FROM frwatch.searches_explained WHERE agency_id = 'agency-2'"
                " AND occurred_at >= '2025-04-10' AND occurred_at < '2025-04-11'"
            )
            text = "\n".join(str(row[0]) for row in answer.result_rows)
            reads = text.split("ReadFromMergeTree (frwatch.")[1:]
            read = [each for each in reads if each.startswith("searches_raw")]
            granules = [re.findall(r"Granules: (\d+)/(\d+)", each) for each in read]
            assert len(read) >= 5, "the search, and beside each of what belongs to it"
            assert {int(found[0][1]) for found in granules} != {1}, "there is more to be read"
            assert all(int(found[-1][0]) <= 2 for found in granules), granules

    asyncio.run(run())
