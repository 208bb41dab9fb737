"""A test of the way to a destination: one message that says that it is none."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

import structlog

from schemas.alert_routes import Routes
from schemas.errors import NotThere
from schemas.settings import Settings
from sinks.alerts.channels import open_channel
from sinks.alerts.guard import arm
from sinks.alerts.outcome import Outcome
from sinks.clickhouse.alerts import tables_of, token_of
from sinks.clickhouse.client import connect
from sinks.clickhouse.writer import Writer
from streams.alerting.alert import Alert, Delivery, Violation
from streams.alerting.attempts import row_of
from streams.alerting.clock import now_micros
from streams.alerting.lane import message_of
from streams.alerting.text import tell
from streams.alerting.words import load_words

log = structlog.get_logger(__name__)


async def try_destination(settings: Settings, routes: Routes, name: str) -> tuple[Outcome, float]:
    """Send a test and return what came of it, and the seconds that it took. The table of alerts gets a row.

    Raises:
        WrongUse: the destination's URL or secret is missing.
    """
    if not settings.alerts_allow_private:
        arm()
    channel = open_channel(name, routes.destinations[name], allow_private=settings.alerts_allow_private)
    now = now_micros()
    alert = Alert(str(uuid4()), "test", "test", "{}", _nothing(now), now, {name: Delivery(now, now)})
    alert.told = tell(alert, load_words(settings))
    began = time.perf_counter()
    try:
        outcome = await channel.send(message_of(alert))
    finally:
        await channel.close()
    seconds = time.perf_counter() - began
    row = row_of(alert, name, 1, outcome, began=now, ended=now + int(seconds * 1_000_000))
    entries = {f"r/{alert.id}": {"table": "alert_attempts", "row": row}}
    try:
        async with connect(settings) as client:
            await Writer(client).write(tables_of(entries), token_of(list(entries)))
    except NotThere:
        # The answer is for the person who asked; that it was asked is no reason to fail.
        log.warning("the test is not in the table of alerts: ClickHouse does not answer")
    return outcome, seconds


def _nothing(now: int) -> Violation:
    nobody = str(UUID(int=0))
    return Violation(
        violation_id=nobody,
        event_id=nobody,
        occurred_at=now,
        detected_at=now,
        agency_id="nobody",
        officer=None,
        policy_id="test",
        policy_version="",
        rule_id="test",
        severity="INFO",
        certainty="CONFIRMED",
        provider_id=None,
        requesting_agency_id=None,
        case_number=None,
        title="a test of the way to you",
    )
