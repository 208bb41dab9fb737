"""A real alerter, as `frwatch alerts run` runs it, and violations as workers publish them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from schemas.contracts import contract
from schemas.wire import encode
from tests.support.worker import Stack, until

SECRET = "whsec_" + base64.b64encode(b"hunter2-" * 4).decode()
NOON = 1_605_355_200_000_000
"""2020-11-14 12:00 UTC, in microseconds."""
ROUTES = """
destinations:
  hook:
    {kind: webhook, url_env: HOOK_URL, secret_env: HOOK_SECRET, allow_private: true, timeout: 2s,
     per_minute: 60000}
routes: [{name: all, to: hook}]
"""


def violation(number: int = 0, *, schema_id: int | None = None, **fields: Any) -> bytes:
    """A violation as a Kafka value, of an officer of its own; whatever is said overrides it."""
    record = {
        "violation_id": str(uuid.uuid4()),
        "event_id": str(uuid.uuid4()),
        "occurred_at": NOON,
        "detected_at": NOON + 1_000_000,
        "agency_id": "lapd",
        "officer": f"{number:064x}",
        "policy_id": "lapd-fr",
        "policy_version": "ab" * 32,
        "rule_id": "commercial-service",
        "severity": "CRITICAL",
        "certainty": "CONFIRMED",
        "provider_id": "clearview-ai",
        "title": "Third-party commercial FR service",
        "evidence": {"provider_class": "commercial"},
        **fields,
    }
    return encode(contract("violation"), record, schema_id=schema_id)


class Alerters:
    """The alerters of one test, with one file of routes."""

    def __init__(self, stack: Stack, hook_url: str, routes: str = ROUTES) -> None:
        self.stack = stack
        self.routes = stack.home / "routes.yaml"
        self.routes.write_text(routes)
        self.variables = {
            "FRWATCH_ALERTS": str(self.routes),
            "HOOK_URL": hook_url,
            "HOOK_SECRET": SECRET,
        }

    def spawn(self, **variables: str) -> subprocess.Popen[bytes]:
        """Start one, and wait for nothing."""
        return self.stack.spawn("alerts.log", ["alerts", "run"], **self.variables, **variables)

    def start(self, **variables: str) -> subprocess.Popen[bytes]:
        """Start one and wait until it is active, or stands by."""
        process = self.spawn(**variables)

        def ready() -> bool:
            assert process.poll() is None, f"the alerter ended with {process.returncode}: {self.log()}"
            sign = self.sign(process)
            return bool(sign and sign["ready"] and (sign["active"] or len(self.signs()) > 1))

        until(ready, "the alerter is ready")
        return process

    def sign(self, process: subprocess.Popen[bytes]) -> dict[str, Any] | None:
        """What an alerter says of itself."""
        return self.signs().get(process.pid)

    def signs(self) -> dict[int, dict[str, Any]]:
        """What those that live say of themselves."""
        found = {}
        for file in (self.stack.home / "alerts").glob("*.json"):
            sign = json.loads(file.read_text())
            if Path(f"/proc/{sign['pid']}").exists():
                found[sign["pid"]] = sign
        return found

    def log(self) -> str:
        """All that the alerters said."""
        return (self.stack.home / "alerts.log").read_text(errors="replace")

    def command(self, *arguments: str, status: int = 0) -> str:
        """Run `frwatch alerts …` and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cli", "alerts", *arguments],
            env=os.environ | self.stack.environment() | self.variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def send(self, values: Sequence[bytes | None], partition: int | None = None) -> None:
        """Publish violations."""
        self.stack.produce("violations", values, partition=partition)

    def send_keyed(self, values: Iterable[tuple[str, bytes]]) -> None:
        """Publish violations under their keys, as workers do: what has one key keeps its order."""
        producer = Producer({"bootstrap.servers": self.stack.kafka, "acks": "all", "linger.ms": 2})
        for key, value in values:
            producer.produce(f"{self.stack.prefix}violations", value, key)
            producer.poll(0)
        assert producer.flush(60) == 0

    def state(self) -> bytes:
        """All that the state's topic has by now, end to end."""
        topic = f"{self.stack.prefix}alert-state"
        consumer = Consumer(
            {"bootstrap.servers": self.stack.kafka, "group.id": f"{topic}-test", "enable.partition.eof": True}
        )
        consumer.assign([TopicPartition(topic, 0, 0)])
        found = b""
        try:
            while (message := consumer.poll(10)) is not None and message.error() is None:
                found += (message.key() or b"") + (message.value() or b"")
        finally:
            consumer.close()
        return found

    def dead(self, count: int) -> list[Message]:
        """Wait for so many dead letters and return them."""
        topic = f"{self.stack.prefix}dead"
        consumer = Consumer({"bootstrap.servers": self.stack.kafka, "group.id": f"{topic}-test"})
        consumer.assign([TopicPartition(topic, number, 0) for number in range(4)])
        found: list[Message] = []
        try:
            until(
                lambda: found.extend(consumer.consume(100, 0.2)) or len(found) >= count,  # type: ignore[func-returns-value]
                "dead letters",
            )
        finally:
            consumer.close()
        return found
