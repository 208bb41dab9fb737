"""A real HTTP receiver, which notes what it gets and answers as it is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import web

Answer = tuple[int, dict[str, str], float]
"""Status, headers, and seconds to wait before."""
Behaviour = Callable[["Request"], Answer]


@dataclass(frozen=True)
class Request:
    """What came, and how many had come before."""

    number: int
    path: str
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class Receiver:
    """Listens on loopback; `requests` are all that came, `taken` those that were answered with 200."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    taken: list[Request] = field(default_factory=list)
    behave: Behaviour = lambda _: (200, {}, 0.0)

    @property
    def keys(self) -> set[str]:
        """The keys of what was taken."""
        return {each.headers["webhook-id"] for each in self.taken}


@contextmanager
def receiving(behave: Behaviour | None = None, port: int = 0) -> Iterator[Receiver]:
    """Run a receiver in a thread."""
    found = Receiver()
    if behave is not None:
        found.behave = behave
    loop = asyncio.new_event_loop()
    ready, over = threading.Event(), asyncio.Event()

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        came = Request(len(found.requests), request.path, headers, body, loop.time())
        found.requests.append(came)
        status, given, wait = found.behave(came)
        await asyncio.sleep(wait)
        if status == 200:
            found.taken.append(came)
        return web.Response(status=status, headers=given, text="ok")

    async def serve() -> None:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port, reuse_address=True)
        await site.start()
        found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await over.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield found
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
