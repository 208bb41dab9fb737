"""A batch of Kafka records to rows of tables: decode, enrich, judge. No I/O, clock or environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.contracts import WriterSchema, contract
from sinks.kafka.publisher import DeadLetter
from streams.canaries import Canaries
from streams.decode import Bad, Decoded, decode
from streams.ledger import Chunk, Partition, Tables
from streams.own_headers import kept_headers, kept_key
from streams.strangers import count_strangers
from streams.values import Values
from streams.withhold import may_hold_face, sha256

_POSITION = ("kafka_topic", "kafka_partition", "kafka_offset")
_DEAD_SCHEMA: dict[str, Any] = {
    "kafka_topic": pl.String,
    "kafka_topic_id": pl.Binary,
    "kafka_partition": pl.Int32,
    "kafka_offset": pl.Int64,
    "received_at": pl.Datetime("us", "UTC"),
    "reason": pl.String,
    "detail": pl.String,
    "key": pl.Binary,
    "value": pl.Binary,
    "headers": pl.Map(pl.Binary, pl.Binary),
}


class Record(Protocol):
    """What the pipeline reads of a Kafka record."""

    @property
    def offset(self) -> int:
        """Where it stands in its partition."""

    @property
    def key(self) -> bytes | None:
        """Its key, as it came."""

    @property
    def value(self) -> bytes | None:
        """Its value, as it came; None for a tombstone."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Its headers, as they came."""


class Rules(Protocol):
    """Enrich and judge, with the catalogue, agencies and policies in force; `version` is the policies'."""

    @property
    def version(self) -> str:
        """SHA-256 of the set of policies, hex."""

    def apply(self, events: pl.DataFrame, detected_at: datetime) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the rows for `searches` and the violations found in them."""

    def canaries(self, events: pl.DataFrame, detected_at: datetime) -> Canaries | None:
        """Return the canaries among decoded searches; None where there are none."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one topic that were fetched together: of each partition a run of rising offsets.

    `schemas` has what the registry says of the ids that the values name.
    """

    values: Values
    runs: Mapping[Partition, Sequence[Record]]

    @classmethod
    def of(cls, runs: Mapping[Partition, Sequence[Record]]) -> Batch:
        """Gather the values of the runs, one after the other."""
        return cls(Values([record.value for run in runs.values() for record in run]), runs)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a batch gave: a chunk a partition, for the tables, and what goes to Kafka.

    `strangers` has the names of agencies that no register has, with how often they came. Of `canaries` there
    is a violation for Kafka each, and nothing for the tables.
    """

    chunks: list[Chunk]
    violations: pl.DataFrame
    dead: list[DeadLetter]
    strangers: Mapping[str, int] = field(default_factory=dict)
    canaries: int = 0


def judge_searches(
    batch: Batch,
    rules: Rules,
    schemas: Mapping[int, WriterSchema | str],
    topic_ids: Mapping[str, bytes],
    received_at: datetime,
) -> Judged:
    """Return the searches of a batch, judged, with their violations and dead letters.

    `topic_ids` has each topic's 16-byte id; `received_at` (UTC) becomes `ingested_at` and `detected_at`.
    """
    positions = _Positions(batch)
    decoded = decode(batch.values, contract("search"), schemas)
    searches, violations = pl.DataFrame(), pl.DataFrame()
    strangers: Mapping[str, int] = {}
    rows, canaries = decoded.rows, None
    if decoded.frame.height:
        events = positions.beside(decoded, received_at)
        searches, violations = rules.apply(events, received_at)
        canaries = rules.canaries(events, received_at)
        if canaries is not None:
            searches, violations = canaries.leave(searches), canaries.leave(violations)
            rows = np.delete(rows, canaries.rows)
        strangers = count_strangers(searches)
    dead = positions.dead_letters(decoded.bad)
    few = {"violations": violations, "dead_letters": _dead_rows(dead, topic_ids, received_at)}
    chunks = positions.chunks("searches", searches, rows, few, rules.version)
    if canaries is None:
        return Judged(chunks, violations, dead, strangers)
    told = pl.concat([violations.select(canaries.violations.columns), canaries.violations])
    return Judged(chunks, told, dead, strangers, len(canaries.rows))


def read_outcomes(
    batch: Batch,
    schemas: Mapping[int, WriterSchema | str],
    topic_ids: Mapping[str, bytes],
    received_at: datetime,
) -> Judged:
    """Return the outcomes of a batch, with its dead letters."""
    positions = _Positions(batch)
    decoded = decode(batch.values, contract("outcome"), schemas)
    outcomes = pl.DataFrame()
    if decoded.frame.height:
        outcomes = positions.beside(decoded, received_at)
    dead = positions.dead_letters(decoded.bad)
    few = {"dead_letters": _dead_rows(dead, topic_ids, received_at)}
    return Judged(positions.chunks("outcomes", outcomes, decoded.rows, few), pl.DataFrame(), dead)


def refuse(
    partition: Partition,
    records: Sequence[Record],
    details: Mapping[int, str],
    topic_ids: Mapping[str, bytes],
    received_at: datetime,
) -> tuple[list[DeadLetter], pl.DataFrame]:
    """Return the dead letters, and their rows, of sound records that a table does not take.

    `details` has, by offset, which table refused it and why.
    """
    bad = [
        Bad(row, "refused", details[record.offset], withheld=may_hold_face(record.value or b""))
        for row, record in enumerate(records)
    ]
    dead = _Positions(Batch.of({partition: records})).dead_letters(bad)
    return dead, _dead_rows(dead, topic_ids, received_at)


class _Positions:
    """Where in Kafka each record of a batch stood."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._records = [record for run in batch.runs.values() for record in run]
        self._offsets = np.fromiter((record.offset for record in self._records), np.int64, len(self._records))
        sizes = [len(run) for run in batch.runs.values()]
        self._partitions = list(batch.runs)
        self._run = np.repeat(np.arange(len(sizes)), sizes)
        self._ends = np.cumsum([0, *sizes])

    def beside(self, decoded: Decoded, received_at: datetime) -> pl.DataFrame:
        """The events with when they came, and their topic, partition and offset.

        Each is a microsecond after the one before it: of two copies of an event, one is the first.
        """
        rows = decoded.rows
        numbers = np.array([partition.number for partition in self._partitions], np.int32)
        # A batch is of one topic.
        topic = self._partitions[0].topic
        moments = int(received_at.timestamp() * 1_000_000) + rows.astype(np.int64)
        return decoded.frame.hstack(
            [
                pl.Series("ingested_at", moments).cast(pl.Datetime("us", "UTC")),
                pl.Series("kafka_topic", [topic], pl.String).new_from_index(0, len(rows)),
                pl.Series("kafka_partition", numbers[self._run[rows]], pl.Int32),
                pl.Series("kafka_offset", self._offsets[rows], pl.Int64),
            ]
        )

    def dead_letters(self, bad: Sequence[Bad]) -> list[DeadLetter]:
        """The records that could not be read, in the order of the batch."""
        letters = []
        for fault in sorted(bad, key=lambda fault: fault.row):
            record = self._records[fault.row]
            partition = self._partitions[int(self._run[fault.row])]
            value, (key, headers) = record.value or b"", kept_key(record.key)
            if fault.withheld:
                value, headers = b"", (("withheld", sha256(value).encode()), *headers)
            letters.append(
                DeadLetter(
                    partition.topic,
                    partition.number,
                    record.offset,
                    fault.reason,
                    fault.detail,
                    key,
                    value,
                    headers + kept_headers(record.headers),
                )
            )
        return letters

    def chunks(
        self, table: str, rows: pl.DataFrame, places: npt.NDArray[np.int64], few: Tables, judged_by: str = ""
    ) -> list[Chunk]:
        """What each partition gave, with all its offsets, also those that gave no row.

        `places[i]` is the index in the batch of row i of the main table, rising: a partition's rows are a
        slice of it. The rows of `few` stand in any order.
        """
        bounds = np.searchsorted(places, self._ends)
        parts = {name: _by_partition(frame) for name, frame in few.items() if frame.height}
        chunks = []
        for run, partition in enumerate(self._partitions):
            number = partition.number
            tables = {name: part[number] for name, part in parts.items() if number in part}
            first, end = int(bounds[run]), int(bounds[run + 1])
            if end > first:
                tables[table] = rows.slice(first, end - first)
            offsets = self._offsets[self._ends[run] : self._ends[run + 1]]
            chunks.append(Chunk(partition, offsets, tables, judged_by))
        return chunks


def _by_partition(rows: pl.DataFrame) -> dict[int, pl.DataFrame]:
    """The rows of each partition, in their order.

    `partition_by` of polars wakes its threads some hundred times, and who needs a processor waits for them.
    """
    numbers = rows["kafka_partition"].to_numpy()
    order = np.argsort(numbers, kind="stable")
    distinct, first = np.unique(numbers[order], return_index=True)
    ends = [*first[1:], len(numbers)]
    ordered = rows if len(distinct) == 1 else rows[order]
    return {
        int(number): ordered.slice(int(start), int(end - start))
        for number, start, end in zip(distinct, first, ends, strict=True)
    }


def _dead_rows(dead: Sequence[DeadLetter], topic_ids: Mapping[str, bytes], at: datetime) -> pl.DataFrame:
    if not dead:
        return pl.DataFrame()
    return pl.DataFrame(
        {
            "kafka_topic": [letter.topic for letter in dead],
            "kafka_topic_id": [topic_ids[letter.topic] for letter in dead],
            "kafka_partition": [letter.partition for letter in dead],
            "kafka_offset": [letter.offset for letter in dead],
            "received_at": [at] * len(dead),
            "reason": [letter.reason for letter in dead],
            "detail": [letter.detail for letter in dead],
            "key": [letter.key for letter in dead],
            "value": [letter.value for letter in dead],
            "headers": [{name.encode(): value for name, value in letter.headers} for letter in dead],
        },
        schema=_DEAD_SCHEMA,
    )
