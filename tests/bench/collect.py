"""`python -m tests.bench.collect`: events over HTTP, at a steady rate, beside broker, engine and a worker.

Open loop: each request has its time, whether the one before is answered or not, and its latency counts from
that time; so waiting in a queue counts. At the end every event that was accepted must be a row, once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import psutil
import uvloop
from pydantic import SecretStr
from rich.console import Console

from schemas.settings import Settings
from sinks.clickhouse.migrate import migrate
from sinks.kafka.topics import ensure_topics
from tests.bench.figures import percentiles, print_figures
from tests.support.clickhouse import running_clickhouse
from tests.support.collector import KEYS, Collector, search
from tests.support.kafka import running_kafka
from tests.support.worker import stack_for, until

CONNECTIONS = 32


def body(size: int, number: int) -> bytes:
    """A batch of searches as wide as a client's own, some 730 bytes each."""
    now = datetime.now(UTC).isoformat()
    return json.dumps(
        [
            search(
                occurred_at=now,
                source_version="4.2.1",
                officer_id=f"P{(number * size + index) % 400}",
                unit="Robbery-Homicide",
                endpoint="https://lacris.example/search",
                account="agency",
                galleries=["lacris-booking"],
                case_number=f"26-{number:06}",
                crime_type="robbery",
                purpose="investigation",
                probe_hash=uuid.uuid4().hex * 2,
                candidates=12,
                top_score=0.83,
                training_cert="LACRIS-2020-0001",
                approved_by="S12",
                client_ip="10.1.2.3",
                user_agent="lacris/4.2",
                attributes={"workstation": "ws17", "ticket": "A-1"},
            )
            for index in range(size)
        ]
    ).encode()


async def play(url: str, bodies: list[bytes], every: float) -> tuple[list[tuple[float, float]], Counter[int]]:
    """Send a body each `every` seconds and return when each was due and its latency, both seconds."""
    statuses: Counter[int] = Counter()
    seen: list[tuple[float, float]] = []
    headers = {"Authorization": f"Bearer {KEYS['lacris-web']}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        loop = asyncio.get_running_loop()
        began = loop.time() + 0.2

        async def one(number: int, data: bytes) -> None:
            due = began + number * every
            await asyncio.sleep(max(0.0, due - loop.time()))
            async with session.post(f"{url}/v1/searches", data=data) as answer:
                await answer.read()
                statuses[answer.status] += 1
            seen.append((due - began, loop.time() - due))

        await asyncio.gather(*(one(number, data) for number, data in enumerate(bodies)))
    return seen, statuses


def main() -> None:
    """Run the bench and print one table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.collect", description=__doc__)
    parser.add_argument("--rate", type=int, default=5_000, help="events/s")
    parser.add_argument("--batch", type=int, default=100, help="events a request")
    parser.add_argument("--seconds", type=int, default=30, help="how long it is measured")
    parser.add_argument("--warm-up", type=int, default=10, help="how long before that it runs unmeasured")
    given = parser.parse_args()
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        for part in ("kafka", "clickhouse", "stack"):
            (base / part).mkdir()
        with (
            running_kafka(base / "kafka") as kafka,
            running_clickhouse(base / "clickhouse") as engine,
            stack_for(kafka, engine.url, base / "stack", f"b{uuid.uuid4().hex[:8]}.") as stack,
        ):
            asyncio.run(migrate(Settings(clickhouse=SecretStr(engine.url))))
            asyncio.run(ensure_topics(stack.settings()))
            stack.start_worker()
            collector = Collector(stack)
            process = psutil.Process(collector.start().pid)
            every = given.batch / given.rate
            count = round((given.warm_up + given.seconds) / every)
            console.print(f"making {count * given.batch:,} searches …")
            bodies = [body(given.batch, number) for number in range(count)]
            console.print("measuring …")
            before, began = process.cpu_times(), time.perf_counter()
            seen, statuses = uvloop.run(play(collector.url, bodies, every))
            took, after = time.perf_counter() - began, process.cpu_times()
            events = statuses[202] * given.batch
            sql = "SELECT count(), uniqExact(event_id) FROM frwatch.searches WHERE kafka_topic = {topic}"
            rows = until(lambda: (found := stack.query(sql)[0])[0] >= events and found, "all are rows", 60)
            cpu = after.user + after.system - before.user - before.system
            memory = process.memory_info().rss / 2**20
    measured = sorted(1000 * latency for due, latency in seen if due >= given.warm_up)
    print_figures(
        console,
        {
            f"{given.rate:,} events/s in batches of {given.batch}": percentiles(measured, 1),
            "answers": ", ".join(f"{number:,} × {status}" for status, number in statuses.items()),
            "accepted; rows, distinct": f"{events:,}; {rows[0]:,}, {rows[1]:,}",
            "collector": f"{cpu / took:.2f} cores, {1e6 * cpu / events:.0f} µs an event, {memory:.0f} MiB",
        },
    )


if __name__ == "__main__":
    main()
