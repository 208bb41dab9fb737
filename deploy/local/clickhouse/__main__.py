"""`python -m deploy.local.clickhouse --data DIR --port N`: the local ClickHouse as a process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import cyclopts
import structlog
from aiohttp import web
from cyclopts import Parameter
from filelock import FileLock, Timeout

from deploy.local.clickhouse.config import NICENESS, write_config
from deploy.local.clickhouse.engine import Engine
from deploy.local.clickhouse.errors import QueryError
from deploy.local.clickhouse.server import Server
from schemas.errors import FrwatchError, NotThere, WrongUse
from schemas.hostname import is_loopback
from streams.log import set_up_logs

log = structlog.get_logger(__name__)

GRACE = 6.0
"""Seconds that running queries get to end before the process does."""
MAX_LINE = 1 << 20
"""Bytes of a request's first line, which may hold a query."""
MAX_HEADER = 64 << 10
"""Bytes of one header."""


def run(
    *,
    data: Annotated[Path, Parameter(help="Folder of the data.")],
    port: int,
    host: str = "127.0.0.1",
    users: Annotated[Path | None, Parameter(help="A users.xml: what the user default may do.")] = None,
) -> None:
    """Serve the ClickHouse HTTP interface over the data in a folder, on loopback, until SIGTERM."""
    if not is_loopback(host):
        raise WrongUse(f"--host {host} is not loopback; the local ClickHouse has no users: give 127.0.0.1")
    set_up_logs("json")
    data = data.resolve()
    os.nice(NICENESS)
    with _locked(data):
        asyncio.run(_serve(data, host, port, users))


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    """Hold the folder: two engines over one would spoil it."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = FileLock(data / "frwatch.lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise NotThere(f"{data} is in use by another ClickHouse; stop that one first") from None
    except OSError as error:
        raise NotThere(f"{data} cannot be opened: {error.strerror}; choose another --data") from None
    with lock:
        yield


async def _serve(data: Path, host: str, port: int, users: Path | None) -> None:
    try:
        engine = await asyncio.to_thread(Engine, data, write_config(data, users))
    except QueryError as error:
        raise NotThere(f"the engine does not open {data}: {str(error).splitlines()[0][:300]}") from None
    except OSError as error:
        raise NotThere(f"{error.filename} cannot be written: {error.strerror}; mend the folder") from None
    server = Server(engine)
    runner = web.AppRunner(
        server.application(),
        access_log=None,
        shutdown_timeout=0.5,
        auto_decompress=False,
        handler_cancellation=True,
        max_line_size=MAX_LINE,
        max_field_size=MAX_HEADER,
    )
    await runner.setup()
    try:
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
        except OSError as error:
            raise NotThere(f"port {port} is taken ({error.strerror}); choose another --port") from None
        log.info("serving", port=port, version=engine.version)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await stop.wait()
        log.info("stopping")
        await site.stop()
        await server.drain(GRACE)
        await engine.kill_all()
        await server.drain(1.0)
    finally:
        await runner.cleanup()
        await asyncio.to_thread(engine.close)


def main() -> None:
    """Run it as a command."""
    app = cyclopts.App(name="python -m deploy.local.clickhouse", result_action="return_value")
    app.default(run)
    try:
        app()
    except FrwatchError as error:
        print(f"clickhouse: {error}", file=sys.stderr)
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
