"""`make bench`: one worker beside a real broker and engine on this machine.

Throughput: a backlog of searches, from the first row to the last; resident memory at its highest.
Latency: 1,000 searches/s, 2 % of them forbidden; from the moment a search is handed to the producer to the
moment its violation is in the hands of a consumer of fr.violations, and to its row in ClickHouse.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import tempfile
import threading
import time
import uuid
from pathlib import Path

import clickhouse_connect
import fastavro
import psutil
from confluent_kafka import Consumer, Producer
from pydantic import SecretStr
from rich.console import Console

from schemas.contracts import contract
from schemas.settings import Settings
from sinks.clickhouse.migrate import migrate
from sinks.kafka.topics import ensure_topics
from tests.bench.figures import WARM_UP, percentiles, print_figures
from tests.bench.searches import searches
from tests.support.clickhouse import running_clickhouse
from tests.support.kafka import running_kafka
from tests.support.worker import Stack, stack_for, until

BATCH = 50_000
LATENCY_IDS = 100_000_000
"""Where the numbers of the paced searches begin: no id stands in both benches."""


def throughput(stack: Stack, events: int) -> dict[str, str]:
    """Drain a backlog with one worker."""
    producer = Producer(
        {"bootstrap.servers": stack.kafka, "linger.ms": 20, "compression.type": "lz4", "acks": "all"}
        | {"queue.buffering.max.messages": BATCH + 1}
    )
    for first in range(0, events, BATCH):
        for _, key, value in searches(first, min(BATCH, events - first)):
            producer.produce(f"{stack.prefix}searches", value, key=key)
        producer.flush()
    worker = stack.start_worker()
    process = psutil.Process(worker.pid)
    sql = "SELECT count() FROM frwatch.searches_raw WHERE kafka_topic = {topic}"
    marks: list[tuple[float, int]] = []

    def done() -> bool:
        marks.append((time.perf_counter(), stack.scalar(sql)))
        time.sleep(0.2)
        return marks[-1][1] >= events

    until(done, "the backlog is stored", 600)
    began = next(mark for mark in marks if mark[1] > 0)
    rate = (marks[-1][1] - began[1]) / (marks[-1][0] - began[0])
    peak = max(int(line.split()[1]) for line in _status(process.pid) if line.startswith("VmHWM")) / 1024
    worker.terminate()
    worker.wait(15)
    stored = stack.query(
        "SELECT count(), uniqExact(event_id) FROM frwatch.searches WHERE kafka_topic = {topic}"
    )
    return {
        "searches stored": f"{stored[0][0]:,} of {events:,}, {stored[0][1]:,} distinct",
        "throughput": f"{rate:,.0f} searches/s",
        "resident memory, highest": f"{peak:,.0f} MiB",
    }


def latency(stack: Stack, seconds: int, rate: int) -> dict[str, str]:
    """Pace searches and time what comes of them."""
    stack.start_worker()
    sent: dict[str, float] = {}
    found: dict[str, float] = {}
    over = threading.Event()
    shape = contract("violation").current.parsed
    consumer = Consumer(
        {
            "bootstrap.servers": stack.kafka,
            "group.id": f"{stack.prefix}bench",
            "auto.offset.reset": "earliest",
        }
        | {"fetch.wait.max.ms": 5}
    )
    consumer.subscribe([f"{stack.prefix}violations"])

    def listen() -> None:
        while not over.is_set():
            for message in consumer.consume(100, timeout=0.01):
                at = time.perf_counter()
                record = fastavro.schemaless_reader(io.BytesIO((message.value() or b"")[10:]), shape, None)
                found.setdefault(str(record["event_id"]), at)  # type: ignore[index,call-overload]

    until(lambda: consumer.poll(0.05) is None and consumer.assignment(), "the consumer is assigned")
    listener = threading.Thread(target=listen)
    listener.start()
    events = list(searches(LATENCY_IDS, seconds * rate, forbidden=0.02))
    producer = Producer({"bootstrap.servers": stack.kafka, "acks": "all"})
    visible: list[float] = []
    samples = threading.Thread(target=_watch_rows, args=(stack, sent, visible, over))
    samples.start()
    began = time.perf_counter()
    for number, (event_id, key, value) in enumerate(events):
        if (ahead := began + number / rate - time.perf_counter()) > 0:
            time.sleep(ahead)
        sent[event_id] = time.perf_counter()
        producer.produce(f"{stack.prefix}searches", value, key=key)
        producer.poll(0)
    producer.flush()
    expected = seconds * rate // 50
    until(lambda: len(found) >= expected, f"{expected} violations have come back")
    over.set()
    listener.join()
    samples.join()
    consumer.close()
    delays = [(sent[event_id] - began, (found[event_id] - sent[event_id]) * 1000) for event_id in found]
    every = sorted(delay for _, delay in delays)
    warm = sorted(delay for at, delay in delays if at > WARM_UP)
    return {
        f"search to violation, {rate:,}/s": percentiles(every) + f" ({len(every)} violations)",
        f"the same from second {WARM_UP} on": percentiles(warm) + f" ({len(warm)} violations)",
        f"search to row, {rate:,}/s": percentiles(sorted(visible)) + f" ({len(visible)} rows)",
    }


def _watch_rows(stack: Stack, sent: dict[str, float], visible: list[float], over: threading.Event) -> None:
    """Time single searches from sending to the moment that a query finds them."""
    host, port = stack.clickhouse.removeprefix("http://").split(":")
    client = clickhouse_connect.get_client(host=host, port=int(port))
    while not over.is_set():
        for event_id, at in list(sent.items())[-1:]:
            sql = f"SELECT count() FROM frwatch.searches WHERE event_id = '{event_id}'"
            while not client.command(sql) and not over.is_set():
                time.sleep(0.05)
            if not over.is_set():
                visible.append((time.perf_counter() - at) * 1000)
        time.sleep(0.1)
    client.close()


def _status(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text().splitlines()


def main() -> None:
    """Run the benches and print one table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="searches of the backlog")
    parser.add_argument("--seconds", type=int, default=20, help="how long the latency is measured")
    parser.add_argument("--rate", type=int, default=1_000, help="searches/s while the latency is measured")
    given = parser.parse_args()
    console = Console(highlight=False)
    figures: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        for part in ("kafka", "clickhouse", "throughput", "latency"):
            (base / part).mkdir()
        with running_kafka(base / "kafka") as kafka, running_clickhouse(base / "clickhouse") as engine:
            asyncio.run(migrate(Settings(clickhouse=SecretStr(engine.url))))
            for name in ("latency", "throughput"):
                with stack_for(kafka, engine.url, base / name, f"b{uuid.uuid4().hex[:8]}.") as stack:
                    asyncio.run(ensure_topics(stack.settings()))
                    console.print(f"measuring {name} …")
                    if name == "throughput":
                        figures |= throughput(stack, given.events)
                    else:
                        figures |= latency(stack, given.seconds, given.rate)
            figures["ClickHouse beside it"] = (
                f"{psutil.Process(engine.pid).memory_info().rss / 2**20:,.0f} MiB"
            )
    print_figures(console, figures)


if __name__ == "__main__":
    main()
