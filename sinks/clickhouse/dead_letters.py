"""The dead letters that are stored: found by reason, time and place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from schemas.moments import micros_of
from schemas.settings import Settings
from sinks.clickhouse.asking import asking
from sinks.clickhouse.moments import utc


class Wanted(NamedTuple):
    """Which dead letters: those for which all that is given holds. Times are UTC, `until` is not included.

    `redriven` is whether they were sent again.
    """

    reasons: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    redriven: bool | None = None


class Place(NamedTuple):
    """One dead letter: where its record stood, and when it came, as a topic may be made anew."""

    topic: str
    partition: int
    offset: int
    received_at: datetime


class DeadLetter(NamedTuple):
    """A record that could not be stored. `value` is empty where it was withheld; times are UTC."""

    topic: str
    partition: int
    offset: int
    received_at: datetime
    reason: str
    detail: str
    size: int
    withheld: str | None
    key: bytes | None = None
    value: bytes = b""
    headers: dict[bytes, bytes] = {}  # noqa: RUF012  never changed

    @property
    def place(self) -> str:
        """`topic/partition/offset`, which `frwatch dlq show` takes."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def identity(self) -> Place:
        """What tells it from all others."""
        return Place(self.topic, self.partition, self.offset, self.received_at)


_HEAD = (
    "kafka_topic, kafka_partition, kafka_offset, received_at, reason, detail, length(value),"
    # A value that is there was not withheld, whatever a header of an earlier version says.
    # What a court had erased is not there either; the header then names the expungement.
    " if(empty(value), if(empty(headers['withheld']), headers['expunged'], headers['withheld']), '')"
)


def count_dead_letters(settings: Settings, wanted: Wanted) -> dict[str, int]:
    """Return how many there are by reason, the most frequent first."""
    where, parameters = _where(wanted)
    sql = f"SELECT reason, count() FROM frwatch.dead_letters{where} GROUP BY 1 ORDER BY 2 DESC, 1"  # noqa: S608
    with asking(settings) as client:
        return {str(reason): int(count) for reason, count in client.query(sql, parameters).result_rows}


def find_dead_letters(settings: Settings, wanted: Wanted, limit: int) -> list[DeadLetter]:
    """Return the latest of them, the latest first, without key, value and headers."""
    where, parameters = _where(wanted)
    order = "ORDER BY received_at DESC, kafka_topic, kafka_partition, kafka_offset DESC"
    sql = f"SELECT {_HEAD} FROM frwatch.dead_letters{where} {order} LIMIT {limit}"  # noqa: S608
    with asking(settings) as client:
        return [_letter(row) for row in client.query(sql, parameters).result_rows]


def find_identities(settings: Settings, wanted: Wanted) -> list[Place]:
    """Return which they are, the oldest first."""
    where, parameters = _where(wanted)
    names = "kafka_topic, kafka_partition, kafka_offset, received_at"
    order = "received_at, kafka_topic, kafka_partition, kafka_offset"
    sql = f"SELECT {names} FROM frwatch.dead_letters{where} ORDER BY {order}"  # noqa: S608
    with asking(settings) as client:
        rows = client.query(sql, parameters).result_rows
    return [Place(topic, partition, offset, utc(at)) for topic, partition, offset, at in rows]


def read_dead_letters(settings: Settings, identities: Sequence[Place]) -> list[DeadLetter]:
    """Return these dead letters whole, the oldest first."""
    if not identities:
        return []
    where, parameters = at_places(identities)
    sql = (
        f"SELECT {_HEAD}, hex(ifNull(key, '')), isNull(key), hex(value),"  # noqa: S608
        " arrayMap(name -> (hex(name), hex(headers[name])), mapKeys(headers))"
        f" FROM frwatch.dead_letters WHERE {where}"
        " ORDER BY received_at, kafka_topic, kafka_partition, kafka_offset"
    )
    with asking(settings) as client:
        rows = client.query(sql, parameters).result_rows
    return [
        _letter(row)._replace(
            key=None if keyless else bytes.fromhex(key),
            value=bytes.fromhex(value),
            headers={bytes.fromhex(name): bytes.fromhex(held) for name, held in headers},
        )
        for *row, key, keyless, value, headers in rows
    ]


def at_places(identities: Sequence[Place]) -> tuple[str, dict[str, Any]]:
    """Return the condition that leaves rows of these dead letters, and its parameters."""
    topics: dict[str, list[str]] = defaultdict(list)
    for topic, partition, offset, received_at in identities:
        topics[topic].append(f"({partition:d},{offset:d},{micros_of(received_at):d})")
    # Numbers stand in the text: a parameter of some hundred places is more than a URL takes.
    terms = [
        f"(kafka_topic = {{topic_{number}:String}} AND"
        " (kafka_partition, kafka_offset, toUnixTimestamp64Micro(received_at))"
        f" IN ({', '.join(places)}))"
        for number, places in enumerate(topics.values())
    ]
    return f"({' OR '.join(terms)})", {f"topic_{number}": topic for number, topic in enumerate(topics)}


def _letter(row: Sequence[Any]) -> DeadLetter:
    topic, partition, offset, received_at, reason, detail, size, withheld = row
    return DeadLetter(topic, partition, offset, utc(received_at), reason, detail, size, withheld or None)


def _where(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    terms = {
        "has({reasons:Array(String)}, reason)": ("reasons", list(wanted.reasons) or None),
        "received_at >= {since:DateTime64(6, 'UTC')}": ("since", wanted.since),
        "received_at < {until:DateTime64(6, 'UTC')}": ("until", wanted.until),
        "kafka_topic = {topic:String}": ("topic", wanted.topic),
        "kafka_partition = {partition:Int32}": ("partition", wanted.partition),
        "kafka_offset = {offset:Int64}": ("offset", wanted.offset),
    }
    given = {term: named for term, named in terms.items() if named[1] is not None}
    parts = list(given)
    if wanted.redriven is not None:
        known = "SELECT kafka_topic, kafka_partition, kafka_offset, received_at FROM frwatch.redrives_raw"
        one = "(kafka_topic, kafka_partition, kafka_offset, received_at)"
        parts.append(f"{one} {'IN' if wanted.redriven else 'NOT IN'} ({known})")
    where = f" WHERE {' AND '.join(parts)}" if parts else ""
    return where, dict(given.values())
