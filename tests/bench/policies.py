"""`python -m tests.bench.policies`: what policies cost, and how fast published ones are in force everywhere.

Cost: the same backlog drained by one worker with one rule and with forty, in turns; each rule finds the same.
Publishing: three workers at a steady rate; how long until all of them run the new set, and that every search
names exactly one of the two sets and was judged by it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import Producer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from schemas.agencies import load_agencies
from schemas.policies import PolicySet, parse_policies
from schemas.published import to_record
from schemas.settings import Settings
from schemas.yaml_file import Source
from sinks.clickhouse.migrate import migrate
from sinks.kafka.topics import ensure_topics
from tests.bench.__main__ import throughput
from tests.bench.figures import machine
from tests.bench.searches import searches
from tests.support.clickhouse import running_clickhouse
from tests.support.kafka import running_kafka
from tests.support.worker import Stack, stack_for, until

# Of searches as `tests.bench.searches` makes them, the last three find nothing; the first finds 2 %.
CONDITIONS = (
    "provider_class = 'commercial'",
    "evidence = 'SEARCH' AND COALESCE(TRIM(training_cert), '') = ''",
    "outside_agency",
    "LOWER(account) IN ('personal', 'borrowed')",
)


def rules(count: int) -> PolicySet:
    """A policy for every agency with so many rules, of which one finds something."""
    lines = [
        f"  - {{id: rule-{number}, title: t, severity: LOW,"
        f" when: \"{CONDITIONS[number and 1 + number % 3]} AND source <> 'none-{number}'\"}}"
        for number in range(count)
    ]
    head = f'policy: bench-{count}\ntitle: t\nagencies: "*"\neffective: {{from: 2000-01-01}}\nrules:\n'
    return parse_policies([Source("bench", head + "\n".join(lines))], load_agencies(Settings().agencies))


def publish(stack: Stack, policies: PolicySet) -> str:
    """Put a set in force; return its version."""
    key, value = to_record(policies, datetime.now(UTC))
    stack.produce("policies", [value], key=key)
    return policies.version


def cost(stack: Stack, count: int, events: int) -> float:
    """Return searches per second of one worker with so many rules."""
    publish(stack, rules(count))
    return float(throughput(stack, events)["throughput"].split()[0].replace(",", ""))


def swap(stack: Stack, rate: int, seconds: int) -> dict[str, str]:
    """Publish while searches come at a steady rate."""
    before = publish(stack, rules(1))
    for _ in range(3):
        stack.start_worker()
    values = [(key, value) for _, key, value in searches(0, rate * seconds)]
    taken: list[float] = []
    sent = threading.Event()

    def feed() -> None:
        producer = Producer({"bootstrap.servers": stack.kafka, "acks": "all", "linger.ms": 5})
        began = time.perf_counter()
        for start in range(0, len(values), rate // 50):
            time.sleep(max(0.0, began + start / rate - time.perf_counter()))
            for key, value in values[start : start + rate // 50]:
                producer.produce(f"{stack.prefix}searches", value, key)
            producer.poll(0)
        producer.flush()
        sent.set()

    feeding = threading.Thread(target=feed)
    feeding.start()
    time.sleep(seconds / 2)
    key, value = to_record(rules(40), datetime.now(UTC))
    began = time.perf_counter()
    stack.produce("policies", [value], key=key)
    until(lambda: running(stack) == {key.decode()}, "all workers run the new set", 30)
    taken.append(time.perf_counter() - began)
    feeding.join()
    total = len(values)
    sql = "SELECT count(), uniqExact(event_id) FROM frwatch.searches WHERE kafka_topic = {topic}"
    until(lambda: stack.query(sql) == [(total, total)], "every search is there, once", 120)
    judged = stack.query(
        "SELECT policies_version, count(), countIf(provider_class = 'commercial'),"
        " countIf(arrayExists(label -> startsWith(label, 'bench-1/'), broken_rules)),"
        " countIf(arrayExists(label -> startsWith(label, 'bench-40/'), broken_rules))"
        " FROM frwatch.searches WHERE kafka_topic = {topic} GROUP BY 1"
    )
    wrong = sum(
        abs(commercial - (first if version == before else second)) + (second if version == before else first)
        for version, _, commercial, first, second in judged
    )
    by_version = ", ".join(f"{version[:8]}: {count:,}" for version, count, *_ in sorted(judged))
    return {
        f"published at {rate:,}/s, 3 workers": f"in force everywhere after {max(taken):.1f} s",
        "judged by": f"{by_version}; {total:,} sent, {wrong} findings of another set than the row names",
    }


def running(stack: Stack) -> set[str]:
    """The versions that the workers say they run."""
    return {json.loads(file.read_text())["policies"] for file in (stack.home / "workers").glob("*.json")}


@contextmanager
def fresh(kafka: str, clickhouse: str, base: Path) -> Iterator[Stack]:
    """A stack with topics of its own."""
    home = base / uuid.uuid4().hex
    home.mkdir()
    with stack_for(kafka, clickhouse, home, f"b{uuid.uuid4().hex[:8]}.") as stack:
        asyncio.run(ensure_topics(stack.settings()))
        yield stack


def main() -> None:
    """Run the benches and print one table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.policies", description=__doc__)
    parser.add_argument("--events", type=int, default=600_000, help="searches of each backlog")
    parser.add_argument("--turns", type=int, default=3, help="how often each number of rules has its turn")
    parser.add_argument("--rate", type=int, default=20_000, help="searches/s while policies are published")
    given = parser.parse_args()
    figures: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        for part in ("kafka", "clickhouse"):
            (base / part).mkdir()
        with running_kafka(base / "kafka") as kafka, running_clickhouse(base / "clickhouse") as engine:
            asyncio.run(migrate(Settings(clickhouse=SecretStr(engine.url))))
            with fresh(kafka, engine.url, base) as stack:
                figures |= swap(stack, given.rate, 16) if given.rate else {}
            rates: dict[int, list[float]] = {1: [], 40: []}
            for _ in range(given.turns):
                for count, found in rates.items():
                    with fresh(kafka, engine.url, base) as stack:
                        found.append(cost(stack, count, given.events))
            for count, found in rates.items():
                each = ", ".join(f"{rate:,.0f}" for rate in found)
                figures[f"{count} rules, searches/s"] = each
            ratio = sum(1 / rate for rate in rates[40]) / sum(1 / rate for rate in rates[1])
            figures["time with 40 rules to that with 1"] = f"{ratio:.2f}"
    table = Table(title=machine(), show_header=False)
    for name, figure in figures.items():
        table.add_row(name, figure)
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
