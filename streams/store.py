"""Store: the rows of ranges into their tables, each range once, and what no table takes to the dead letters.

It commits nothing and owns no partition: whoever calls it has announced the ranges in Kafka before, and
commits their ends after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import polars as pl
import structlog

from schemas.errors import FrwatchError
from schemas.fault_point import reach
from sinks.clickhouse.copies import Copies
from sinks.clickhouse.faults import Then, error_code, reason_of, what_then
from sinks.clickhouse.narrow import Known, insert_what_can_be
from sinks.clickhouse.references import References
from sinks.clickhouse.removed import RemovedLog
from sinks.clickhouse.writer import Writer
from sinks.kafka.publisher import DeadLetter
from streams.forget import Forgotten, forgotten_of, past_rows
from streams.ledger import Partition, Range
from streams.originals import Originals
from streams.pipeline import refuse

log = structlog.get_logger(__name__)

WRITE_SECONDS = 20.0
"""How long one range may take: with all else that a flush does it stays well below the rebalance time-out."""
SETTLE_SECONDS = 120.0
"""How long one look for differing copies may take; it holds nothing up."""

# Searches last: whoever sees one finds what it broke, and what of its batch could not be read.
_TABLES = ("violations", "dead_letters", "outcomes", "searches")


class CannotStore(FrwatchError):
    """No insert will succeed until a person mends something. Nothing is lost: the range stays announced."""


class Store:
    """Inserts ranges. `bury` is awaited with dead letters, and returns once Kafka has them.

    `topic_ids` has each topic's 16-byte id, as of the assignment in force. What `removed` says was removed or
    expunged is stored no more, or without the names; `key` is that of the pseudonyms.
    """

    def __init__(
        self,
        writer: Writer,
        references: References,
        copies: Copies,
        originals: Originals,
        bury: Callable[[Sequence[DeadLetter]], Awaitable[None]],
        topic_ids: Callable[[], Mapping[str, bytes]],
        removed: RemovedLog,
        key: bytes,
    ) -> None:
        self._writer = writer
        self._references = references
        self._copies = copies
        self._originals = originals
        self._bury = bury
        self._topic_ids = topic_ids
        self._removed = removed
        self._key = key
        # Since the last insert failed: no rows are made ready for an engine that is not there.
        self._failing = False
        # Of ranges that were halved, by token, what is known of their pieces.
        self._narrowed: dict[str, dict[str, Known]] = {}

    async def store(self, ranges: Sequence[Range], *, at_once: int) -> list[Range]:
        """Insert ranges, `at_once` of them side by side, and return those that are stored.

        The others failed in passing, and are to be given again, the same.

        The versions that their rows name are written first.

        Raises:
            CannotStore: no insert can succeed; the text says what to do.
            KafkaError: dead letters could not be written.
        """
        if self._failing and not await self._writer.answers():
            log.warning("ClickHouse does not answer; waiting", ranges=len(ranges))
            return []
        if not await self._refer():
            return []
        turns = asyncio.Semaphore(1 if self._failing else at_once)
        ended = await asyncio.gather(*(self._one(range_, turns) for range_ in ranges), return_exceptions=True)
        for end in ended:
            if isinstance(end, BaseException):
                raise end
        stored = [range_ for range_, well in zip(ranges, ended, strict=True) if well]
        self._failing = len(stored) < len(ranges)
        for range_ in stored:
            self._narrowed.pop(range_.token, None)
        reach("inserted")
        self._note_copies(stored)
        return stored

    def forget(self) -> None:
        """Forget what was begun: another may go on with it."""
        self._narrowed.clear()

    # -- ranges --------------------------------------------------------------------------------------

    async def _refer(self) -> bool:
        """Write the versions that rows name; False where it may succeed later."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._references.write()
        except Exception as error:
            if what_then(error) is not Then.AGAIN:
                raise CannotStore(
                    f"ClickHouse takes no versions of policies, providers and agencies: {reason_of(error)}; "
                    "nothing is lost: mend it and start a worker again"
                ) from error
            self._failing = True
            log.warning("versions in force were not written; trying again", error=type(error).__name__)
            return False
        return True

    async def _one(self, range_: Range, turns: asyncio.Semaphore) -> bool:
        """Insert one range; False where it may succeed later."""
        try:
            async with turns, asyncio.timeout(WRITE_SECONDS):
                await self._write(range_)
        except Exception as error:
            if isinstance(error, CannotStore) or what_then(error) is not Then.AGAIN:
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

    async def _write(self, range_: Range) -> None:
        tables = await asyncio.to_thread(_tables, range_)
        forgotten = await self._forgotten(tables, range_)
        refused: dict[int, str] = {}
        for table, rows in tables.items():
            kept = rows.filter(~pl.col("kafka_offset").is_in(list(refused))) if refused else rows
            refused |= await self._insert(table, kept, range_, forgotten)
        if forgotten.past:
            await self._insert("past_retention", past_rows(tables, forgotten), range_, Forgotten())
        if refused:
            await self._refuse(range_, refused)

    async def _forgotten(self, tables: Mapping[str, pl.DataFrame], range_: Range) -> Forgotten:
        """What of the range is past retention, or names what was expunged."""
        try:
            removed = await self._removed.now()
        except Exception as error:
            if what_then(error) is Then.STOP:
                raise _cannot(
                    "a table, as what was removed is not known", range_, reason_of(error)
                ) from error
            raise
        if not removed:
            return Forgotten()
        return await asyncio.to_thread(forgotten_of, tables, removed, self._key)

    async def _insert(
        self, table: str, rows: pl.DataFrame, range_: Range, forgotten: Forgotten
    ) -> dict[int, str]:
        """Insert rows; the offsets of those that the table does not take, each with the reason."""
        if not rows.height:
            return {}
        known = self._narrowed.setdefault(range_.token, {}).setdefault(table, {})
        try:
            refused = await insert_what_can_be(
                # Pieces are cut from all rows: a token is the same piece, whatever is forgotten of it.
                lambda piece, token: self._writer.insert(table, forgotten.rows(table, piece), token),
                rows,
                range_.token,
                known,
            )
        except Exception as error:
            if what_then(error) is Then.STOP:
                raise _cannot(table, range_, reason_of(error)) from error
            raise
        if refused and table == "dead_letters":
            raise _cannot(table, range_, refused[0].reason)
        offsets = rows["kafka_offset"]
        return {int(offsets[row]): f"table {table}: {reason}" for row, reason in refused}

    async def _refuse(self, range_: Range, details: Mapping[int, str]) -> None:
        """Make dead letters of these offsets, with the records as Kafka has them."""
        records = await self._originals.read(range_.partition, list(details))
        missing = details.keys() - {int(record.offset) for record in records}
        if missing:
            raise _cannot("a table", range_, f"offset {min(missing)} is refused and Kafka has it no more")
        dead, rows = refuse(range_.partition, records, details, self._topic_ids(), datetime.now(UTC))
        await self._bury(dead)
        token = f"{range_.token}/refused"
        refused = await insert_what_can_be(
            lambda piece, name: self._writer.insert("dead_letters", piece, name), rows, token, {}
        )
        if refused:
            raise _cannot("dead_letters", range_, refused[0].reason)
        log.error(
            "rows that ClickHouse refuses are dead letters",
            partition=str(range_.partition),
            count=len(dead),
            detail=dead[0].detail,
        )

    # -- copies --------------------------------------------------------------------------------------

    def look_again(self, partition: Partition, first: int, last: int) -> None:
        """Look for copies among offsets that another may have stored and not looked at."""
        self._copies.note(*partition, first, last)

    @property
    def settles_quickly(self) -> bool:
        """Whether a look for copies may be waited for."""
        return self._copies.quick

    async def settle(self, seconds: float = SETTLE_SECONDS) -> None:
        """Let the first copy of an event count, where others differ; what fails in passing is tried again.

        What was taken into force meanwhile is written, too, also where no rows come.
        """
        if not await self._refer() or not self._copies.due:
            return
        try:
            async with asyncio.timeout(seconds):
                found = await self._copies.settle()
        except Exception as error:
            if what_then(error) is not Then.AGAIN:
                raise CannotStore(f"copies of searches cannot be settled: {reason_of(error)}") from error
            log.warning("copies were not looked for; trying again", error=type(error).__name__)
            return
        if any(found):
            log.warning("copies of searches differ; the first counts", **found._asdict())

    def _note_copies(self, stored: Iterable[Range]) -> None:
        for range_ in stored:
            if any("searches" in chunk.tables for chunk in range_.chunks):
                self._copies.note(*range_.partition, range_.first, range_.last)


def _tables(range_: Range) -> dict[str, pl.DataFrame]:
    return {name: rows for name in _TABLES if (rows := range_.rows(name)) is not None}


def _cannot(table: str, range_: Range, reason: str) -> CannotStore:
    return CannotStore(
        f"ClickHouse takes no rows of {range_.partition}, offsets {range_.first} to {range_.last}, "
        f"into {table}: {reason}; "
        "nothing is lost: mend it and start a worker again"
    )
