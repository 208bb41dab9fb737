"""What a fault is played on: real parts in a folder of their own, and searches that flow through them."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from schemas.settings import Settings
from sinks.clickhouse.migrate import migrate
from sinks.kafka.topics import ensure_topics
from tests.faults.check import Count, count
from tests.faults.flow import Flow
from tests.support.clickhouse import RunningClickHouse, running_clickhouse
from tests.support.cluster import Cluster, running_cluster
from tests.support.worker import Stack, stack_for

PARTITIONS = 6


@dataclass(slots=True)
class Scale:
    """How hard: `rate` searches a second; a full run, or a short one that does each thing a few times."""

    rate: int = 20_000
    full: bool = True

    def times(self, full: int, short: int) -> int:
        """So many times."""
        return full if self.full else short

    def seconds(self, full: float, short: float) -> float:
        """For so long."""
        return full if self.full else short


@dataclass(slots=True)
class Outcome:
    """What a fault did: how often it struck, seconds to recover of each time, and the count."""

    times: int = 0
    recovered: list[float] = field(default_factory=list)
    count: Count = field(default_factory=Count)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class World:
    """A folder of its own, and parts that are started when they are asked for."""

    folder: Path
    scale: Scale
    stack: ExitStack
    rng: random.Random = field(default_factory=lambda: random.Random(5))
    _engine: RunningClickHouse | None = None
    _clusters: dict[int, Cluster] = field(default_factory=dict)

    def cluster(self, brokers: int) -> Cluster:
        """A cluster of so many brokers."""
        if brokers not in self._clusters:
            folder = self.folder / f"kafka-{brokers}"
            self._clusters[brokers] = self.stack.enter_context(running_cluster(folder, brokers))
        return self._clusters[brokers]

    @property
    def engine(self) -> RunningClickHouse:
        """The engine, as it runs now."""
        if self._engine is None:
            self._engine = self.stack.enter_context(running_clickhouse(self.folder / "clickhouse"))
            asyncio.run(migrate(Settings(clickhouse=SecretStr(self._engine.url))))
        return self._engine

    def restart_engine(self) -> None:
        """Start the engine over the same data and port, after it was killed."""
        self._engine = self.stack.enter_context(
            running_clickhouse(self.folder / "clickhouse", self.engine.port)
        )

    @contextmanager
    def flow(
        self,
        *,
        workers: int = 3,
        brokers: int = 1,
        clickhouse: str = "",
        poison: int = 2_000,
        rate: int = 0,
        begin: bool = True,
    ) -> Iterator[Flow]:
        """Searches that flow through so many workers; on leaving they are ended."""
        home = self.folder / f"home-{uuid.uuid4().hex[:8]}"
        home.mkdir(parents=True)
        url = clickhouse or self.engine.url
        with stack_for(self.cluster(brokers).address, url, home, f"f{uuid.uuid4().hex[:8]}.") as stack:
            asyncio.run(ensure_topics(stack.settings(), partitions=PARTITIONS))
            flow = Flow(stack, rate or self.scale.rate, poison=poison)
            try:
                for _ in range(workers):
                    flow.start()
                flow.ready(workers)
                if begin:
                    flow.begin()
                    flow.steady()
                    time.sleep(self.scale.seconds(3, 0.5))
                yield flow
            finally:
                flow.close()

    def judge(self, flow: Flow, outcome: Outcome, *, kept: bool = True) -> Outcome:
        """Drain a flow and count."""
        flow.drain()
        outcome.count = settled(flow.stack, flow, kept=kept)
        if flow.exits:
            outcome.notes.append(f"workers ended by themselves: {flow.exits}")
        return outcome


def settled(stack: Stack, flow: Flow, *, kept: bool) -> Count:
    """The count, looked at again for a moment where something is missing: the end of a flush may be due."""
    deadline = time.monotonic() + 15
    found = count(stack, flow.reports, kept=kept)
    while (found.lost or found.duplicated) and time.monotonic() < deadline:
        time.sleep(0.5)
        found = count(stack, flow.reports, kept=kept)
    return found
