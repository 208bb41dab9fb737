"""Looks for cycles of objects at a steady pace: the threshold of the collector itself is an hour away."""

from __future__ import annotations

import gc
from typing import Any

from mode import Service

PAUSE_SECONDS = 15.0
"""From one look to the next. One takes some 5 ms, and 20 ms where a backlog is in hand."""


class GarbageKeeper(Service):
    """Frees what only points at itself, such as futures of calls in threads: some 20 objects a second.

    `streams.memory.calm_collector` lets 100,000 of them gather, so that a busy worker is not held up.
    """

    def __init__(self, *, pause: float = PAUSE_SECONDS, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._pause = pause

    @Service.task
    async def _keep(self) -> None:
        while not self.should_stop:
            await self.sleep(self._pause)
            gc.collect()
