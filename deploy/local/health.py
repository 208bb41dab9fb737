"""What of a local stack runs, and how far its workers are behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from deploy.local import kafka, parts, registry
from deploy.local.parts import ALERTER, CLICKHOUSE, COLLECTOR, KAFKA, REGISTRY, WORKER
from deploy.local.process import Identity
from deploy.local.state import Home, Stack
from schemas.settings import load_settings
from sinks.kafka.topics import SIDE_PARTITIONS

TIMEOUT = 5.0
NEVER, DOWN, ENDED, STARTING, READY = "never started", "not running", "ended", "not ready", "ready"


@dataclass(frozen=True, slots=True)
class PartHealth:
    """A part: `name`, `state` (one of the words above), `address`, and pid and memory where it runs."""

    name: str
    state: str
    address: str | None
    pid: int | None
    memory: int | None


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """A worker: the version of its policies, and how many records its partitions are behind.

    `lag` is None where Kafka or the worker does not tell; `refused` says why the policies published last are
    not in force, where that is so; `unknown_agencies` counts the names that no agency of the register has.
    """

    name: str
    state: str
    pid: int
    policies: str | None
    refused: str | None
    lag: int | None
    partitions: int
    memory: int | None
    unknown_agencies: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlerterHealth:
    """The alerter, with what its sign of life says of destinations and canaries.

    `lag` is how many violations it has not decided on yet; None where Kafka does not tell.
    """

    state: str
    pid: int
    memory: int | None
    lag: int | None
    sign: Mapping[str, Any]

    @property
    def canaries(self) -> dict[str, str]:
        """When the last canary of each source came through, ISO 8601."""
        return {str(source): str(at) for source, at in self.sign.get("canaries", {}).items()}


@dataclass(frozen=True, slots=True)
class CollectorHealth:
    """The collector, with what its sign of life says; `address` is None where it is not known."""

    state: str
    pid: int
    memory: int | None
    address: str | None
    sign: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Health:
    """A stack: `ready` is true only where broker, engine, registry if any and all that was started are."""

    parts: list[PartHealth]
    workers: list[WorkerHealth]
    alerter: AlerterHealth | None = None
    collector: CollectorHealth | None = None

    @property
    def unknown_agencies(self) -> dict[str, int]:
        """How often each name came, to all workers together, that no agency of the register has."""
        together: Counter[str] = Counter()
        for worker in self.workers:
            together.update(worker.unknown_agencies)
        return dict(together.most_common())

    @property
    def ready(self) -> bool:
        """Whether all are ready."""
        states = [part.state for part in self.parts] + [worker.state for worker in self.workers]
        states += [part.state for part in (self.alerter, self.collector) if part is not None]
        return bool(self.parts) and all(state == READY for state in states)


def examine(home: Home) -> tuple[Stack, Health]:
    """Return the state of the home's stack and how its parts do; reads only.

    Raises:
        FrwatchError: `stack.json` is damaged or cannot be read.
    """
    stack = home.load()
    if stack.kafka is None or stack.clickhouse is None:
        return stack, Health([], [])
    base, ping = stack.schema_registry, f"{stack.clickhouse}/ping"
    checks: list[tuple[str, str, Callable[[], bool]]] = [
        (KAFKA, stack.kafka, partial(kafka.answers, stack.kafka)),
        (CLICKHOUSE, stack.clickhouse, partial(registry.http_answers, ping)),
    ]
    if base:
        checks.append((REGISTRY, base, partial(registry.answers, base)))
    found: list[PartHealth] = []
    for name, address, answers in checks:
        who = stack.pids.get(name)
        process = who.process() if who else None
        if process is None:
            found.append(PartHealth(name, DOWN if who is None else ENDED, address, None, None))
        else:
            state = READY if answers() else STARTING
            found.append(PartHealth(name, state, address, process.pid, process.memory_info().rss))
    answers_now = found[0].state == READY
    workers = _workers(home, stack, kafka_is_ready=answers_now)
    alerter = _alerter(home, stack, kafka_is_ready=answers_now)
    return stack, Health(found, workers, alerter, _collector(home, stack))


def _collector(home: Home, stack: Stack) -> CollectorHealth | None:
    who = stack.pids.get(COLLECTOR)
    if who is None:
        return None
    process = who.process()
    if process is None:
        return CollectorHealth(ENDED, who.pid, None, None, {})
    sign = parts.sign_of_life(home, who, "collector")
    state = READY if sign.get("ready") else STARTING
    return CollectorHealth(state, who.pid, process.memory_info().rss, sign.get("url"), sign)


def _alerter(home: Home, stack: Stack, *, kafka_is_ready: bool) -> AlerterHealth | None:
    who = stack.pids.get(ALERTER)
    if who is None:
        return None
    process = who.process()
    if process is None:
        return AlerterHealth(ENDED, who.pid, None, None, {})
    sign = parts.sign_of_life(home, who, "alerts")
    settings = load_settings(home=home.path)
    wanted = [(settings.topic("violations"), number) for number in range(SIDE_PARTITIONS)]
    lags = lags_of(home, stack, wanted, group=f"{settings.group}-alerts") if kafka_is_ready else {}
    lag = sum(lags.values()) if lags else None
    state = READY if sign.get("ready") else STARTING
    return AlerterHealth(state, who.pid, process.memory_info().rss, lag, sign)


def _workers(home: Home, stack: Stack, *, kafka_is_ready: bool) -> list[WorkerHealth]:
    numbered = {name: who for name, who in sorted(stack.pids.items()) if name.startswith(WORKER)}
    signs = {name: parts.sign_of_life(home, who) for name, who in numbered.items()}
    held = {name: _partitions(sign) for name, sign in signs.items()}
    lags: dict[tuple[str, int], int] = {}
    if kafka_is_ready:
        lags = lags_of(home, stack, {each for owned in held.values() for each in owned})
    return [_worker(name, who, signs[name], held[name], lags) for name, who in numbered.items()]


def _worker(
    name: str,
    who: Identity,
    sign: dict[str, object],
    held: set[tuple[str, int]],
    lags: dict[tuple[str, int], int],
) -> WorkerHealth:
    process = who.process()
    if process is None:
        return WorkerHealth(name, ENDED, who.pid, None, None, None, 0, None)
    known = bool(sign) and held <= lags.keys()
    return WorkerHealth(
        name,
        READY if sign.get("ready") else STARTING,
        who.pid,
        str(sign["policies"]) if sign.get("policies") else None,
        str(sign["refused"]) if sign.get("refused") else None,
        sum(lags[each] for each in held) if known else None,
        len(held),
        process.memory_info().rss,
        _names(sign),
    )


def _names(sign: dict[str, object]) -> dict[str, int]:
    names = sign.get("unknown_agencies")
    return {str(name): int(count) for name, count in names.items()} if isinstance(names, dict) else {}


def _partitions(sign: dict[str, object]) -> set[tuple[str, int]]:
    by_topic = sign.get("partitions")
    if not isinstance(by_topic, dict):
        return set()
    return {(str(topic), int(number)) for topic, numbers in by_topic.items() for number in numbers}


def lags_of(
    home: Home, stack: Stack, wanted: Iterable[tuple[str, int]], *, group: str | None = None
) -> dict[tuple[str, int], int]:
    """Return how many records a group is behind in each partition; {} where Kafka does not tell.

    The group is the workers', unless another is named.

    A partition in which nothing was committed counts from its beginning.
    """
    partitions = [TopicPartition(topic, number) for topic, number in sorted(wanted)]
    if not partitions:
        return {}
    group = group or load_settings(home=home.path).group
    client = AdminClient({"bootstrap.servers": stack.kafka or "", "log_level": 0})
    try:
        asked = client.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group, partitions)], request_timeout=TIMEOUT
        )
        noted = asked[group].result().topic_partitions or []
        committed = {(each.topic, each.partition): int(each.offset) for each in noted}
        edges = [
            client.list_offsets(dict.fromkeys(partitions, spec), request_timeout=TIMEOUT)
            for spec in (OffsetSpec.earliest(), OffsetSpec.latest())  # type: ignore[no-untyped-call]
        ]
        lags = {}
        for partition in partitions:
            first, end = (int(edge[partition].result().offset) for edge in edges)
            at = committed.get((partition.topic, partition.partition), -1)
            lags[partition.topic, partition.partition] = max(0, end - (at if at >= 0 else first))
    except KafkaException:
        return {}
    return lags
