"""Keeps the roll-ups' documents up to date, beside the flow of searches and never in its way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from mode import Service

from sinks.clickhouse.faults import reason_of
from sinks.clickhouse.repeated_probes import AT_ONCE, RepeatedProbes
from sinks.clickhouse.rollups import Rollups

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 10.0
"""From one look to the next, at least."""
DUTY = 10
"""How many times longer a pause is than the look before it."""
LONGEST_SECONDS = 60.0
"""How long one look may take."""
YIELD_SECONDS = 1800.0
"""How long it stands back while searches wait to be stored: its looks took a seventh of the rate."""
LEAST_AT_ONCE = 10_000
"""Searches whose probes are looked at together, where more took too long."""


class RollupKeeper(Service):
    """Makes documents of what was touched; what fails is tried again. Without it answers are only slower.

    `behind` says whether searches wait to be stored.
    """

    def __init__(
        self, rollups: Rollups, probes: RepeatedProbes, behind: Callable[[], bool], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self._rollups = rollups
        self._probes = probes
        self._behind = behind
        self._at_once = AT_ONCE

    @Service.task
    async def _keep(self) -> None:
        pause, ended = PAUSE_SECONDS, time.monotonic()
        while not self.should_stop:
            await self.sleep(pause)
            started = time.monotonic()
            if self._behind() and started - ended < YIELD_SECONDS:
                pause = PAUSE_SECONDS
                continue
            await self._look("of days", self._rollups.settle())
            if await self._look("of probes", self._probes.settle(self._at_once)):
                self._at_once = min(self._at_once * 2, AT_ONCE)
            else:
                # It may have been too much for the time that it has.
                self._at_once = max(self._at_once // 2, LEAST_AT_ONCE)
            ended = time.monotonic()
            pause = max(PAUSE_SECONDS, DUTY * (ended - started))

    async def _look(self, what: str, settling: Awaitable[int]) -> bool:
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                await settling
        except Exception as error:
            # Whatever it is must not end a worker that finds violations.
            log.warning(
                "roll-ups were not brought up to date; trying again", documents=what, reason=reason_of(error)
            )
            return False
        return True
