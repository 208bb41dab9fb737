"""Ingest: owns the consumer, hands fetched batches to the agents, and stores what they give back.

aiokafka rebalances in the background and already fetches for a new assignment before its callback has run.
So there is one lock and one number, the epoch. A flush takes the lock, and first of all both callbacks do;
each callback ends the epoch, and all that was fetched or judged under it is dropped. Before anything is
fetched for a new epoch, every partition is sought back to the offset that is owed, because part of a dropped
batch may have come from the new assignment.

What is owed is read there too, not in the callback: Kafka may be away for as long as it likes, and the worker
waits. So does everything else here that may succeed later. It stops only where a person must act: records
that were never stored are gone from Kafka (`RetentionOvertook`), no insert can succeed (`CannotStore`), or
the group refuses this worker.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from operator import attrgetter
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    KafkaTimeoutError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from aiokafka.structs import OffsetAndMetadata
from mode import Service

from schemas.fault_point import reach
from streams.fetched import Fetched
from streams.fetcher import Fetcher
from streams.ledger import Chunk, Ledger, Partition
from streams.lenient_records import read_leniently, read_quickly_again
from streams.offsets import Offsets
from streams.store import Store

log = structlog.get_logger(__name__)

FLUSH_ROWS = 60_000
"""Offsets in hand that are stored without waiting for the interval."""
FLUSH_SECONDS = 0.7
"""How long a row waits for others before it is stored."""
BACKLOG_SECONDS = 2.0
"""The same where there is a backlog: a range that is cut short costs the engine as much as a whole one."""
MAX_BUFFERED = 150_000
"""Offsets in hand at which fetching pauses: more than a flush takes, so that judging goes on beside it."""
MAX_WAITING = 35_000
"""The same while inserts fail: ClickHouse is away for who knows how long, and memory must stay flat."""
RIPE_ROWS = 50_000
"""Offsets of one partition that are worth an insert where there is a backlog; smaller ranges grow on."""
ALL_EACH = 8
"""Every so many flushes all ranges are stored, whatever their size."""
SMALL_FLUSH = 10_000
"""Offsets in hand below which the ranges of a flush are inserted one after the other."""
COMMIT_SECONDS = 10.0
"""How long a commit may take. aiokafka would try for ever, and a rebalance waits for the flush."""
QUICK_SETTLE_SECONDS = 2.0
"""How long a flush waits at most for a look for copies."""
WATCH_SECONDS = 2.0
"""How often it is looked whether a topic was made anew."""
LOOK_BACK = 50_000
"""Offsets before those that are owed, of each partition, whose copies are looked for again by a new owner."""
RETRY_SECONDS = (0.5, 1.0, 2.0)


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
        store: Store,
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
        self._store_rows = store
        self._deliver = deliver
        self._failed = failed
        self._lock = asyncio.Lock()
        # Whose offsets are not known yet: what is owed is read before anything is fetched.
        self._unread: set[Partition] | None = None
        self._fetcher = Fetcher(consumer)
        self._positioned = -1
        self._full = asyncio.Event()
        self._rewound = asyncio.Event()
        self._failures = 0
        self._flushes = 0
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
        """Whether the group has said which partitions are this worker's (none may be), and they are read."""
        return self._joined and not self._broken and self._positioned == self.epoch

    @property
    def behind(self) -> bool:
        """Whether there is a backlog: all that is not storing should wait."""
        return self._fetcher.by_turns

    def accept(self, epoch: int, chunks: list[Chunk]) -> None:
        """Take what the agents made of a fetch; of an epoch that has ended, nothing."""
        if epoch != self.epoch or self._broken:
            return
        for chunk in chunks:
            self.ledger.add(chunk)
        if self._enough():
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
        while not self.should_stop and not self._broken:
            try:
                if self._positioned != self.epoch:
                    await self._position()
                    continue
                epoch = self.epoch
                self._throttle()
                read_quickly_again()
                fetched = await self._fetcher.fetch()
                if epoch != self.epoch or not fetched:
                    continue
                began = asyncio.get_running_loop().time()
                for part in self._parts(epoch, fetched):
                    await self._deliver(part)
                self._fetcher.judged(fetched, asyncio.get_running_loop().time() - began)
            except (NoOffsetForPartitionError, OffsetOutOfRangeError) as error:
                # Deleted by retention, or the topic was made anew: what was committed tells which.
                log.warning("a position is not in Kafka; reading what is owed", error=type(error).__name__)
                self._forget_offsets()
            except UnicodeDecodeError:
                # The name of a header. What was fetched with it is lost to the consumer: it is read again.
                log.warning("a header's name is not UTF-8; reading more slowly for a while")
                read_leniently()
                self.rewind()
            except KafkaError as error:
                self.fail(error)

    def _parts(self, epoch: int, fetched: Mapping[TopicPartition, list[Any]]) -> list[Fetched]:
        """The fetch by topic; what belongs to a range that was announced is apart, and comes first."""
        parts: dict[tuple[str, bool, str], dict[Partition, list[Any]]] = {}
        for tp, records in fetched.items():
            partition = Partition(*tp)
            replay = self.ledger.replay(partition)
            cut = 0
            if replay is not None and replay.replay_to is not None and replay.judged_by:
                cut = bisect_right(records, replay.replay_to, key=attrgetter("offset"))
                if cut:
                    parts.setdefault((tp.topic, False, replay.judged_by), {})[partition] = records[:cut]
            if cut < len(records):
                parts.setdefault((tp.topic, True, ""), {})[partition] = records[cut:]
        return [Fetched(epoch, topic, parts[topic, new, by], by) for topic, new, by in sorted(parts)]

    async def _position(self) -> None:
        """Read what is owed where it is not known, seek every partition there, and so begin an epoch."""
        self._rewound.clear()
        async with self._lock:
            epoch = self.epoch
            if await self._know_owed():
                try:
                    for partition, offset in self.ledger.owed().items():
                        self._consumer.seek(TopicPartition(*partition), offset)
                except IllegalStateError:
                    # The assignment has changed and its callback waits for the lock: it ends this epoch.
                    pass
                else:
                    self._positioned = epoch
                    return
        await self._wait(self._rewound, 0.2)

    async def _know_owed(self) -> bool:
        """Read what is owed of the partitions that are new; False where Kafka does not tell for now."""
        if self._unread is None:
            return True
        try:
            owed = await self._offsets.progress(self._unread)
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning("what is owed cannot be read; trying again", error=type(error).__name__)
            return False
        except Exception as error:
            self.fail(error)
            return False
        self.ledger.assign(owed)
        # Whoever stored the last of them may have ended before it looked for copies.
        for partition, at in self.ledger.owed().items():
            if at and partition.topic == self._topics[0]:
                self._store_rows.look_again(partition, max(0, at - LOOK_BACK), at - 1)
        log.info("partitions assigned", partitions=sorted(map(str, self._unread)))
        self._unread = None
        return True

    def _throttle(self) -> None:
        """Pause fetching while more is in hand than memory should hold; the heartbeat goes on."""
        assigned = self._consumer.assignment()
        paused = self._consumer.paused()
        if self.ledger.buffered >= (MAX_WAITING if self._failures else MAX_BUFFERED):
            self._consumer.pause(*(assigned - paused))
        elif paused:
            self._consumer.resume(*(paused & assigned))

    # -- storing -------------------------------------------------------------------------------------

    @Service.task
    async def _store(self) -> None:
        while not self.should_stop and not self._broken:
            await self._wait(self._full, self._patience())
            try:
                await self._flush()
            except KafkaError as error:
                # Fenced off, or the coordinator is away: read again from what is owed.
                log.warning("commit failed; reading again", error=type(error).__name__)
                self._failures += 1
                self.rewind()
            except Exception as error:
                self.fail(error)
            # What came meanwhile may be enough; what failed waits.
            if self._enough() and not self._failures:
                self._full.set()
            else:
                self._full.clear()

    @Service.task
    async def _settle(self) -> None:
        """Look for copies beside the storing: where much is stored a look takes seconds."""
        while not self.should_stop and not self._broken:
            await self.sleep(FLUSH_SECONDS)
            if self._failures:
                continue
            try:
                await self._store_rows.settle()
            except Exception as error:
                self.fail(error)

    async def _flush(self) -> None:
        """Store all that can be stored now. What fails in passing stays in hand and is tried again.

        Raises:
            KafkaError: this worker may no longer own the partitions, or Kafka is away.
            CannotStore: no insert can succeed.
        """
        async with self._lock:
            self._flushes += 1
            backlog = self._enough() and self._flushes % ALL_EACH
            ranges = self.ledger.take(ripe=RIPE_ROWS if backlog else 0)
            if not ranges or self._broken:
                return
            # Even if the answer to the commit is lost, its ranges are what a replay must give.
            self.ledger.announced(ranges)
            await self._commit({range_.partition: (range_.first, range_.note) for range_ in ranges})
            reach("announced")
            # Small inserts go one after the other: a burst of them would hold up the judging beside it. Of
            # large ones each has its bodies in memory.
            at_once = 1 if self.ledger.buffered < SMALL_FLUSH else 2
            stored = await self._store_rows.store(ranges, at_once=at_once)
            if stored:
                # Where it is quick, before the end is committed: no lag then means that copies are settled.
                if self._store_rows.settles_quickly:
                    await self._store_rows.settle(QUICK_SETTLE_SECONDS)
                await self._commit(
                    {range_.partition: (range_.last + 1, range_.done_note) for range_ in stored}
                )
                reach("committed")
                for range_ in stored:
                    self.ledger.stored(range_)
            self._failures = 0 if len(stored) == len(ranges) else self._failures + 1

    def _enough(self) -> bool:
        """Whether what is in hand is worth a flush now; by turns, when a partition has given its backlog."""
        if self._fetcher.by_turns and not self._failures:
            return self.ledger.ripest >= RIPE_ROWS or self.ledger.buffered >= MAX_BUFFERED
        return self.ledger.buffered >= FLUSH_ROWS

    async def _commit(self, offsets: Mapping[Partition, tuple[int, str]]) -> None:
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await self._consumer.commit(
                    {TopicPartition(*partition): OffsetAndMetadata(*at) for partition, at in offsets.items()}
                )
        except TimeoutError:
            raise KafkaTimeoutError(f"no answer to a commit within {COMMIT_SECONDS:g} s") from None
        except IllegalStateError as error:
            # Some of it is no longer assigned, and the callback waits for the lock.
            raise KafkaTimeoutError("the assignment has changed") from error

    @Service.task
    async def _watch_topics(self) -> None:
        """Notice that a topic was deleted and made anew: its offsets mean other records since."""
        while not self.should_stop and not self._broken:
            await self.sleep(WATCH_SECONDS)
            topics = {partition.topic for partition in self.ledger.partitions}
            if not topics or self._positioned != self.epoch or not await self._offsets.made_anew(topics):
                continue
            log.warning("a topic was made anew; what was read of the old one is stored, then it is read")
            try:
                await self._flush()
            except KafkaError as error:
                log.warning("the rest of the old topic is not stored", error=type(error).__name__)
            except Exception as error:
                self.fail(error)
                return
            self._forget_offsets()

    # -- assignment ----------------------------------------------------------------------------------

    async def revoked(self) -> None:
        """Let go of all partitions, after the flush in hand: no commit of ours follows the rebalance."""
        async with self._lock:
            self._let_go(set())

    async def assigned(self, partitions: set[Partition]) -> None:
        """Take these partitions; what is owed of them is read before they are."""
        async with self._lock:
            self._let_go(partitions)
            self._joined = True

    def _let_go(self, unread: set[Partition]) -> None:
        self.ledger.assign({})
        self._store_rows.forget()
        self._unread = unread
        self._end_epoch()

    def _forget_offsets(self) -> None:
        """Drop what is in hand, and read anew what is owed of the same partitions."""
        if self._unread is None:
            self._let_go(self.ledger.partitions)

    def _end_epoch(self) -> None:
        self.epoch += 1
        self._rewound.set()

    def _patience(self) -> float:
        if not self._failures:
            return BACKLOG_SECONDS if self._fetcher.by_turns else FLUSH_SECONDS
        return RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS)) - 1]

    async def _wait(self, event: asyncio.Event, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """aiokafka's callbacks; it swallows what they raise, so nothing may be raised here."""

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._ingest.revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._ingest.assigned({Partition(*tp) for tp in assigned})
