"""The dead letters that are stored: found by reason, time and place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from schemas.settings import Settings
from sinks.clickhouse.asking import asking


class Wanted(NamedTuple):
    """Which dead letters: those for which all that is given holds. Times are UTC, `until` is not included."""

    reasons: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None


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


_HEAD = (
    "kafka_topic, kafka_partition, kafka_offset, received_at, reason, detail, length(value),"
    # A value that is there was not withheld, whatever a header of an earlier version says.
    " if(empty(value), headers['withheld'], '')"
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


def read_dead_letters(settings: Settings, wanted: Wanted, limit: int = 10_000) -> list[DeadLetter]:
    """Return them whole, the oldest first; more than one at a place only where the topic was made anew."""
    where, parameters = _where(wanted)
    sql = (
        f"SELECT {_HEAD}, hex(ifNull(key, '')), isNull(key), hex(value),"  # noqa: S608
        " arrayMap(name -> (hex(name), hex(headers[name])), mapKeys(headers))"
        f" FROM frwatch.dead_letters{where}"
        f" ORDER BY received_at, kafka_topic, kafka_partition, kafka_offset LIMIT {limit}"
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


def _letter(row: Sequence[Any]) -> DeadLetter:
    topic, partition, offset, received_at, reason, detail, size, withheld = row
    at = received_at.replace(tzinfo=UTC) if received_at.tzinfo is None else received_at
    return DeadLetter(topic, partition, offset, at, reason, detail, size, withheld or None)


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
    where = f" WHERE {' AND '.join(given)}" if given else ""
    return where, dict(given.values())
