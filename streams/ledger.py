"""What is owed of each partition: which offsets are stored, which may be, and which come next.

Exactly once from Kafka to ClickHouse, partition by partition:

1. commit offset `first` with the note `pending first-last`;
2. insert those rows with a token that holds topic, its id, partition, first and last;
3. commit `last + 1` with an empty note.

Whoever gets the partition next reads the note and replays exactly that range with the same token, which the
tables take once. A worker that lost the partition fails at step 1 and never inserts; one that was held up
after it inserts what its successor inserts, under the same token. So a range may end anywhere, at any time.

What was committed decides what a new owner does (`progress`):

| committed | note | the partition's topic is | then |
|---|---|---|---|
| nothing | - | any | from the beginning |
| offset | ours, no range | the same | from that offset |
| offset | ours, a range | the same | that range again with its token, then on from its end |
| offset | ours | made anew since | from the beginning: the offsets were another topic's |
| offset | none, or another program's | any | from that offset |
| offset | any | older than Kafka still keeps | stop: `RetentionOvertook` |
| offset | any | beyond where Kafka ends | stop: `CutShort` |

What is fetched then is held against what was taken of the partition so far (`Ledger.add`):

| the stretch | while a range is replayed | else |
|---|---|---|
| same: all of the announced range | that range, whole | - |
| new: follows on what was taken | a range after it | grows the range in hand, or begins one |
| contained: a part of the announced range | waits for its other parts | - |
| overlap: into the announced range and beyond | is cut at its end | - |
| a gap before it: records that Kafka has no more | belongs to the range that goes over it | the same |
| previous: was taken before | dropped | dropped |
| overlap with what was taken | its new part alone | its new part alone |

A range in hand goes back (`Ledger.take`) where its owner changed: buffers die with the epoch.

A range is judged by one version of the policies, which its note names: some of its tables may have it
already when it is replayed, and the others must get what belongs to them.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.errors import FrwatchError

_NOTE = re.compile(
    r"frwatch/1 (?P<topic_id>\S+)"
    r"(?: pending (?P<first>\d+)-(?P<last>\d+)(?: by (?P<judged_by>[0-9a-f]{64}))?)?"
)

Tables = Mapping[str, pl.DataFrame]
"""Rows by the name of the table; each frame has the column `kafka_offset`."""


class RetentionOvertook(FrwatchError):
    """Kafka has deleted records that were never stored: a person has to know."""


class CutShort(RetentionOvertook):
    """Kafka ends before what was stored: the topic was cut, or a leader does not know its end yet."""


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a partition stands: the next offset `owed`, and the last offset of a range to replay, if any.

    `judged_by` is the version of the policies that judged that range; empty where none did.
    """

    topic_id: str
    owed: int
    replay_to: int | None = None
    judged_by: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of one partition that has been judged: its offsets, rising, and the rows it gave.

    `judged_by` is the version of the policies that judged it; empty where none did.
    """

    partition: Partition
    offsets: npt.NDArray[np.int64]
    tables: Tables
    judged_by: str = ""

    def split(self, last: int) -> tuple[Chunk | None, Chunk | None]:
        """Return the part up to offset `last`, included, and the part after it."""
        at = int(np.searchsorted(self.offsets, last, side="right"))
        if at == len(self.offsets):
            return self, None
        if at == 0:
            return None, self
        head = {name: rows.filter(pl.col("kafka_offset") <= last) for name, rows in self.tables.items()}
        tail = {name: rows.filter(pl.col("kafka_offset") > last) for name, rows in self.tables.items()}
        return (
            replace(self, offsets=self.offsets[:at], tables=head),
            replace(self, offsets=self.offsets[at:], tables=tail),
        )


@dataclass(slots=True)
class Range:
    """Offsets `first` to `last` of one partition, to be stored as one."""

    partition: Partition
    topic_id: str
    first: int
    last: int
    judged_by: str = ""
    chunks: list[Chunk] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many offsets are in hand of it."""
        return sum(len(chunk.offsets) for chunk in self.chunks)

    @property
    def note(self) -> str:
        """What is committed with `first` before the insert."""
        judged_by = f" by {self.judged_by}" if self.judged_by else ""
        return f"{self.done_note} pending {self.first}-{self.last}{judged_by}"

    @property
    def done_note(self) -> str:
        """What is committed with `last + 1` after it."""
        return f"frwatch/1 {self.topic_id}"

    @property
    def token(self) -> str:
        """The insert token: a table takes rows of one token once, whatever they are."""
        return f"{self.partition.topic}:{self.topic_id}:{self.partition.number}:{self.first}-{self.last}"

    def rows(self, table: str) -> pl.DataFrame | None:
        """The rows for one table, in the order of their offsets; None where there are none."""
        frames = [chunk.tables[table] for chunk in self.chunks if table in chunk.tables]
        frames = [frame for frame in frames if frame.height]
        # In one piece: what is done with each column is then done once, not once for each batch.
        return pl.concat(frames, rechunk=True) if frames else None


def progress(
    partition: Partition, committed: int | None, note: str, topic_id: str, beginning: int, end: int
) -> Progress:
    """Return where a partition stands, from what was committed and what Kafka still keeps.

    `beginning` and `end` are the first offset that Kafka has and the next that it will give.

    Raises:
        RetentionOvertook: records that are owed are gone.
    """
    ours = _NOTE.fullmatch(note or "")
    made_anew = ours is not None and ours["topic_id"] != topic_id
    if committed is None or committed < 0 or made_anew:
        return Progress(topic_id, beginning)
    if committed < beginning:
        raise RetentionOvertook(
            f"{partition}: offset {committed} is the next to store, and Kafka keeps none before {beginning}: "
            f"{beginning - committed} offsets were deleted by retention; restore them from a backup, or "
            f"accept the loss by setting the consumer group's offset to {beginning}"
        )
    if committed > end:
        raise CutShort(
            f"{partition}: offset {committed} is the next to store, and Kafka ends at {end}: the topic was "
            f"cut or made anew; set the consumer group's offset to {beginning} to read it from its beginning"
        )
    if ours is None or not ours["last"]:
        return Progress(topic_id, committed)
    return Progress(topic_id, committed, int(ours["last"]), ours["judged_by"] or "")


class Ledger:
    """The ranges that a worker has in hand. It does no I/O and knows no clock.

    Everything in it is of one epoch: when partitions come or go, `assign` throws it all away.
    """

    def __init__(self) -> None:
        self._progress: dict[Partition, Progress] = {}
        # Of each partition the ranges in hand, in their order; the last of them may be open, and grow.
        self._held: dict[Partition, deque[Range]] = {}
        self._open: dict[Partition, Range] = {}

    def assign(self, progress: Mapping[Partition, Progress]) -> None:
        """Start anew with these partitions: whatever was in hand dies."""
        self._progress = dict(progress)
        self._held = {partition: deque() for partition in progress}
        self._open.clear()

    @property
    def partitions(self) -> set[Partition]:
        """The partitions in hand."""
        return set(self._progress)

    @property
    def buffered(self) -> int:
        """How many offsets are in hand and not stored."""
        return sum(range_.size for ranges in self._held.values() for range_ in ranges)

    @property
    def ripest(self) -> int:
        """How many offsets the largest range has that is next of its partition."""
        return max((ranges[0].size for ranges in self._held.values() if ranges), default=0)

    def owed(self) -> dict[Partition, int]:
        """The next offset to be stored, of each partition: where to read on from."""
        return {partition: state.owed for partition, state in self._progress.items()}

    def replay(self, partition: Partition) -> Progress | None:
        """Where the partition stood when its range was announced; None where none is."""
        state = self._progress.get(partition)
        return state if state is not None and state.replay_to is not None else None

    def add(self, chunk: Chunk) -> None:
        """Take what is new of a stretch; what was taken before of its partition is dropped.

        Raises:
            KeyError: the partition is not in hand.
        """
        state, ranges = self._progress[chunk.partition], self._held[chunk.partition]
        _, rest = chunk.split(self._taken(chunk.partition))
        if rest is None:
            return
        chunk = rest
        held = self._open.get(chunk.partition)
        if not ranges and state.replay_to is not None:
            held = self._begin(chunk, state.owed, state.replay_to)
        if held is not None and self._replaying(held):
            part, rest = chunk.split(held.last)
            if part is not None:
                held.chunks.append(part)
                held.judged_by = part.judged_by
            if rest is not None or chunk.offsets[-1] >= held.last:
                del self._open[chunk.partition]
                held = None
        if rest is None:
            return
        if held is None or held.judged_by != rest.judged_by:
            first = ranges[-1].last + 1 if ranges else state.owed
            held = self._begin(rest, first, first)
        held.chunks.append(rest)
        held.last = int(rest.offsets[-1])

    def take(self, ripe: int = 0) -> list[Range]:
        """Return what can be stored now, one range a partition; the same until `stored` is said of it.

        One that may still grow is left to grow where it has fewer than `ripe` offsets and another has not.
        """
        sizes = {partition: ranges[0].size for partition, ranges in self._held.items() if ranges}
        if self.ripest < ripe:
            ripe = 0
        taken = []
        for partition, size in sizes.items():
            first = self._held[partition][0]
            if self._open.get(partition) is first and not self._replaying(first) and size >= ripe:
                del self._open[partition]
            if self._open.get(partition) is not first:
                taken.append(first)
        return taken

    def stored(self, done: Range) -> None:
        """Note that a range is in the tables and its end is committed."""
        ranges = self._held.get(done.partition)
        if ranges and ranges[0] is done:
            ranges.popleft()
            self._progress[done.partition] = Progress(done.topic_id, done.last + 1)

    def announced(self, ranges: list[Range]) -> None:
        """Note that these ranges may be in the tables: read again, they must be the same ranges."""
        for range_ in ranges:
            if range_.partition in self._progress:
                self._progress[range_.partition] = Progress(
                    range_.topic_id, range_.first, range_.last, range_.judged_by
                )

    def rewind(self) -> None:
        """Throw away what is in hand and keep what is owed, to read it again."""
        self.assign(self._progress)

    def _taken(self, partition: Partition) -> int:
        """The last offset that was taken of a partition."""
        for range_ in reversed(self._held[partition]):
            if range_.chunks:
                return int(range_.chunks[-1].offsets[-1])
        return self._progress[partition].owed - 1

    def _begin(self, chunk: Chunk, first: int, last: int) -> Range:
        topic_id = self._progress[chunk.partition].topic_id
        begun = Range(chunk.partition, topic_id, first, last, chunk.judged_by)
        self._held[chunk.partition].append(begun)
        self._open[chunk.partition] = begun
        return begun

    def _replaying(self, held: Range) -> bool:
        state = self._progress[held.partition]
        return state.replay_to is not None and held.first == state.owed and held.last == state.replay_to
