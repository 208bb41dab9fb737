"""The checker: what a producer knows that it sent, against what Kafka and ClickHouse hold."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import fastavro
from confluent_kafka import Consumer, Message, TopicPartition

from tests.faults.traffic import SCHEMA
from tests.support.worker import Stack

_VIOLATION = fastavro.parse_schema(json.loads((SCHEMA.parent / "violation.avsc").read_text()))


SLICE = 4_000_000
"""Rows whose identities the engine is asked to tell apart at a time."""


@dataclass(slots=True)
class Count:
    """What came of what was sent. `notes` says what else is wrong, or remarkable."""

    sent: int = 0
    rows: int = 0
    dead: int = 0
    lost: int = 0
    duplicated: int = 0
    notes: list[str] = field(default_factory=list)

    def blame(self, *, lost: int = 0, duplicated: int = 0, what: str) -> None:
        """Note that something is missing, or is there too often."""
        if lost > 0 or duplicated > 0:
            self.lost += max(0, lost)
            self.duplicated += max(0, duplicated)
            self.notes.append(f"{what}: {lost} lost, {duplicated} too many")


def count(stack: Stack, reports: Sequence[Mapping[str, Any]], *, kept: bool = True) -> Count:
    """Return what came of runs of `tests.faults.traffic` into one topic; `kept` where Kafka has all of it."""
    strange = [each for report in reports for each in report["strange"]]
    bad = [each for each in strange if not each["good"]]
    found = Count(sent=sum(report["delivered"] for report in reports))
    for report in reports:
        if report["failed"]:
            found.notes.append(f"not acknowledged: {report['failed'][0]}")
    _rows(stack, [report["run"] for report in reports], found.sent - len(bad), found)
    _arrivals(stack, found.sent - len(bad), found)
    _violations(stack, sum(report["forbidden"] for report in reports), found)
    _dead(stack, bad, found)
    if kept and (there := size(stack, "searches")) != found.sent:
        found.notes.append(f"Kafka has {there} records")
    found.blame(lost=found.sent - found.rows - found.dead, what="rows and dead letters together")
    return found


def _rows(stack: Stack, runs: Sequence[int], expected: int, found: Count) -> None:
    """Each numbered search is one row of `searches`, and there is no other row."""
    mine = " OR ".join(f"startsWith(toString(event_id), '{run:08x}-')" for run in runs)
    rows, distinct, ours = _sums(
        stack,
        f"SELECT count(), uniqExact(event_id), uniqExactIf(event_id, {mine})"
        " FROM frwatch.searches WHERE kafka_topic = {topic}",
        "event_id",
        expected,
    )
    found.rows = distinct
    found.blame(lost=expected - ours, duplicated=rows - distinct, what="searches")
    if distinct != ours:
        found.notes.append(f"{distinct - ours} rows of nobody's")


def _sums(stack: Stack, sql: str, key: str, expected: int) -> list[int]:
    """Counts of a query over slices of the rows, added up: of some millions each, so that they fit in memory.

    What is counted once has one value of `key`.
    """
    slices = 1 + expected // SLICE
    found = [stack.query(f"{sql} AND cityHash64({key}) % {slices} = {number}")[0] for number in range(slices)]
    return [sum(int(row[column]) for row in found) for column in range(len(found[0]))]


def _arrivals(stack: Stack, expected: int, found: Count) -> None:
    """No range was inserted twice, not even where merges have hidden it since."""
    arrivals, places = _sums(
        stack,
        "SELECT count(), uniqExact(kafka_partition, kafka_offset, event_id) FROM frwatch.search_arrivals"
        " WHERE kafka_topic = {topic}",
        "kafka_partition, kafka_offset",
        expected,
    )
    found.blame(lost=expected - places, duplicated=arrivals - places, what="inserts")


def _violations(stack: Stack, expected: int, found: Count) -> None:
    """Each forbidden search is found once in the table, and at least once in the topic."""
    rows, distinct = stack.query(
        "SELECT count(), uniqExact(event_id) FROM frwatch.violations"
        " WHERE kafka_topic = {topic} AND rule_id = 'commercial-service'"
    )[0]
    found.blame(lost=expected - distinct, duplicated=rows - expected, what="violations")
    told = set()
    for record in records(stack, "violations"):
        value = record.value() or b""
        read: Any = fastavro.schemaless_reader(io.BytesIO(value[10:]), _VIOLATION, None)
        if read["rule_id"] == "commercial-service":
            told.add(read["event_id"])
    found.blame(lost=expected - len(told), duplicated=len(told) - expected, what="violations in Kafka")


def _dead(stack: Stack, bad: list[dict[str, Any]], found: Count) -> None:
    """Each bad value is one dead letter with its bytes, or their SHA-256 where they may hold an image."""
    rows = stack.query(
        "SELECT kafka_partition, kafka_offset, hex(SHA256(value)), headers['withheld']"
        " FROM frwatch.dead_letters WHERE kafka_topic = {topic}"
    )
    found.dead = len(rows)
    kept = Counter((row[0], row[1]) for row in rows)
    digest = {(row[0], row[1]): row[3] or row[2].lower() for row in rows}
    wanted = {(each["partition"], each["offset"]): each for each in bad}
    found.blame(
        lost=len(wanted.keys() - kept.keys()),
        duplicated=len(rows) - len(kept) + len(kept.keys() - wanted.keys()),
        what="dead letters",
    )
    wrong = [each["kind"] for place, each in wanted.items() if digest.get(place) != each["sha256"]]
    told = {}
    for record in records(stack, "dead"):
        given: Any = record.headers() or []
        headers = {name: held.decode(errors="replace") for name, held in given if held is not None}
        place = (int(headers["partition"]), int(headers["offset"]))
        told[place] = headers.get("withheld") or hashlib.sha256(record.value() or b"").hexdigest()
    found.blame(lost=len(wanted.keys() - told.keys()), what="dead letters in Kafka")
    wrong += [each["kind"] for place, each in wanted.items() if told.get(place) != each["sha256"]]
    if wrong:
        found.blame(lost=len(wrong), what=f"bytes of dead letters ({', '.join(sorted(set(wrong))[:3])})")


def size(stack: Stack, topic: str) -> int:
    """How many records a topic has."""
    with _reader(stack, topic) as (_, edges):
        return sum(high - low for low, high in edges.values())


def records(stack: Stack, topic: str) -> Iterator[Message]:
    """Yield the records of a topic from its beginning to its end of now."""
    with _reader(stack, topic) as (consumer, edges):
        left = {number: high for number, (low, high) in edges.items() if high > low}
        consumer.assign([TopicPartition(stack.prefix + topic, number, 0) for number in left])
        while left:
            for record in consumer.consume(5000, timeout=1.0):
                number = int(record.partition() or 0)
                if record.error() is None and number in left:
                    yield record
                    if int(record.offset() or 0) + 1 >= left[number]:
                        del left[number]


@contextmanager
def _reader(stack: Stack, topic: str) -> Iterator[tuple[Consumer, dict[int, tuple[int, int]]]]:
    """A consumer, and of each partition the first offset and the end."""
    consumer = Consumer(
        {
            "bootstrap.servers": stack.kafka,
            "group.id": f"{stack.prefix}check",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 16 << 20,
            "auto.offset.reset": "earliest",
        }
    )
    name = stack.prefix + topic
    try:
        numbers = consumer.list_topics(name, timeout=20).topics[name].partitions
        edges = {
            number: consumer.get_watermark_offsets(TopicPartition(name, number), timeout=20)
            for number in numbers
        }
        yield consumer, edges
    finally:
        consumer.close()
