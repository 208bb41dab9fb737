"""Rows in the real tables, as a worker inserts them, for tests of what is removed or erased."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4, uuid5

import clickhouse_connect
import polars as pl

from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.writer import Writer

COMES = datetime(2026, 1, 1, tzinfo=UTC)
_OFFSETS = itertools.count(1)
_TYPES: dict[str, Any] = {
    "broken_rules": pl.List(pl.String),
    "galleries": pl.List(pl.String),
    "kafka_partition": pl.Int32,
    "candidates": pl.Int32,
    "attributes": pl.Map(pl.String, pl.String),
    "evidence_map": pl.Map(pl.String, pl.String),
}
_TEXTS = (
    "officer",
    "case_number",
    "probe_hash",
    "request_ref",
    "client_ip",
    "requester",
    "endpoint",
    "endpoint_host",
    "training_cert",
    "crime_type",
    "provider_id",
)


@dataclass(frozen=True)
class Stored:
    """A search that is stored, with what a test needs to know of it."""

    agency_id: str = "lapd"
    occurred_at: datetime = datetime(2020, 6, 1, 12, tzinfo=UTC)
    evidence: str = "SEARCH"
    rules: tuple[str, ...] = ()
    texts: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    event_id: UUID = field(default_factory=uuid4)
    offset: int = field(default_factory=lambda: next(_OFFSETS))

    @property
    def violation_ids(self) -> list[UUID]:
        """The ids of its findings."""
        return [uuid5(self.event_id, rule) for rule in self.rules]


def tables_of(searches: Sequence[Stored]) -> dict[str, pl.DataFrame]:
    """The rows that a worker inserts for these searches."""
    rows, findings = [], []
    for each in searches:
        position = {
            "event_id": each.event_id.bytes,
            "occurred_at": each.occurred_at,
            "agency_id": each.agency_id,
            "ingested_at": COMES,
            "kafka_topic": "t",
            "kafka_partition": 0,
            "kafka_offset": each.offset,
        }
        texts = {name: each.texts.get(name) for name in _TEXTS}
        rows.append(
            position
            | texts
            | {
                "evidence": each.evidence,
                "provider_class": "government",
                "agency_known": True,
                "broken_rules": list(each.rules),
                "attributes": each.attributes,
            }
        )
        findings += [
            position
            | {
                "violation_id": violation_id.bytes,
                "policy_id": rule.split("/")[0],
                "rule_id": rule.split("/")[1],
                "certainty": "CONFIRMED",
                "officer": each.texts.get("officer"),
                "case_number": each.texts.get("case_number"),
                "evidence": {"case_number": each.texts.get("case_number", ""), "account": "trial"},
            }
            for rule, violation_id in zip(each.rules, each.violation_ids, strict=True)
        ]
    strings = dict.fromkeys(_TEXTS, pl.String)
    tables = {"searches": pl.DataFrame(rows, schema_overrides=_TYPES | strings)}
    if findings:
        kinds = _TYPES | {"evidence": pl.Map(pl.String, pl.String), "officer": pl.String}
        tables["violations"] = pl.DataFrame(findings, schema_overrides=kinds | {"case_number": pl.String})
    return tables


def outcome(
    search: Stored | None = None,
    *,
    agency_id: str = "lapd",
    case_number: str | None = None,
    recorded_at: datetime = datetime(2020, 7, 1, tzinfo=UTC),
    kind: str = "ARREST",
    note: str | None = None,
    outcome_id: UUID | None = None,
) -> dict[str, Any]:
    """An outcome of a search, or of a case, as a row."""
    return {
        "outcome_id": (outcome_id or uuid4()).bytes,
        "event_id": search.event_id.bytes if search else None,
        "agency_id": search.agency_id if search else agency_id,
        "case_number": case_number,
        "recorded_at": recorded_at,
        "kind": kind,
        "age_band": "18-24",
        "race": "white",
        "gender": "male",
        "note": note,
        "ingested_at": COMES,
        "kafka_topic": "o",
        "kafka_partition": 0,
        "kafka_offset": next(_OFFSETS),
    }


def attempt(violation_id: UUID, group: str = "{}") -> dict[str, Any]:
    """An alert that was sent, as a row."""
    times = ("occurred_at", "detected_at", "decided_at", "due_at", "attempted_at")
    return {
        "alert_id": uuid5(violation_id, "alert").bytes,
        "destination": "oversight",
        "attempt": 1,
        "kind": "first",
        "route": "all",
        "group_key": group,
        "violation_id": violation_id.bytes,
        "agency_id": "lapd",
        "outcome": "delivered",
        **dict.fromkeys(times, COMES),
    }


def store(
    settings: Settings,
    searches: Sequence[Stored] = (),
    outcomes: Sequence[dict[str, Any]] = (),
    attempts: Sequence[dict[str, Any]] = (),
    tables: Mapping[str, pl.DataFrame] | None = None,
) -> None:
    """Insert them as a worker and the alerter do."""
    tables = dict(tables or {}) | (tables_of(searches) if searches else {})
    kinds: dict[str, Any] = {"kafka_partition": pl.Int32, "attempt": pl.UInt32, "event_id": pl.Binary}
    texts = {"case_number": pl.String, "note": pl.String}
    if outcomes:
        tables["outcomes"] = pl.DataFrame(list(outcomes), schema_overrides=kinds | texts)
    if attempts:
        tables["alert_attempts"] = pl.DataFrame(list(attempts), schema_overrides=kinds)

    async def insert() -> None:
        async with connect(settings) as client:
            await Writer(client).write(tables, f"token:{uuid4()}")

    asyncio.run(insert())


def rows(settings: Settings, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Rows of a query."""
    client = clickhouse_connect.get_client(dsn=settings.clickhouse.get_secret_value())
    try:
        return [tuple(row) for row in client.query(sql, parameters).result_rows]
    finally:
        client.close()


def command(settings: Settings, sql: str) -> None:
    """Run a statement."""
    client = clickhouse_connect.get_client(dsn=settings.clickhouse.get_secret_value())
    try:
        client.command(sql)
    finally:
        client.close()


def ids(settings: Settings, table: str, column: str = "event_id") -> set[UUID]:
    """The ids that stand in a table or view."""
    return {row[0] for row in rows(settings, f"SELECT DISTINCT {column} FROM frwatch.{table}")}
