"""A real worker, as `frwatch worker` runs it, and what a test asks of the stack around it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import clickhouse_connect
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from pydantic import SecretStr

from schemas.settings import Settings

T = TypeVar("T")
KEY = "0123456789abcdef" * 4
DEADLINE = 60.0


def until(condition: Callable[[], T], what: str, seconds: float = DEADLINE) -> T:
    """Return the first true answer of a condition, or fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain: {what}; last answer: {answer!r}")
        time.sleep(0.02)
    return answer


@dataclass
class Stack:
    """A broker and an engine that several tests share; each test has topics of its own."""

    kafka: str
    clickhouse: str
    home: Path
    prefix: str
    registry: str | None = None
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def settings(self) -> Settings:
        """The settings of this test."""
        return Settings(
            home=self.home,
            kafka=self.kafka,
            clickhouse=SecretStr(self.clickhouse),
            topic_prefix=self.prefix,
            group=f"{self.prefix}group",
            schema_registry=self.registry,
            pseudonym_key=SecretStr(KEY),
        )

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Start a worker and wait until the group has given it its partitions."""
        process = self.spawn_worker()
        sign = self.home / "workers" / f"{process.pid}.json"

        def ready() -> bool:
            if process.poll() is not None:
                raise AssertionError(f"the worker ended with {process.returncode}: {self.worker_log()}")
            return sign.exists() and bool(json.loads(sign.read_text())["ready"])

        until(ready, "the worker is ready")
        return process

    def spawn_worker(self, **variables: str) -> subprocess.Popen[bytes]:
        """Start a worker with more environment variables, and wait for nothing."""
        return self.spawn("worker.log", ["worker"], **variables)

    def spawn(self, log_name: str, arguments: Sequence[str], **variables: str) -> subprocess.Popen[bytes]:
        """Start `frwatch` with these arguments, and wait for nothing; it is ended with the test."""
        with (self.home / log_name).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "deploy.cli", *arguments],
                env=self.environment() | variables,
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def stop_workers(self) -> None:
        """End what still runs."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()

    def signs(self) -> list[dict[str, Any]]:
        """What each worker says of itself."""
        return [json.loads(file.read_text()) for file in (self.home / "workers").glob("*.json")]

    def worker_log(self) -> str:
        """The end of what the workers said."""
        return (self.home / "worker.log").read_text(errors="replace")[-3000:]

    def produce(
        self,
        topic: str,
        values: Iterable[bytes | None],
        partition: int | None = None,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> list[Message]:
        """Send values, acknowledged by the broker, and return the records as the broker has them."""
        sent: list[Message] = []
        producer = Producer({"bootstrap.servers": self.kafka, "acks": "all", "linger.ms": 2})
        where: dict[str, Any] = {} if partition is None else {"partition": partition}

        def delivered(error: Any, message: Message) -> None:
            assert error is None, error
            sent.append(message)

        for value in values:
            while True:
                try:
                    producer.produce(
                        self.prefix + topic, value, key, on_delivery=delivered, headers=list(headers), **where
                    )
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        assert producer.flush(30) == 0
        return sent

    def consume(self, topic: str, partitions: int = 4) -> list[Message]:
        """Return all records of a topic, from its beginning to its end of now."""
        consumer = Consumer(
            {"bootstrap.servers": self.kafka, "group.id": f"{self.prefix}test", "enable.partition.eof": False}
        )
        name = self.prefix + topic
        begins = [TopicPartition(name, number, 0) for number in range(partitions)]
        end = sum(consumer.get_watermark_offsets(begin)[1] for begin in begins)
        consumer.assign(begins)
        records: list[Message] = []
        try:
            deadline = time.monotonic() + 30
            while len(records) < end and time.monotonic() < deadline:
                records += consumer.consume(1000, timeout=0.2)
        finally:
            consumer.close()
        return records

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query; `{topic}` stands for the test's topic of searches."""
        host, port = self.clickhouse.removeprefix("http://").split(":")
        client = clickhouse_connect.get_client(host=host, port=int(port))
        try:
            rows = client.query(sql.replace("{topic}", f"'{self.prefix}searches'")).result_rows
        finally:
            client.close()
        return [tuple(row) for row in rows]

    def command(self, sql: str) -> None:
        """Run a statement that gives no rows."""
        host, port = self.clickhouse.removeprefix("http://").split(":")
        client = clickhouse_connect.get_client(host=host, port=int(port))
        try:
            client.command(sql)
        finally:
            client.close()

    def scalar(self, sql: str) -> Any:
        """The one value of a query."""
        return self.query(sql)[0][0]

    def environment(self) -> dict[str, str]:
        """The environment in which `frwatch` finds this stack."""
        settings = self.settings()
        given = {
            "HOME": str(settings.home),
            "KAFKA": self.kafka,
            "CLICKHOUSE": self.clickhouse,
            "TOPIC_PREFIX": self.prefix,
            "GROUP": settings.group,
            "PSEUDONYM_KEY": KEY,
            "SCHEMA_REGISTRY": self.registry,
        }
        others = {name: value for name, value in os.environ.items() if not name.startswith("FRWATCH_")}
        return others | {f"FRWATCH_{name}": value for name, value in given.items() if value is not None}


@contextmanager
def stack_for(
    kafka: str, clickhouse: str, home: Path, prefix: str, registry: str | None = None
) -> Iterator[Stack]:
    """Yield a stack for one test; its workers are ended after it."""
    stack = Stack(kafka, clickhouse, home, prefix, registry)
    try:
        yield stack
    finally:
        stack.stop_workers()
