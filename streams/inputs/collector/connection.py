"""A connection: let in where there is room, and let go where it does not come to the point."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from streams.inputs.collector.desk import reply
from streams.inputs.collector.problem import problem

if TYPE_CHECKING:
    from streams.inputs.collector.door import Door

MAX_CONNECTIONS = 1000
GREETING_SECONDS = 10.0
"""Within so many a connection has sent the headers of its first request."""

_log = structlog.get_logger()


class Connection(RequestHandler):
    """A connection that is dropped where it does not come to the point, and whose errors quote nobody.

    `busy` says that a request of it is under way, `known` that one of them came from a known client.
    """

    door: Door
    greeted = False
    busy = False
    known = False
    dropped = False
    _greeting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in where there is room."""
        super().connection_made(transport)
        if self.door.closing:
            self.force_close()
            return
        if len(self.door.connections) > MAX_CONNECTIONS and self.door.crowded(self):
            return
        loop = asyncio.get_running_loop()
        self._greeting = loop.call_later(GREETING_SECONDS, self._drop)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget it."""
        if self._greeting is not None:
            self._greeting.cancel()
        super().connection_lost(exc)

    def drop(self) -> None:
        """End it at once, whatever is still to be sent."""
        self.dropped = True
        if self.transport is not None:
            self.transport.abort()

    def _drop(self) -> None:
        if not self.greeted:
            self.drop()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP, or what nobody foresaw; nothing that came in is logged or told."""
        if status < 500:
            response = reply(
                status, problem("malformed", "is no HTTP request that can be read") | {"status": status}
            )
        else:
            report(exc)
            response = reply(
                500, problem("fault", "the collector has a fault, which it has logged; come again")
            )
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Log the kind and place of an exception only: its text may quote what came in."""
        report(kw.get("exc_info"))

    def log_debug(self, *args: Any, **kw: Any) -> None:
        """Log nothing."""


def report(error: Any) -> None:
    """Log the kind and the place of an unforeseen exception, and nothing that it says."""
    trace = getattr(error, "__traceback__", None)
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
    _log.error("fault of the collector", error=type(error).__name__, place=place)
