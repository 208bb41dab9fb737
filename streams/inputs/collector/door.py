"""The door: connections, who is there, and which way a request goes."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from schemas.collector_clients import Client, Clients
from streams.inputs.collector.connection import MAX_CONNECTIONS, Connection, report
from streams.inputs.collector.desk import Desk, reply
from streams.inputs.collector.metrics import Metrics
from streams.inputs.collector.openapi import specification
from streams.inputs.collector.page import page
from streams.inputs.collector.problem import Refused, problem
from streams.inputs.event import Kind

IDLE_SECONDS = 60.0
"""For so long a connection may wait for its next request, or take to send the headers of it."""
BODY_SECONDS = 1.5
"""For so long, at the end, a body that is on its way is waited for."""
CUT_SECONDS = 0.1
LINGER_SECONDS = 2.0
"""For so long what is still sent after its answer is read and thrown away, so that the answer is read."""
MAX_HEADER = 8190
MAX_HEADERS = 64
_KINDS: dict[str, Kind] = {"/v1/searches": "search", "/v1/outcomes": "outcome"}
_SAFE = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_log = structlog.get_logger()


class Door(web.Server):
    """An HTTP server for the collector's paths; `clients` may be replaced while it runs."""

    def __init__(
        self, desk: Desk, clients: Clients, metrics: Metrics, ready: Callable[[], Awaitable[bool]]
    ) -> None:
        super().__init__(
            self._handle,
            access_log=None,
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
            max_headers=MAX_HEADERS,
        )
        self.clients = clients
        self.closing = False
        self._left = asyncio.Event()
        self._desk = desk
        self._metrics = metrics
        self._ready = ready
        metrics.connections.set_function(lambda: len(self.connections))
        self._refused_connections = 0
        self._pages = {
            "/openapi.json": ("application/json", specification()),
            "/docs": ("text/html", page()),
        }

    def __call__(self) -> RequestHandler:
        """Make the protocol of a new connection."""
        connection = Connection(self, loop=self._loop, **self._kwargs)
        connection.door = self
        return connection

    async def end(self, seconds: float) -> None:
        """Let go of who asks nothing, and of the others with their answers; cut off who is left then.

        A body that is on its way is waited for `BODY_SECONDS`.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        self.closing = True
        self._desk.arrivals.end_by(loop.time() + min(BODY_SECONDS, seconds))
        idle = self._idle()
        for connection in idle:
            # It reads no more; what it has read already becomes a request within the next moment.
            connection.close()
        await asyncio.sleep(CUT_SECONDS)
        for connection in set(idle) & set(self._idle()):
            connection.force_close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while self.connections:
                    self._left.clear()
                    await self._left.wait()
        await self.shutdown(CUT_SECONDS)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """Forget a connection, once its request has ended."""
        super().connection_lost(handler, exc)
        if handler._task_handler is None:
            self._left.set()
        else:
            handler._task_handler.add_done_callback(lambda _: self._left.set())

    def _idle(self) -> list[Connection]:
        return [
            each
            for each in self.connections
            if isinstance(each, Connection) and not each.busy and not each.dropped
        ]

    def crowded(self, newcomer: Connection) -> bool:
        """Make room for a connection: the oldest on which no known client ever asked anything goes.

        Where there is none the newcomer itself is turned away, and this returns True.
        """
        # A flood of connections that say nothing must not keep those out that have something to report.
        idle = (each for each in self._idle() if not each.known and each is not newcomer)
        leaving = next(idle, newcomer)
        leaving.drop()
        self._refused_connections += 1
        if self._refused_connections.bit_count() == 1:
            _log.warning(
                "connections turned away", since_start=self._refused_connections, most=MAX_CONNECTIONS
            )
        return leaving is newcomer

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        began = time.perf_counter()
        connection = cast(Connection, request.protocol)
        connection.greeted = connection.busy = True
        try:
            response = await self._answered(request)
        except Refused as refused:
            told = problem(refused.code, refused.detail)
            response = reply(refused.status, told, headers=refused.headers)
        except Exception as error:
            report(error)
            detail = "the collector has a fault, which it has logged; come again"
            response = reply(500, problem("fault", detail))
        finally:
            connection.busy = False
        response.headers.update(_SAFE)
        if self.closing or response.status in (400, 401, 408, 413):
            # What is left of the body is not waited for.
            response.force_close()
        self._metrics.requests.labels(str(response.status)).inc()
        self._metrics.seconds.observe(time.perf_counter() - began)
        return response

    async def _answered(self, request: web.BaseRequest) -> web.Response:
        path = request.path
        if (kind := _KINDS.get(path)) is not None:
            _check_method(request, "POST")
            return await self._desk.take(kind, self._client(request), request)
        if path == "/v1/canary":
            _check_method(request, "POST")
            return await self._desk.canary(self._client(request))
        if path in self._pages:
            _check_method(request, "GET")
            media, text = self._pages[path]
            return web.Response(text=text, content_type=media, headers=_PAGE)
        if path == "/healthz":
            _check_method(request, "GET")
            return reply(200, {"status": "alive"})
        if path == "/readyz":
            _check_method(request, "GET")
            if not self.closing and await self._ready():
                return reply(200, {"status": "ready"})
            raise Refused("kafka_away", "Kafka does not answer, or the collector is ending", retry_after=2)
        raise Refused("not_found", "send events to /v1/searches or /v1/outcomes; /docs says how")

    def _client(self, request: web.BaseRequest) -> Client:
        said = request.headers.get("Authorization")
        client = None
        if said is not None:
            scheme, _, key = said.partition(" ")
            client = self.clients.of_key(key.strip()) if scheme.lower() == "bearer" else None
        else:
            tls = request.transport.get_extra_info("ssl_object") if request.transport else None
            if tls is not None and (der := tls.getpeercert(binary_form=True)):
                client = self.clients.of_certificate(der, _dns_names(tls.getpeercert()))
        if client is None:
            self._metrics.strangers.inc()
            raise Refused(
                "unauthenticated",
                "send `Authorization: Bearer KEY`, or a client certificate that is on the list",
                WWW_Authenticate='Bearer realm="frwatch"',
            )
        cast(Connection, request.protocol).known = True
        return client


def tls_context(cert: str, key: str, client_ca: str | None) -> ssl.SSLContext:
    """Return TLS 1.2 or newer; with a client CA, clients may show a certificate that it signed.

    Raises:
        OSError, ssl.SSLError: a file is not there, or is no PEM.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _check_method(request: web.BaseRequest, method: str) -> None:
    if request.method != method:
        raise Refused("wrong_method", f"only {method} is answered here", Allow=method)


def _dns_names(certificate: Any) -> list[str]:
    names = (certificate or {}).get("subjectAltName", ())
    return [value for kind, value in names if kind == "DNS"]
