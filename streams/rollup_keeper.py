"""Keeps the roll-ups' documents up to date, beside the flow of searches and never in its way."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import structlog
from mode import Service

from sinks.clickhouse.faults import reason_of
from sinks.clickhouse.repeated_probes import RepeatedProbes
from sinks.clickhouse.rollups import Rollups

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 10.0
"""From one look to the next, at least."""
DUTY = 10
"""How many times longer a pause is than the look before it."""
LONGEST_SECONDS = 60.0
"""How long one look may take."""


class RollupKeeper(Service):
    """Makes documents of what was touched; what fails is tried again. Without it answers are only slower."""

    def __init__(self, rollups: Rollups, probes: RepeatedProbes, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._rollups = rollups
        self._probes = probes

    @Service.task
    async def _keep(self) -> None:
        pause = PAUSE_SECONDS
        while not self.should_stop:
            await self.sleep(pause)
            started = time.monotonic()
            try:
                async with asyncio.timeout(LONGEST_SECONDS):
                    await self._rollups.settle()
                    await self._probes.settle()
            except Exception as error:
                # Whatever it is must not end a worker that finds violations.
                log.warning("roll-ups were not brought up to date; trying again", reason=reason_of(error))
            pause = max(PAUSE_SECONDS, DUTY * (time.monotonic() - started))
