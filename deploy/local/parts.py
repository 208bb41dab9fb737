"""The parts of a local stack: how each is started, when it is ready, how long it may take to stop."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.local import kafka, registry
from deploy.local.jars import Tell, kafka_jars, registry_jar
from deploy.local.ports import HOST
from deploy.local.process import Identity, put_aside, spawn
from deploy.local.state import Home, Ports

KAFKA, CLICKHOUSE, REGISTRY = "kafka", "clickhouse", "registry"
WORKER, ALERTER, COLLECTOR = "worker-", "alerts", "collector"
STOP_SECONDS = {
    KAFKA: 30.0,
    CLICKHOUSE: 20.0,
    REGISTRY: 10.0,
    WORKER: 10.0,
    ALERTER: 10.0,
    COLLECTOR: 12.0,
}
SIGNS = ("workers", "alerts", "collector")
"""Folders of a home in which processes say that they live."""
FRESH_SECONDS = 10.0
"""Age from which a sign of life, which is written every second, says that its process hangs."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part: its name, how it starts, and whether it is ready, given whose process it is.

    `start` prepares what the part needs, starts it and returns at once; it raises `FrwatchError` or
    `OSError`. `logs` are searched for its last words if it dies.
    """

    name: str
    start: Callable[[], Identity]
    ready: Callable[[Identity], bool]
    patience: float
    logs: tuple[Path, ...]


def kafka_part(home: Home, ports: Ports, tell: Tell) -> Part:
    """The broker."""
    node = kafka.Node(1, ports.kafka, ports.controller, home.data(KAFKA))
    log, out = home.log(KAFKA), home.path / "logs" / "kafka.out"

    def start() -> Identity:
        jars = kafka_jars(tell)
        put_aside(log)
        kafka.prepare(node, jars, log=log)
        return spawn(
            kafka.command(jars, log),
            mark=mark(home, KAFKA),
            out=out,
            folder=node.folder,
            environment=kafka.environment(),
        )

    return Part(KAFKA, start, lambda _: kafka.answers(node.address), 180, (out, log))


def clickhouse_part(home: Home, ports: Ports) -> Part:
    """The engine behind ClickHouse's HTTP interface."""
    data, log = home.data(CLICKHOUSE), home.log(CLICKHOUSE)
    arguments = ["-m", "deploy.local.clickhouse", "--data", str(data), "--port", str(ports.clickhouse)]

    def start() -> Identity:
        data.mkdir(exist_ok=True)
        return spawn(_python(*arguments), mark=mark(home, CLICKHOUSE), out=log, folder=home.path)

    ping = f"{clickhouse_url(ports.clickhouse)}/ping"
    return Part(CLICKHOUSE, start, lambda _: registry.http_answers(ping), 180, (log,))


def registry_part(home: Home, ports: Ports, tell: Tell) -> Part:
    """The schema registry."""
    data, log = home.data(REGISTRY), home.log(REGISTRY)

    def start() -> Identity:
        data.mkdir(exist_ok=True)
        command = registry.command(registry_jar(tell), ports.registry)
        return spawn(command, mark=mark(home, REGISTRY), out=log, folder=data)

    return Part(REGISTRY, start, lambda _: registry.answers(registry.url(ports.registry)), 180, (log,))


def worker_part(home: Home, number: int) -> Part:
    """A worker, ready once the consumer group has given it its share."""
    return _frwatch_part(home, f"{WORKER}{number}", ["worker"], "workers")


def alerter_part(home: Home) -> Part:
    """The alerter, ready once its consumer group has answered."""
    return _frwatch_part(home, ALERTER, ["alerts", "run"], "alerts")


def collector_part(home: Home) -> Part:
    """The collector, ready once it listens and Kafka answers it."""
    return _frwatch_part(home, COLLECTOR, ["collect"], "collector")


def _frwatch_part(home: Home, name: str, arguments: list[str], signs: str) -> Part:
    log = home.log(name)

    def start() -> Identity:
        return spawn(
            _python("-c", "from deploy.cli import main; main()", *arguments),
            mark=mark(home, name),
            out=log,
            environment=_worker_environment(home),
        )

    return Part(name, start, lambda who: bool(sign_of_life(home, who, signs).get("ready")), 90, (log,))


def mark(home: Home, part: str) -> str:
    """What the environment of a part says about whose it is."""
    return f"{home}:{part}"


def clickhouse_url(port: int) -> str:
    """Where clients reach ClickHouse's HTTP interface."""
    return f"http://{HOST}:{port}"


def sign_of_life(home: Home, who: Identity, signs: str = "workers") -> dict[str, Any]:
    """Return what a process last wrote of itself, {} where it is older than `FRESH_SECONDS` or another's."""
    try:
        sign: dict[str, Any] = json.loads((home.path / signs / f"{who.pid}.json").read_text())
        written = datetime.fromisoformat(sign["updated_at"]).astimezone(UTC)
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    age = (datetime.now(UTC) - written).total_seconds()
    return sign if age < FRESH_SECONDS and written.timestamp() >= who.created - 1 else {}


def _python(*arguments: str) -> list[str]:
    # -P: a folder of the current directory must not shadow a package.
    return [sys.executable, "-P", *arguments]


def _worker_environment(home: Home) -> Mapping[str, str]:
    """This environment, with the addresses of the stack in place of those it may name."""
    foreign = {"FRWATCH_KAFKA", "FRWATCH_CLICKHOUSE", "FRWATCH_SCHEMA_REGISTRY"}
    kept = {name: value for name, value in os.environ.items() if name.upper() not in foreign}
    return {**kept, "FRWATCH_HOME": str(home), "PYTHONUNBUFFERED": "1"}
