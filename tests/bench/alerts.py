"""`python -m tests.bench.alerts`: how long from a search to the webhook that tells of it.

Searches are produced at a steady rate, 2 % of them forbidden, each of these a group of its own, so that all
are told. The time runs from the moment a search is handed to its producer to the moment that the request is
whole in the hands of a receiver, which is a process of its own. Broker, engine, worker, alerter, producer and
receiver share this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web
from confluent_kafka import Producer
from pydantic import SecretStr
from rich.console import Console

from deploy.local.ports import free_ports
from schemas.settings import Settings
from sinks.clickhouse.migrate import migrate
from sinks.kafka.topics import ensure_topics
from tests.bench.figures import WARM_UP, percentiles, print_figures
from tests.bench.searches import searches
from tests.support.alerter import Alerters
from tests.support.clickhouse import running_clickhouse
from tests.support.kafka import running_kafka
from tests.support.worker import Stack, stack_for, until

FORBIDDEN = 0.02
ROUTES = """
destinations:
  hook:
    {kind: webhook, url_env: HOOK_URL, secret_env: HOOK_SECRET, allow_private: true, timeout: 5s,
     per_minute: 60000, at_once: 32}
routes: [{name: all, group_by: [event_id], to: hook}]
"""


def receive(port: int, report: Path) -> None:
    """Answer 200 to each request until told to end; then write when each event was told of first."""
    came: dict[str, int] = {}
    over = asyncio.Event()

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        at = time.monotonic_ns()
        came.setdefault(json.loads(body)["data"]["event_id"], at)
        return web.Response(text="ok")

    async def serve() -> None:
        app = web.Application()
        app.router.add_post("/{rest:.*}", handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
        print("ready", flush=True)
        await over.wait()
        await runner.cleanup()

    asyncio.run(serve())
    report.write_text(json.dumps(came))


@contextmanager
def receiving(folder: Path) -> Iterator[tuple[str, Path]]:
    """A receiver that listens; its URL, and where its report will be when this is left."""
    port, report = free_ports(1)[0], folder / "received.json"
    command = [sys.executable, "-m", "tests.bench.alerts", "--receive", str(port), str(report)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            raise RuntimeError("the receiver did not start")
        yield f"http://127.0.0.1:{port}/alerts", report
    finally:
        process.terminate()
        process.wait(10)


STAGES = """
SELECT toString(v.event_id), toUnixTimestamp64Micro(d.detected_at), toUnixTimestamp64Micro(d.decided_at),
    toUnixTimestamp64Micro(assumeNotNull(d.delivered_at)) - toInt64(a.latency_us)
FROM frwatch.alerts_delivered AS d
JOIN frwatch.violations AS v ON v.violation_id = d.violation_id
JOIN frwatch.alerts AS a ON a.alert_id = d.alert_id AND a.outcome = 'delivered'
"""
WAYS = ("to the worker, which judges it", "judged, published, fetched, decided", "until it is sent", "sent")


def stages(stack: Stack, sent: dict[str, int], came: dict[str, int], timed: set[str]) -> dict[str, str]:
    """Where the time goes, by the clock of this machine."""
    # From the clock that times the whole to the one that rows tell of, in nanoseconds.
    ahead = time.time_ns() - time.monotonic_ns()
    ways: list[list[float]] = [[] for _ in WAYS]
    for event_id, *moments in stack.query(STAGES):
        if event_id in timed:
            points = [sent[event_id] + ahead, *(moment * 1_000 for moment in moments), came[event_id] + ahead]
            for way, first, last in zip(ways, points, points[1:], strict=False):
                way.append((last - first) / 1e6)
    return {f"  {name}": percentiles(sorted(way), 1) for name, way in zip(WAYS, ways, strict=True)}


def play(stack: Stack, rate: int, seconds: int, first: int) -> dict[str, int]:
    """Produce searches at the rate; when each that is forbidden was handed over, in nanoseconds."""
    every = round(1 / FORBIDDEN)
    events = list(searches(first, seconds * rate, forbidden=FORBIDDEN))
    producer = Producer(
        {"bootstrap.servers": stack.kafka, "acks": "all", "linger.ms": 0 if rate <= 5_000 else 2}
        | {"queue.buffering.max.messages": 1_000_000}
    )
    topic, sent = f"{stack.prefix}searches", {}
    began = time.perf_counter()
    for number, (event_id, key, value) in enumerate(events):
        if (ahead := began + number / rate - time.perf_counter()) > 0.0002:
            time.sleep(ahead)
        if number % every == 0:
            sent[event_id] = time.monotonic_ns()
        producer.produce(topic, value, key=key)
        if number % 100 == 0:
            producer.poll(0)
    producer.flush()
    return sent


def measure(stack: Stack, rate: int, seconds: int) -> dict[str, str]:
    """Time the searches of some seconds, the first few of which warm everything up."""
    first = 200_000_000 + rate * 1_000
    with receiving(stack.home) as (url, report):
        alerters = Alerters(stack, url, ROUTES)
        alerters.start()
        stack.start_worker()
        sent = play(stack, rate, seconds + WARM_UP, first)
        delivered = "SELECT uniqExact(violation_id) FROM frwatch.alerts_delivered WHERE outcome = 'delivered'"
        until(lambda: stack.scalar(delivered) >= len(sent), f"{len(sent)} webhooks are delivered", 300)
    came: dict[str, int] = json.loads(report.read_text())
    began = min(sent.values())
    timed = {event_id for event_id, at in sent.items() if at - began > WARM_UP * 1_000_000_000}
    delays = sorted((came[event_id] - sent[event_id]) / 1e6 for event_id in timed)
    whole = {f"search to webhook, {rate:,}/s": percentiles(delays) + f" ({len(delays)} webhooks)"}
    ways = stages(stack, sent, came, timed)
    # Of several rates each has its own.
    return whole | {f"{name}, {rate:,}/s": figures for name, figures in ways.items()}


def main() -> None:
    """Measure at each rate and print one table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.alerts", description=__doc__)
    parser.add_argument("--rate", type=int, nargs="*", default=[1_000, 50_000], help="searches/s")
    parser.add_argument("--seconds", type=int, default=20, help="how long each is measured (20)")
    parser.add_argument("--receive", nargs=2, metavar=("PORT", "REPORT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.receive:
        receive(int(given.receive[0]), Path(given.receive[1]))
        return
    console = Console(highlight=False)
    figures: dict[str, str] = {}
    for rate in given.rate:
        with tempfile.TemporaryDirectory() as folder:
            base = Path(folder)
            for part in ("kafka", "clickhouse", "home"):
                (base / part).mkdir()
            with running_kafka(base / "kafka") as kafka, running_clickhouse(base / "clickhouse") as engine:
                asyncio.run(migrate(Settings(clickhouse=SecretStr(engine.url))))
                with stack_for(kafka, engine.url, base / "home", f"b{uuid.uuid4().hex[:8]}.") as stack:
                    asyncio.run(ensure_topics(stack.settings()))
                    console.print(f"measuring at {rate:,}/s …")
                    figures |= measure(stack, rate, given.seconds)
    print_figures(console, figures)


if __name__ == "__main__":
    main()
