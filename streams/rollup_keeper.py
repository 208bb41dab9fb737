"""Keeps the roll-ups' documents up to date, beside the flow of searches and never in its way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog
from mode import Service

from sinks.clickhouse.faults import reason_of

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 10.0
"""From one look to the next, at least."""
DUTY = 10
"""How many times longer a pause is than the look before it."""
LONGEST_SECONDS = 60.0
"""How long one look may take."""
YIELD_SECONDS = 1800.0
"""How long it stands back while searches wait to be stored: its looks would slow that down."""


class Settled(Protocol):
    """What is made anew after rows have come, a pass at a time."""

    async def settle(self) -> object:
        """Make some of what is owed. It may be cut off anywhere and run again."""


class RollupKeeper(Service):
    """Makes documents of what was touched; what fails is tried again. Without it answers are only slower.

    Each of `rollups` has its turn, whatever becomes of the others. `behind` says whether searches wait to be
    stored.
    """

    def __init__(self, rollups: Sequence[Settled], behind: Callable[[], bool], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._rollups = rollups
        self._behind = behind

    @Service.task
    async def _keep(self) -> None:
        pause, ended = PAUSE_SECONDS, time.monotonic()
        while not self.should_stop:
            await self.sleep(pause)
            started = time.monotonic()
            if self._behind() and started - ended < YIELD_SECONDS:
                pause = PAUSE_SECONDS
                continue
            for each in self._rollups:
                await self._look(each)
            ended = time.monotonic()
            pause = max(PAUSE_SECONDS, DUTY * (ended - started))

    async def _look(self, rollups: Settled) -> None:
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                await rollups.settle()
        except Exception as error:
            # Whatever it is must not end a worker that finds violations.
            log.warning("roll-ups were not brought up to date; trying again", reason=reason_of(error))
