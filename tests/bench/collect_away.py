"""`python -m tests.bench.collect_away`: Kafka killed for a minute while clients report at a steady rate.

Open loop, as `tests.bench.collect`: a client that is told 503 drops its batch and goes on with the next one.
What was acknowledged must be in the topic afterwards; what nobody knew of may be there; no event is twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import psutil
import uvloop
from rich.console import Console

from sinks.kafka.topics import ensure_topics
from tests.bench.collect import CONNECTIONS
from tests.bench.figures import print_figures
from tests.support.cluster import Cluster, running_cluster
from tests.support.collector import KEYS, Collector, search, stored_ids
from tests.support.worker import stack_for


class Load:
    """What was sent, and what became of it."""

    def __init__(self, url: str, rate: int, batch: int) -> None:
        self._url = url
        self._every = batch / rate
        self._batch = batch
        self.over = False
        self.statuses: Counter[int] = Counter()
        self.acknowledged: list[str] = []
        self.unknown: set[str] = set()
        self.answered: list[tuple[float, int]] = []

    async def run(self) -> None:
        """Send until `over`."""
        headers = {"Authorization": f"Bearer {KEYS['lacris-web']}", "Content-Type": "application/json"}
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        async with (
            aiohttp.ClientSession(connector=connector, headers=headers) as session,
            asyncio.TaskGroup() as tasks,
        ):
            due = time.monotonic()
            while not self.over:
                tasks.create_task(self._one(session))
                due += self._every
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _one(self, session: aiohttp.ClientSession) -> None:
        events = [search() for _ in range(self._batch)]
        ids = [event["event_id"] for event in events]
        async with session.post(f"{self._url}/v1/searches", data=json.dumps(events)) as answer:
            told = await answer.json(content_type=None)
        self.statuses[answer.status] += 1
        self.answered.append((time.monotonic(), answer.status))
        if answer.status == 202:
            self.acknowledged += ids
        elif "items" in told:
            for event_id, item in zip(ids, told["items"], strict=True):
                if item["status"] == "accepted":
                    self.acknowledged.append(event_id)
                else:
                    self.unknown.add(event_id)


async def play(load: Load, cluster: Cluster, before: float, away: float, after: float) -> tuple[float, float]:
    """Play the load, kill the broker in between, and return when it went and when it was back."""
    running = asyncio.create_task(load.run())
    await asyncio.sleep(before)
    await asyncio.to_thread(cluster.kill)
    went = time.monotonic()
    await asyncio.sleep(away)
    await asyncio.to_thread(cluster.start)
    back = time.monotonic()
    await asyncio.sleep(after)
    load.over = True
    await running
    return went, back


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the bench, print one table, and exit 1 where something acknowledged was lost or is there twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.collect_away", description=__doc__)
    parser.add_argument("--rate", type=int, default=1_000, help="events/s")
    parser.add_argument("--batch", type=int, default=50, help="events a request")
    parser.add_argument("--away", type=float, default=60, help="seconds for which Kafka is away")
    given = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_cluster(Path(folder) / "broker", brokers=1) as cluster,
    ):
        home = Path(folder) / "home"
        home.mkdir()
        with stack_for(cluster.address, "http://127.0.0.1:1", home, "away.") as stack:
            asyncio.run(ensure_topics(stack.settings(), partitions=4))
            collector = Collector(stack)
            process = psutil.Process(collector.start().pid)
            memory = process.memory_info().rss
            load = Load(collector.url, given.rate, given.batch)
            went, back = uvloop.run(play(load, cluster, 10, given.away, 20))
            grown = process.memory_info().rss - memory
            found = Counter(stored_ids(stack))
    lost = sum(event_id not in found for event_id in load.acknowledged)
    twice = sum(count > 1 for count in found.values())
    again = min((at for at, status in load.answered if at > back and status == 202), default=float("inf"))
    strange = found.keys() - set(load.acknowledged) - load.unknown
    print_figures(
        Console(highlight=False),
        {
            f"Kafka away, at {given.rate:,} events/s": f"{back - went:.0f} s",
            "answers": ", ".join(f"{count:,} × {status}" for status, count in sorted(load.statuses.items())),
            "acknowledged; of them lost": f"{len(load.acknowledged):,}; {lost:,}",
            "in the topic; twice": f"{len(found):,}; {twice:,}",
            "nobody knew of, and there": f"{len(found.keys() & load.unknown):,} of {len(load.unknown):,}",
            "refused, and there": f"{len(strange):,}",
            "first 202 after Kafka was back": f"{again - back:.1f} s",
            "memory of the collector grew by": f"{grown / 2**20:.0f} MiB",
        },
    )
    if lost or twice or strange:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
