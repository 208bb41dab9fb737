"""The emitter for a program with an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from schemas.settings import Settings
from streams.inputs.emitter.counts import Counts, Metrics
from streams.inputs.emitter.emitter import Emitter

P = ParamSpec("P")
R = TypeVar("R")


class AsyncEmitter:
    """An `Emitter` whose waiting is awaited; what is said there holds here.

    `emit` waits for nothing, so it is no coroutine and no `await` can be forgotten.
    """

    def __init__(self, *, settings: Settings | None = None, strict: bool = False, **fields: Any) -> None:
        self._emitter = Emitter(settings=settings, strict=strict, **fields)

    @property
    def metrics(self) -> Metrics:
        """What Prometheus may collect."""
        return self._emitter.metrics

    def emit(self, /, **fields: Any) -> str | None:
        """Report one search; see `Emitter.emit`."""
        return self._emitter.emit(**fields)

    def emit_outcome(self, /, **fields: Any) -> str | None:
        """Report what came of a search; see `Emitter.emit_outcome`."""
        return self._emitter.emit_outcome(**fields)

    def reports(self, /, **fields: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Return a decorator for search functions; see `Emitter.reports`."""
        return self._emitter.reports(**fields)

    def counts(self) -> Counts:
        """Return what became of the events since the start."""
        return self._emitter.counts()

    async def drain(self, timeout: float) -> bool:  # noqa: ASYNC109  the emitter's own limit, not the task's
        """Wait until Kafka has all that was accepted, at most so many seconds; return whether it has."""
        return await asyncio.to_thread(self._emitter.drain, timeout)

    async def close(self, timeout: float = 5.0) -> bool:  # noqa: ASYNC109
        """Drain for at most so many seconds and end; see `Emitter.close`."""
        return await asyncio.to_thread(self._emitter.close, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
