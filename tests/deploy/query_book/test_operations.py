"""What operators ask of alerts, copies and lateness, on rows whose answers can be read off."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.settings import Settings
from sinks.clickhouse.asking import asking
from sinks.console.book import read_book
from tests.support.clickhouse import migrated_clickhouse

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with migrated_clickhouse(tmp_path_factory.mktemp("operations")) as found:
        yield found


def put(settings: Settings, table: str, rows: Sequence[dict[str, Any]]) -> None:
    with asking(settings) as client:
        names = list(rows[0])
        client.insert(f"frwatch.{table}", [[row[name] for name in names] for row in rows], column_names=names)


def asked(settings: Settings, name: str, **given: str) -> list[tuple[Any, ...]]:
    question = read_book(settings.queries)[name]
    with asking(settings) as client:
        found = client.query(question.sql, question.values(given), settings={"readonly": 2})
    return [tuple(row) for row in found.result_rows]


def attempt(number: int, attempt: int, outcome: str, seconds: float, **fields: Any) -> dict[str, Any]:
    """An attempt to send alert `number`, which was found at noon and that many seconds before the attempt."""
    return {
        "alert_id": uuid.UUID(int=number),
        "destination": "desk",
        "attempt": attempt,
        "kind": "first",
        "route": "proven",
        "violation_id": uuid.UUID(int=1000 + number),
        "agency_id": "lapd",
        "policy_id": "lapd-fr",
        "rule_id": "commercial-service",
        "severity": "CRITICAL",
        "certainty": "CONFIRMED",
        "outcome": outcome,
        "detected_at": NOON,
        "decided_at": NOON + timedelta(seconds=number),
        "due_at": NOON,
        "attempted_at": NOON + timedelta(seconds=seconds),
        **fields,
    }


def test_alerts_are_told_by_latency_and_by_who_has_not_taken_them_on(settings: Settings) -> None:
    held = {"due_at": NOON + timedelta(seconds=60)}  # by quiet hours: they are no latency
    put(
        settings,
        "alert_attempts_raw",
        [
            attempt(1, 1, "delivered", 0.25),
            attempt(2, 1, "failed", 1.0),
            attempt(2, 2, "delivered", 8.5),
            attempt(3, 1, "delivered", 61.5, **held),
            attempt(4, 1, "given_up", 9.0, destination="mail", route="all"),
            attempt(5, 1, "delivered", 0.1, kind="test"),
            attempt(6, 1, "delivered", 2.0, kind="summary", destination="mail", route="all"),
            attempt(2, 2, "delivered", 8.5),  # the same attempt, written twice
        ],
    )
    put(
        settings,
        "alert_acknowledgements_raw",
        [{"alert_id": uuid.UUID(int=1), "acknowledged_at": NOON, "acknowledged_by": "S1", "note": ""}],
    )
    assert asked(settings, "alert_latency") == [
        ("proven", "desk", 3, 3, 0, 1.5, 8.5, 2),
        ("all", "mail", 2, 1, 1, 2.0, 2.0, 1),
    ]
    told = ("lapd", "lapd-fr/commercial-service", "CRITICAL", "CONFIRMED")
    assert asked(settings, "unacknowledged_alerts") == [
        (uuid.UUID(int=number), *told, where, outcome, f"2026-01-01 12:00:0{number}")
        for number, where, outcome in (
            (2, "desk", "delivered"),
            (3, "desk", "delivered"),
            (4, "mail", "given_up"),
        )
    ]


def test_copies_that_differ_are_counted_by_agency_and_field(settings: Settings) -> None:
    def copy(event: int, offset: int, agency: str, fields: list[str], rules: list[str]) -> dict[str, Any]:
        return {
            "event_id": uuid.UUID(int=event),
            "kafka_topic": "fr.searches",
            "kafka_offset": offset,
            "first_agency_id": agency,
            "fields": fields,
            "broken_rules": rules,
        }

    rows = [
        copy(1, 1, "lapd", ["purpose", "candidates"], []),
        copy(1, 2, "lapd", ["candidates", "purpose"], ["lapd-fr/outside-agency"]),
        copy(2, 3, "lapd", ["candidates", "purpose"], []),
        copy(3, 4, "lasd", ["agency_id"], []),
    ]
    put(settings, "search_differences_raw", rows)
    put(settings, "search_differences_raw", rows[:1])
    assert asked(settings, "differing_copies") == [
        ("lapd", "candidates, purpose", 3, 2, 1),
        ("lasd", "agency_id", 1, 1, 0),
    ]


def test_lateness_is_counted_from_the_search_to_its_first_copy(settings: Settings) -> None:
    hour, day = timedelta(hours=1), timedelta(days=1)
    moment = timedelta(microseconds=1)
    late = [hour - moment, hour, day - moment, day, 30 * day - moment, 30 * day]

    def row(number: int, source: str, after: timedelta) -> dict[str, Any]:
        return {
            "event_id": uuid.UUID(int=number),
            "occurred_at": NOON,
            "evidence": "SEARCH",
            "source": source,
            "agency_id": "lapd",
            "ingested_at": NOON + after,
        }

    rows = [row(number, "slow", after) for number, after in enumerate(late)] + [row(9, "quick", moment)]
    put(settings, "searches_raw", rows)
    put(settings, "searches_raw", [row(9, "quick", 90 * day)])
    assert asked(settings, "late_reports") == [("slow", 6, 1, 2, 2, 1), ("quick", 1, 1, 0, 0, 0)]
