"""`python -m tests.bench.emitter`: how long an FR client waits for the emitter, and how fast a spool drains.

On the caller's path: check, encode, write to the spool; paced at 200 searches/s and as fast as it goes, with
Kafka there, with Kafka away, and against the loss of power too. Draining: a backlog through a real broker.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.local.ports import free_ports
from schemas.settings import Settings
from sinks.kafka.topics import ensure_topics
from streams.inputs.emitter import Emitter
from tests.bench.figures import machine
from tests.support.kafka import running_kafka

PACED = 3000
BURST = 20_000
SEARCH = {
    "officer_id": "P12345",
    "provider": "LACRIS",
    "galleries": ["lacris-booking"],
    "case_number": "20-123456",
    "probe_hash": "5c" * 32,
    "candidates": 12,
    "top_score": 0.93,
    "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36",
}


def waits(
    emitter: Emitter, count: int, per_second: float | None, threads: int = 1
) -> tuple[list[float], list[float]]:
    """Seconds that each call of `emit` took, and those of the processor, in rising order."""
    found: list[float] = []
    worked: list[float] = []

    def run() -> None:
        began = time.perf_counter()
        for number in range(count // threads):
            if per_second:
                time.sleep(max(0.0, began + number / per_second - time.perf_counter()))
            cpu, before = time.thread_time(), time.perf_counter()
            emitter.emit(**SEARCH)
            found.append(time.perf_counter() - before)
            worked.append(time.thread_time() - cpu)

    runs = [threading.Thread(target=run) for _ in range(threads)]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    return sorted(found), sorted(worked)


def main() -> None:
    """Print both tables."""
    console = Console()
    console.print(machine())
    table = Table("emit(), µs", "p50", "p99", "p99.9", "longest", "CPU p50", "CPU p99")
    with (
        tempfile.TemporaryDirectory() as folder,
        tempfile.TemporaryDirectory() as data,
        running_kafka(Path(data)) as kafka,
    ):
        home = Path(folder)
        there = Settings(home=home, kafka=kafka, topic_prefix="bench.", spool=home / "there")
        away = Settings(home=home, kafka=f"127.0.0.1:{free_ports(1)[0]}", spool=home / "away")
        safe = away.model_copy(update={"spool": home / "safe", "spool_power_safe": True})
        asyncio.run(ensure_topics(there))
        for settings, what in (
            (there, "Kafka there"),
            (away, "Kafka away"),
            (safe, "Kafka away, power-safe"),
        ):
            emitter = Emitter(settings=settings, strict=True, source="bench", agency_id="lapd")
            rates = ((PACED, 200.0, 1, "200/s"), (BURST, None, 1, "at once"), (BURST, None, 4, "4 threads"))
            for count, rate, threads, how in rates:
                if settings is safe and rate is None:
                    count //= 10
                took, worked = waits(emitter, count, rate, threads)
                shares = [took[int(len(took) * share)] for share in (0.5, 0.99, 0.999)]
                cpu = [worked[int(len(worked) * share)] for share in (0.5, 0.99)]
                cells = (f"{seconds * 1e6:,.0f}" for seconds in (*shares, took[-1], *cpu))
                table.add_row(f"{what}, {how}", *cells)
            emitter.close(30 if settings is there else 0)
        console.print(table)
        backlog = away.model_copy(update={"kafka": kafka, "topic_prefix": "bench."})
        began = time.perf_counter()
        with Emitter(settings=backlog, strict=True) as emitter:
            waiting = emitter.counts().waiting
            assert emitter.drain(120)
            seconds = time.perf_counter() - began
        console.print(f"a spool of {waiting:,} drained in {seconds:.1f} s: {waiting / seconds:,.0f}/s")


if __name__ == "__main__":
    main()
