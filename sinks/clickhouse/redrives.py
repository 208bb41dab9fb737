"""Which dead letters were sent again, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from schemas.moments import micros_of
from schemas.settings import Settings
from sinks.clickhouse.asking import asking
from sinks.clickhouse.dead_letters import DeadLetter, Place, at_places
from sinks.clickhouse.moments import utc

_NAMES = ["kafka_topic", "kafka_partition", "kafka_offset", "received_at", "begun_at", "repaired_by"]


class Redrive(NamedTuple):
    """What became of a dead letter that was sent again: stored, dead, waiting, or unknown.

    `stands_at` is where the record stands that was sent; None where it is not known whether it was.
    """

    begun_at: datetime
    repaired_by: str
    became: str
    stands_at: tuple[int, int] | None = None


def known_redrives(settings: Settings, letters: Sequence[DeadLetter]) -> dict[Place, Redrive]:
    """Return those of the letters that were sent again before, with the last time that they were."""
    if not letters:
        return {}
    where, parameters = at_places([letter.identity for letter in letters])
    sql = (
        "SELECT kafka_topic, kafka_partition, kafka_offset, received_at, begun_at, repaired_by, became,"  # noqa: S608
        f" new_partition, new_offset FROM frwatch.redrives WHERE {where}"
    )
    with asking(settings) as client:
        rows = client.query(sql, parameters, settings=_READ).result_rows
    return {
        Place(topic, number, offset, utc(received_at)): Redrive(
            utc(begun_at), by, became, None if new_offset is None else (new_partition, new_offset)
        )
        for topic, number, offset, received_at, begun_at, by, became, new_partition, new_offset in rows
    }


def claim_redrives(
    settings: Settings,
    letters: Sequence[DeadLetter],
    begun_at: datetime,
    repaired_by: str,
    known: Mapping[Place, Redrive],
) -> set[Place]:
    """Write down that letters are being sent again, each unless another run does it; return those to send.

    A claim is an insert whose token is the letter and what was `known` of it: of two runs that knew the same
    the table takes one. Whatever is claimed and not sent then is found by the next run, and never sent twice.
    """
    names = [*_NAMES, "new_partition", "new_offset"]
    with asking(settings) as client:
        for letter in letters:
            before = known.get(letter.identity)
            after = micros_of(before.begun_at) if before else 0
            token = f"redrive:{letter.place}:{micros_of(letter.received_at)}:after:{after}"
            row = [letter.topic, letter.partition, letter.offset, _text(letter.received_at), _text(begun_at)]
            client.raw_insert(
                "frwatch.redrives_raw",
                column_names=names,
                insert_block=json.dumps(dict(zip(names, [*row, repaired_by, None, None], strict=True))),
                fmt="JSONEachRow",
                settings={"insert_deduplicate": 1, "insert_deduplication_token": token, "async_insert": 0},
            )
        where, parameters = at_places([letter.identity for letter in letters])
        sql = (
            "SELECT kafka_topic, kafka_partition, kafka_offset, received_at FROM frwatch.redrives_raw"  # noqa: S608
            f" WHERE toUnixTimestamp64Micro(begun_at) = {micros_of(begun_at)} AND {where}"
        )
        rows = client.query(sql, parameters, settings=_READ).result_rows
    return {Place(topic, number, offset, utc(received_at)) for topic, number, offset, received_at in rows}


def note_redrives(settings: Settings, sent: Mapping[Place, Redrive]) -> None:
    """Write down where the records stand that were sent for these letters, which were claimed before."""
    rows = [
        [*place, each.begun_at, each.repaired_by, *(each.stands_at or ())] for place, each in sent.items()
    ]
    if rows:
        with asking(settings) as client:
            client.insert("frwatch.redrives_raw", rows, column_names=[*_NAMES, "new_partition", "new_offset"])


# What another replica has taken must be seen.
_READ: dict[str, Any] = {"select_sequential_consistency": 1}


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"
