"""Ingest: owns the consumer, hands fetched batches to the agents, and stores what they give back.

aiokafka rebalances in the background and already fetches for a new assignment before its callback has run.
So there is one lock and one number, the epoch. A flush takes the lock, and first of all both callbacks do;
each callback ends the epoch, and all that was fetched or judged under it is dropped. Before anything is
fetched for a new epoch, every partition is sought back to the offset that is owed, because part of a dropped
batch may have come from the new assignment.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from mode import Service

from schemas.fault_point import reach
from sinks.clickhouse.copies import Copies
from sinks.clickhouse.faults import error_code, is_transient
from sinks.clickhouse.writer import Writer
from streams.ledger import Chunk, Ledger, Partition, Range
from streams.offsets import Offsets

log = structlog.get_logger(__name__)

FETCH_RECORDS = 6_000
"""Records of one fetch, over all partitions: some 6 MB as columns."""
FLUSH_ROWS = 30_000
"""Offsets in hand that are stored without waiting for the interval."""
FLUSH_SECONDS = 0.7
"""How long a row waits for others before it is stored."""
MAX_BUFFERED = 45_000
"""Offsets in hand at which fetching pauses: ClickHouse is slow or away, and memory must stay flat."""
SMALL_FETCH = 500
"""A fetch of fewer records waits a moment for more: judging costs some 15 ms however few they are."""
LINGER_SECONDS = 0.015
SMALL_FLUSH = 10_000
"""Offsets in hand below which the ranges of a flush are inserted one after the other."""
SETTLE_SECONDS = 30.0
"""How long one look for differing copies may take."""
LOOK_BACK = 50_000
"""Offsets before those that are owed, of each partition, whose copies are looked for again by a new owner."""
RETRY_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True, slots=True)
class Fetched:
    """Records of one topic, as one fetch gave them, and the epoch they belong to.

    `judge_by` is the version of the policies that judged them before; empty where none is known to have.
    """

    epoch: int
    topic: str
    runs: Mapping[Partition, list[Any]]
    judge_by: str = ""


class Ingest(Service):
    """A service of the Faust app. `deliver` is awaited with each fetch: its waiting is the back-pressure.

    What the agents made of a fetch comes back through `accept`. A failure that trying again cannot mend goes
    to `failed`, once; nothing more is stored after it, so whoever is started next replays what is owed.
    """

    def __init__(
        self,
        *,
        consumer: AIOKafkaConsumer,
        topics: list[str],
        offsets: Offsets,
        writer: Writer,
        copies: Copies,
        deliver: Callable[[Fetched], Awaitable[None]],
        failed: Callable[[BaseException], None],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.ledger = Ledger()
        self.epoch = 0
        self._consumer = consumer
        self._topics = topics
        self._offsets = offsets
        self._writer = writer
        self._copies = copies
        self._deliver = deliver
        self._failed = failed
        self._lock = asyncio.Lock()
        self._positioned = -1
        self._full = asyncio.Event()
        self._rewound = asyncio.Event()
        self._failures = 0
        self._broken = False
        self._joined = False

    async def on_start(self) -> None:
        """Join the consumer group."""
        self._consumer.subscribe(self._topics, listener=_Listener(self))
        await self._consumer.start()

    async def on_stop(self) -> None:
        """Store what has been judged, then leave the group: the partitions move on at once."""
        try:
            await self._flush()
        finally:
            await self._consumer.stop()

    @property
    def ready(self) -> bool:
        """Whether the group has said which partitions are this worker's (none may be)."""
        return self._joined and not self._broken

    def accept(self, epoch: int, chunks: list[Chunk]) -> None:
        """Take what the agents made of a fetch; of an epoch that has ended, nothing."""
        if epoch != self.epoch or self._broken:
            return
        for chunk in chunks:
            self.ledger.add(chunk)
        if self.ledger.buffered >= FLUSH_ROWS:
            self._full.set()

    def fail(self, error: BaseException) -> None:
        """Stop for good: this worker cannot go on, and its supervisor must start another."""
        if not self._broken:
            self._broken = True
            self._end_epoch()
            self._failed(error)

    def rewind(self) -> None:
        """Drop what is in hand and read it again from what is owed."""
        self._end_epoch()
        self.ledger.rewind()

    # -- fetching ------------------------------------------------------------------------------------

    @Service.task
    async def _pump(self) -> None:
        try:
            while not self.should_stop and not self._broken:
                if self._positioned != self.epoch:
                    await self._position()
                    continue
                epoch = self.epoch
                self._throttle()
                fetched = await self._fetch()
                if epoch != self.epoch or not fetched:
                    continue
                for part in self._parts(epoch, fetched):
                    await self._deliver(part)
        except KafkaError as error:
            self.fail(error)

    async def _fetch(self) -> dict[TopicPartition, list[Any]]:
        """Return the records that have come, at most `FETCH_RECORDS`; none after a while without any.

        aiokafka fetches one answer ahead and no more, so what it has at hand is as old as the last batch took
        to judge. A small answer is therefore joined by what comes within a moment.
        """
        fetched: dict[TopicPartition, list[Any]] = await self._consumer.getmany(
            timeout_ms=200, max_records=FETCH_RECORDS
        )
        loop = asyncio.get_running_loop()
        until = loop.time() + LINGER_SECONDS
        while 0 < _size(fetched) < SMALL_FETCH and (left := until - loop.time()) > 0:
            more = await self._consumer.getmany(timeout_ms=int(left * 1000) + 1, max_records=FETCH_RECORDS)
            for partition, records in more.items():
                fetched.setdefault(partition, []).extend(records)
        return fetched

    def _parts(self, epoch: int, fetched: Mapping[TopicPartition, list[Any]]) -> list[Fetched]:
        """The fetch by topic; what belongs to a range that was announced is apart, and comes first."""
        parts: dict[tuple[str, bool, str], dict[Partition, list[Any]]] = {}
        for tp, records in fetched.items():
            partition = Partition(*tp)
            replay = self.ledger.replay(partition)
            cut = 0
            if replay is not None and replay.replay_to is not None and replay.judged_by:
                cut = bisect_right(records, replay.replay_to, key=_offset)
                if cut:
                    parts.setdefault((tp.topic, False, replay.judged_by), {})[partition] = records[:cut]
            if cut < len(records):
                parts.setdefault((tp.topic, True, ""), {})[partition] = records[cut:]
        return [Fetched(epoch, topic, parts[topic, new, by], by) for topic, new, by in sorted(parts)]

    async def _position(self) -> None:
        """Seek every partition to the offset that is owed, and so begin an epoch."""
        async with self._lock:
            epoch = self.epoch
            try:
                for partition, offset in self.ledger.owed().items():
                    self._consumer.seek(TopicPartition(*partition), offset)
            except IllegalStateError:
                # The assignment has changed and its callback waits for the lock: it ends this epoch.
                self._rewound.clear()
            else:
                self._positioned = epoch
                return
        await self._wait(self._rewound, 0.2)

    def _throttle(self) -> None:
        """Pause fetching while more is in hand than memory should hold; the heartbeat goes on."""
        assigned = self._consumer.assignment()
        paused = self._consumer.paused()
        if self.ledger.buffered >= MAX_BUFFERED:
            self._consumer.pause(*(assigned - paused))
        elif paused:
            self._consumer.resume(*(paused & assigned))

    # -- storing -------------------------------------------------------------------------------------

    @Service.task
    async def _store(self) -> None:
        while not self.should_stop and not self._broken:
            await self._wait(self._full, FLUSH_SECONDS if not self._failures else self._patience())
            self._full.clear()
            try:
                await self._flush()
                await self._settle_copies()
            except KafkaError as error:
                # Fenced off, or the coordinator is away: read again from what is owed.
                log.warning("commit failed; reading again", error=type(error).__name__)
                self._failures += 1
                self.rewind()
            except Exception as error:
                self.fail(error)

    async def _flush(self) -> None:
        """Store all that can be stored now. What fails in passing stays in hand and is tried again.

        Raises:
            KafkaError: this worker may no longer own the partitions.
        """
        async with self._lock:
            ranges = self.ledger.take()
            if not ranges or self._broken:
                return
            # Even if the answer to the commit is lost, its ranges are what a replay must give.
            self.ledger.announced(ranges)
            await self._commit({range_.partition: (range_.first, range_.note) for range_ in ranges})
            reach("announced")
            # Small inserts go one after the other: a burst of them would hold up the judging beside it. Of
            # large ones each has its bodies in memory.
            turns = asyncio.Semaphore(1 if self.ledger.buffered < SMALL_FLUSH else 2)
            ended = await asyncio.gather(*(self._write(range_, turns) for range_ in ranges))
            stored = [range_ for range_, well in zip(ranges, ended, strict=True) if well]
            reach("inserted")
            if stored:
                self._note_copies(stored)
                # Where it is quick, before the end is committed: no lag then means that copies are settled.
                await self._settle_copies()
                await self._commit(
                    {range_.partition: (range_.last + 1, range_.done_note) for range_ in stored}
                )
                reach("committed")
                for range_ in stored:
                    self.ledger.stored(range_)
            self._failures = 0 if len(stored) == len(ranges) else self._failures + 1

    async def _write(self, range_: Range, turns: asyncio.Semaphore) -> bool:
        """Insert one range; False where it may succeed later."""
        try:
            async with turns:
                tables = await asyncio.to_thread(_tables, range_)
                await self._writer.write(tables, range_.token)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning(
                "insert failed; trying again",
                partition=str(range_.partition),
                first=range_.first,
                last=range_.last,
                code=error_code(error),
                error=type(error).__name__,
            )
            return False
        return True

    def _note_copies(self, stored: Iterable[Range]) -> None:
        for range_ in stored:
            if any("searches" in chunk.tables for chunk in range_.chunks):
                self._copies.note(*range_.partition, range_.first, range_.last)

    async def _settle_copies(self) -> None:
        """Let the first copy of an event count, where others differ; what fails in passing is tried again."""
        if not self._copies.due:
            return
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                found = await self._copies.settle()
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("copies were not looked for; trying again", error=type(error).__name__)
            return
        if any(found):
            log.warning("copies of searches differ; the first counts", **found._asdict())

    async def _commit(self, offsets: Mapping[Partition, tuple[int, str]]) -> None:
        await self._consumer.commit(
            {TopicPartition(*partition): OffsetAndMetadata(*at) for partition, at in offsets.items()}
        )

    # -- assignment ----------------------------------------------------------------------------------

    async def revoked(self) -> None:
        """Let go of all partitions, after the flush in hand: no commit of ours follows the rebalance."""
        async with self._lock:
            self._end_epoch()
            self.ledger.assign({})

    async def assigned(self, partitions: set[Partition]) -> None:
        """Take these partitions, each from what was committed of it."""
        async with self._lock:
            self._end_epoch()
            try:
                self.ledger.assign(await self._offsets.progress(partitions))
            except Exception as error:
                self.fail(error)
                return
            # Whoever stored the last of them may have ended before it looked for copies.
            for partition, owed in self.ledger.owed().items():
                if owed and partition.topic == self._topics[0]:
                    self._copies.note(*partition, max(0, owed - LOOK_BACK), owed - 1)
            self._end_epoch()
            self._joined = True
            log.info("partitions assigned", partitions=sorted(map(str, partitions)))

    def _end_epoch(self) -> None:
        self.epoch += 1
        self._rewound.set()

    def _patience(self) -> float:
        return RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS)) - 1]

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return


def _tables(range_: Range) -> dict[str, pl.DataFrame]:
    return {name: rows for name in _TABLES if (rows := range_.rows(name)) is not None}


def _offset(record: Any) -> int:
    return int(record.offset)


def _size(fetched: Mapping[TopicPartition, list[Any]]) -> int:
    return sum(map(len, fetched.values()))


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """aiokafka's callbacks; it swallows what they raise, so nothing may be raised here."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._ingest.revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._ingest.assigned({Partition(*tp) for tp in assigned})


# Searches last: whoever sees one finds what it broke, and what of its batch could not be read.
_TABLES = ("violations", "dead_letters", "outcomes", "searches")
