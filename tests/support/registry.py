"""A real schema registry for tests."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import registry
from deploy.local.jars import registry_jar
from deploy.local.ports import free_ports
from tests.support.process import stop

DEADLINE = 90.0


@contextmanager
def running_registry(data: Path, port: int | None = None) -> Iterator[str]:
    """Run a registry with its database in the folder `data`, and yield the base URL of its Confluent API.

    Some 6 s to the start. What was registered is there again for the next one with the same folder.
    """
    data.mkdir(parents=True, exist_ok=True)
    chosen = free_ports(1)[0] if port is None else port
    log = data / "registry.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            registry.command(registry_jar(), chosen),
            cwd=data,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + DEADLINE
        while not registry.answers(registry.url(chosen)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the registry did not start: {log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield registry.url(chosen)
    finally:
        stop(process)
