"""A proxy before ClickHouse that answers inserts as a bad day would have it.

`Proxy.arm(fault, times)` lets the next so many inserts go wrong; all else passes through, byte by byte.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
from aiohttp import web

from deploy.local.ports import HOST, free_ports

_HOP = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding"}
CODES = {
    "too many parts": (252, "TOO_MANY_PARTS"),
    "memory limit": (241, "MEMORY_LIMIT_EXCEEDED"),
}
FAULTS = ("stored, then cut off", "cut off before", "500", *CODES, "half a reply", "no reply")


class Proxy:
    """`url` is the proxy's; `struck` counts the inserts that went wrong."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._port = free_ports(1)[0]
        self.url = f"http://{HOST}:{self._port}"
        self._fault, self._left = "", 0
        self.struck = 0

    def arm(self, fault: str, times: int) -> None:
        """Let the next `times` inserts go wrong in this way."""
        self._fault, self._left = fault, times

    @property
    def armed(self) -> bool:
        """Whether inserts are still going wrong."""
        return self._left > 0

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.content.read()
        fault = ""
        # The statement stands before the data, or in the URL.
        if b"INSERT INTO frwatch" in body[:64] + request.query.get("query", "").encode() and self._left:
            self._left -= 1
            self.struck += 1
            fault = self._fault
        if fault in CODES:
            code, name = CODES[fault]
            headers = {"X-ClickHouse-Exception-Code": str(code)}
            text = f"Code: {code}. DB::Exception: no room. ({name})\n"
            return web.Response(status=500, text=text, headers=headers)
        if fault == "500":
            return web.Response(status=500, text="Internal Server Error")
        if fault == "cut off before":
            return _cut(request)
        if fault == "no reply":
            await asyncio.sleep(60)
            return _cut(request)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP}
        async with self._session.request(
            request.method,
            self._upstream + request.path_qs,
            data=body,
            headers=headers,
            skip_auto_headers=("Accept-Encoding", "Content-Type", "User-Agent"),
        ) as answer:
            said = await answer.read()
            if fault == "stored, then cut off":
                return _cut(request)
            if fault == "half a reply":
                transport: Any = request.transport
                transport.write(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: text/plain\r\n\r\nOk"
                )
                return _cut(request)
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP}
            return web.Response(status=answer.status, body=said, headers=kept)

    async def _serve(self, ready: threading.Event, over: asyncio.Event) -> None:
        timeout = aiohttp.ClientTimeout(total=600)
        async with aiohttp.ClientSession(auto_decompress=False, timeout=timeout) as self._session:
            app = web.Application(client_max_size=1 << 32)
            app.router.add_route("*", "/{tail:.*}", self._handle)
            runner = web.AppRunner(app, auto_decompress=False, access_log=None, shutdown_timeout=1)
            await runner.setup()
            await web.TCPSite(runner, HOST, self._port).start()
            ready.set()
            await over.wait()
            await runner.cleanup()


def _cut(request: web.Request) -> web.Response:
    transport = request.transport
    if transport is not None:
        # What has been written goes out first; then the connection ends, without a word more.
        transport.close()
    return web.Response()


@contextmanager
def running_proxy(upstream: str) -> Iterator[Proxy]:
    """Run a proxy in a thread of its own."""
    proxy = Proxy(upstream)
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(proxy._serve(ready, over)), daemon=True)
    thread.start()
    if not ready.wait(10):
        raise AssertionError("the proxy did not start")
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
