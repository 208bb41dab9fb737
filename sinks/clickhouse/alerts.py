"""Alerts in ClickHouse: attempts, acknowledgements, and dead letters of the alerter."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import polars as pl

from schemas.settings import Settings
from sinks.clickhouse.asking import as_data, asking

_UTC = pl.Datetime("us", "UTC")
_SCHEMAS: dict[str, dict[str, Any]] = {
    "alert_attempts": {
        "alert_id": pl.Binary,
        "destination": pl.String,
        "attempt": pl.UInt32,
        "kind": pl.String,
        "route": pl.String,
        "group_key": pl.String,
        "follows": pl.Binary,
        "violation_id": pl.Binary,
        "agency_id": pl.String,
        "policy_id": pl.String,
        "rule_id": pl.String,
        "severity": pl.String,
        "certainty": pl.String,
        "outcome": pl.String,
        "error": pl.String,
        "http_status": pl.UInt16,
        "latency_us": pl.UInt64,
        "suppressed": pl.UInt32,
        "occurred_at": _UTC,
        "detected_at": _UTC,
        "decided_at": _UTC,
        "due_at": _UTC,
        "attempted_at": _UTC,
    },
    "alert_acknowledgements": {
        "alert_id": pl.Binary,
        "acknowledged_at": _UTC,
        "acknowledged_by": pl.String,
        "note": pl.String,
    },
    "dead_letters": {
        "kafka_topic": pl.String,
        "kafka_topic_id": pl.Binary,
        "kafka_partition": pl.Int32,
        "kafka_offset": pl.Int64,
        "received_at": _UTC,
        "reason": pl.String,
        "detail": pl.String,
        "key": pl.Binary,
        "value": pl.Binary,
        "headers": pl.Map(pl.Binary, pl.Binary),
    },
}
_UUIDS = frozenset({"alert_id", "follows", "violation_id"})
_BYTES = frozenset({"kafka_topic_id", "key", "value"})


def tables_of(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, pl.DataFrame]:
    """Return the rows that the alerter keeps, by the name of their table, as `Writer` takes them.

    Their times are microseconds since 1970, their UUIDs text, their bytes base64.
    """
    by_table: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries.values():
        by_table.setdefault(entry["table"], []).append(entry["row"])
    return {
        table: pl.DataFrame(
            {name: [_cell(name, kind, row[name]) for row in rows] for name, kind in _SCHEMAS[table].items()},
            schema=_SCHEMAS[table],
        )
        for table, rows in by_table.items()
    }


def token_of(keys: Sequence[str]) -> str:
    """Return the insert token of rows: the same rows are taken once."""
    return "alerts:" + hashlib.sha256("\n".join(keys).encode()).hexdigest()


def _cell(name: str, kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if name in _UUIDS:
        return UUID(value).bytes
    if name in _BYTES:
        return base64.b64decode(value)
    if name == "headers":
        return {each.encode(): base64.b64decode(held) for each, held in value.items()}
    if kind == _UTC:
        return _EPOCH + timedelta(microseconds=value)
    return value


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LISTED = (
    "alert_id, kind, route, destination, agency_id, policy_id, rule_id, severity, certainty, suppressed,"
    " attempts, outcome, error, occurred_at, decided_at, attempted_at, acknowledged_at, acknowledged_by, note"
)


def find_alerts(
    settings: Settings, *, state: str | None = None, since: datetime | None = None, limit: int = 50
) -> list[dict[str, Any]]:
    """Return how each alert stands with each destination, the latest first; times are UTC.

    `state` is `open` (sent, and nobody has acknowledged it), `failed` (given up) or None for all.
    """
    terms = {
        "open": "isNull(acknowledged_at) AND kind != 'test' AND outcome != 'given_up'",
        "failed": "outcome = 'given_up'",
    }
    where = [terms[state]] if state else []
    parameters: dict[str, Any] = {}
    if since is not None:
        where.append("decided_at >= {since:DateTime64(6, 'UTC')}")
        parameters["since"] = since
    clause = f" WHERE {' AND '.join(where)}" if where else ""
    sql = (
        f"SELECT {_LISTED} FROM frwatch.alerts_delivered{clause}"  # noqa: S608
        f" ORDER BY decided_at DESC, alert_id, destination LIMIT {limit}"
    )
    with asking(settings) as client:
        found = client.query(sql, parameters)
    return [
        {name: as_data(value) for name, value in zip(found.column_names, row, strict=True)}
        for row in found.result_rows
    ]


def known_alert(settings: Settings, alert_id: str) -> bool:
    """Whether an attempt to send this alert is stored."""
    with asking(settings) as client:
        sql = "SELECT count() FROM frwatch.alert_attempts_raw WHERE alert_id = {id:UUID}"
        return bool(client.query(sql, {"id": alert_id}).result_rows[0][0])
