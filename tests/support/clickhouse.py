"""The real local ClickHouse for tests, as a process of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from deploy.local.ports import free_ports
from schemas.settings import Settings
from sinks.clickhouse.migrate import migrate
from tests.support.process import stop

DEADLINE = 60.0


@dataclass
class RunningClickHouse:
    """A server that answers, its address and its process."""

    url: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid


@contextmanager
def running_clickhouse(
    data: Path, port: int | None = None, users: Path | None = None
) -> Iterator[RunningClickHouse]:
    """Run a server over the folder `data`, yield it once it answers, and stop it cleanly if it still runs.

    `users` is a users.xml that says what its user may do.
    """
    data.mkdir(parents=True, exist_ok=True)
    chosen = free_ports(1)[0] if port is None else port
    log = data / "server.log"
    command = [sys.executable, "-m", "deploy.local.clickhouse"]
    command += ["--data", str(data / "data"), "--port", str(chosen)]
    command += ["--users", str(users)] if users else []
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    running = RunningClickHouse(f"http://127.0.0.1:{chosen}", chosen, process)
    try:
        deadline = time.monotonic() + DEADLINE
        while not _answers(running.url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"ClickHouse did not start: {log.read_text()[-2000:]}")
            time.sleep(0.02)
        yield running
    finally:
        if process.poll() is None:
            stop(process, 20)


@contextmanager
def migrated_clickhouse(folder: Path) -> Iterator[Settings]:
    """Run a server with all tables in it, and yield the settings that name it."""
    with running_clickhouse(folder) as engine:
        settings = Settings(clickhouse=SecretStr(engine.url), home=folder)
        asyncio.run(migrate(settings))
        yield settings


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/ping", timeout=1) as answer:
            return bool(answer.read() == b"Ok.\n")
    except (urllib.error.URLError, OSError):
        return False
