"""The collector's sign of life, `HOME/collector/PID.json`, for `frwatch status`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from streams.sign import SECONDS, Sign

if TYPE_CHECKING:
    from streams.inputs.collector.service import Service

FOLDER = "collector"

_log = structlog.get_logger()


class Heartbeat:
    """Says every second where the collector listens and what it took.

    The sign has `ready` (whether Kafka answers), `url`, `clients` (how many it knows), and how many events
    since the start were `accepted`, `refused` and `unacknowledged`, and `foreign` (refused because their
    client may not speak for the agency).
    """

    def __init__(self, sign: Sign, service: Service, is_ready: Callable[[], Awaitable[bool]]) -> None:
        self._sign = sign
        self._service = service
        self._is_ready = is_ready

    async def beat(self, url: str) -> None:
        """Write the sign until cancelled, and then take it away; a disk that fails is said once."""
        told = False
        try:
            while True:
                ready = await self._is_ready()
                try:
                    self._sign.write(ready=ready, url=url, **self._service.summary())
                except OSError as error:
                    if not told:
                        _log.error("sign of life not written", reason=error.strerror, where=FOLDER)
                    told = True
                await asyncio.sleep(SECONDS)
        finally:
            self._sign.take_away()
