"""Sends canaries on a schedule: searches that nobody ran, to see that they come through."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import uuid4

import structlog

from schemas.alert_routes import CanarySchedule
from schemas.canary import canary, kafka_key
from schemas.contracts import contract
from schemas.errors import NotThere
from schemas.settings import Settings
from schemas.wire import encode
from sinks.kafka.resend import Outgoing, resend
from streams.alerting.clock import now_micros

log = structlog.get_logger(__name__)


async def send_canaries(settings: Settings, sources: Sequence[str]) -> None:
    """Send a canary for each source.

    Raises:
        NotThere: the broker does not answer.
        WrongUse: there is no key to sign them with.
    """
    key, now, topic = settings.require_canary_key(), now_micros(), settings.topic("searches")
    records = [
        Outgoing(
            topic,
            kafka_key(source),
            encode(contract("search"), canary(uuid4(), now, source, key)),
            (),
        )
        for source in sources
    ]
    await resend(settings, records)


async def keep_sending(settings: Settings, schedule: CanarySchedule) -> None:
    """Send canaries as often as the schedule says, until cancelled; the first at once."""
    while True:
        try:
            await send_canaries(settings, schedule.sources)
        except NotThere as error:
            log.warning("no canary was sent", why=str(error))
        await asyncio.sleep(schedule.every.total_seconds())
