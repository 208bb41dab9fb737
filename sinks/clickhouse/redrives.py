"""Which dead letters were sent again, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.settings import Settings
from sinks.clickhouse.asking import asking
from sinks.clickhouse.dead_letters import DeadLetter

_NAMES = ["kafka_topic", "kafka_partition", "kafka_offset", "received_at", "begun_at", "repaired_by"]


class Redrive(NamedTuple):
    """What became of a dead letter that was sent again: stored, dead, waiting, or unknown."""

    begun_at: datetime
    became: str


def known_redrives(settings: Settings, letters: Sequence[DeadLetter]) -> dict[str, Redrive]:
    """Return those of the letters that were sent again before, by their place."""
    places = sorted({(letter.topic, letter.partition, letter.offset) for letter in letters})
    if not places:
        return {}
    sql = (
        "SELECT kafka_topic, kafka_partition, kafka_offset, begun_at, became FROM frwatch.redrives"
        " WHERE (kafka_topic, kafka_partition, kafka_offset)"
        " IN arrayZip({topics:Array(String)}, {partitions:Array(Int32)}, {offsets:Array(Int64)})"
    )
    columns = [list(column) for column in zip(*places, strict=True)]
    with asking(settings) as client:
        rows = client.query(
            sql, dict(zip(("topics", "partitions", "offsets"), columns, strict=True))
        ).result_rows
    return {f"{topic}/{number}/{offset}": Redrive(at, became) for topic, number, offset, at, became in rows}


def note_redrives(
    settings: Settings,
    letters: Sequence[DeadLetter],
    begun_at: datetime,
    repaired_by: str,
    sent: Mapping[str, tuple[int, int]] | None = None,
) -> None:
    """Write down that letters are being sent again, or where they stand now (`sent`, by their old place).

    Before they are sent, so that one that was cut off is never sent twice by accident.
    """
    rows = [
        [letter.topic, letter.partition, letter.offset, letter.received_at, begun_at, repaired_by]
        + list(sent[letter.place] if sent is not None else (None, None))
        for letter in letters
    ]
    if rows:
        with asking(settings) as client:
            names = [*_NAMES, "new_partition", "new_offset"]
            client.insert("frwatch.redrives_raw", rows, column_names=names)
