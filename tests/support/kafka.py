"""A real Kafka broker for tests."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local import kafka
from deploy.local.jars import kafka_jars
from deploy.local.ports import free_ports
from tests.support.process import stop

DEADLINE = 60.0


def fresh_prefix() -> str:
    """A prefix of topics that nobody else writes to."""
    return f"t{uuid.uuid4().hex[:8]}."


@contextmanager
def running_kafka(data: Path) -> Iterator[str]:
    """Run one broker with its data in the folder `data`, yield its host:port, and stop it cleanly.

    Topics are not made by themselves (see `sinks.kafka.topics.ensure_topics`). Some 4 s to the start.
    """
    jars = kafka_jars()
    port, controller_port = free_ports(2)
    node = kafka.Node(1, port, controller_port, data)
    log = data / "kafka.log"
    kafka.prepare(node, jars, log=log)
    with (data / "kafka.out").open("wb") as out:
        broker = subprocess.Popen(
            kafka.command(jars, log),
            cwd=data,
            env=kafka.environment(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(node, broker, log)
        yield node.address
    finally:
        stop(broker)


def _wait(node: kafka.Node, broker: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + DEADLINE
    while not kafka.answers(node.address):
        if broker.poll() is not None or time.monotonic() > deadline:
            said = "".join(path.read_text() for path in (log, _output(log)) if path.exists())
            raise AssertionError(f"the broker did not start: {said[-2000:]}")
        time.sleep(0.05)


def _output(log: Path) -> Path:
    return log.with_suffix(".out")
