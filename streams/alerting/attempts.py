"""What an attempt to deliver leads to: done, another one after a while, or giving up. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from schemas.alert_routes import Destination
from sinks.alerts.outcome import Outcome
from streams.alerting.alert import Alert
from streams.alerting.book import Book

FIRST_PAUSE = 500_000
LONGEST_PAUSE = 300_000_000


def pause(attempts: int, draw: float) -> int:
    """Return how long to wait after so many failed attempts: full jitter, `draw` from 0 to 1.

    Up to half a second at first, twice as much each time, never more than five minutes.
    """
    return int(min(LONGEST_PAUSE, FIRST_PAUSE << min(attempts - 1, 20)) * draw)


def note_attempt(
    book: Book,
    alert: Alert,
    name: str,
    outcome: Outcome,
    destination: Destination | None,
    *,
    began: int,
    ended: int,
    draw: float,
) -> bool:
    """Write an attempt into the book; True where with it the destination `name` is given up."""
    delivery = alert.deliveries[name]
    delivery.attempts += 1
    word = outcome.result
    if outcome.result == "delivered":
        delivery.status = "delivered"
    else:
        pause_for = pause(delivery.attempts, draw)
        if outcome.retry_after is not None:
            pause_for = max(pause_for, int(outcome.retry_after * 1_000_000))
        delivery.due = ended + pause_for
        patience = int(destination.give_up_after.total_seconds() * 1_000_000) if destination else 0
        if outcome.result == "refused" or delivery.due >= delivery.since + patience:
            delivery.status = "given_up"
    given_up = delivery.status == "given_up"
    row = row_of(alert, name, delivery.attempts, outcome, began=began, ended=ended)
    row["outcome"] = "given_up" if given_up else word
    needed = delivery.status != "pending"
    book.add_row(
        f"{alert.id}/{name}/{delivery.attempts}", {"table": "alert_attempts", "row": row}, needed=needed
    )
    book.note(alert)
    return given_up


def row_of(
    alert: Alert, name: str, attempt: int, outcome: Outcome, *, began: int, ended: int
) -> dict[str, Any]:
    """Return the row of an attempt for `frwatch.alerts`; times are microseconds since 1970."""
    violation = alert.violation
    return {
        "alert_id": alert.id,
        "destination": name,
        "attempt": attempt,
        "kind": alert.kind,
        "route": alert.route,
        "group_key": alert.group,
        "follows": alert.of,
        "violation_id": violation.violation_id,
        "agency_id": violation.agency_id,
        "policy_id": violation.policy_id,
        "rule_id": violation.rule_id,
        "severity": violation.severity,
        "certainty": violation.certainty,
        "outcome": outcome.result,
        "error": outcome.error,
        "http_status": outcome.http_status,
        "latency_us": ended - began,
        "suppressed": alert.suppressed,
        "occurred_at": violation.occurred_at,
        "detected_at": violation.detected_at,
        "decided_at": alert.decided_at,
        "due_at": alert.deliveries[name].since if name in alert.deliveries else alert.decided_at,
        "attempted_at": ended,
    }


def moment(micros: int) -> datetime:
    """Return microseconds since 1970 as a time, UTC."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)
