"""Sends records again, as they came, says where they stand then, and finds those that an earlier run sent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.errors import NotThere
from schemas.fault_point import reach
from schemas.settings import Settings

TIMEOUT = 60.0
"""Seconds within which records are sent, or given up."""
SKEW = timedelta(minutes=10)
"""How far clocks of machines may be apart."""

Mark = tuple[tuple[str, bytes], ...]
"""Headers by which a record is known that was sent again."""
K = TypeVar("K")


class Outgoing(NamedTuple):
    """A record to be sent."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]]


async def resend(settings: Settings, records: Sequence[Outgoing]) -> list[tuple[int, int]]:
    """Send records and return the partition and offset of each, once all replicas in sync have them.

    Raises:
        NotThere: the broker does not answer; some may have been sent.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka,
        client_id="frwatch-redrive",
        acks="all",
        enable_idempotence=True,
        max_request_size=2 << 20,
    )
    try:
        async with asyncio.timeout(TIMEOUT):
            await producer.start()
            waiting = []
            for each in records:
                waiting.append(
                    await producer.send(each.topic, each.value, key=each.key, headers=list(each.headers))
                )
                reach("redrive-sending")
            written = await asyncio.gather(*waiting)
    except (KafkaError, OSError, TimeoutError) as error:
        raise _away(settings, "does not take the records", error) from error
    finally:
        await producer.stop()
    return [(int(each.partition), int(each.offset)) for each in written]


class Resent(NamedTuple):
    """Where records stand that were sent again; `complete` says that no other of them was."""

    stand_at: Mapping[Mark, tuple[int, int]]
    complete: bool


async def find_resent(settings: Settings, topic: str, marks: set[Mark], since: datetime) -> Resent:
    """Look for records with these marks (all of a mark's headers) among those of a topic since that time.

    Raises:
        NotThere: the broker does not give them.
    """
    # Without a group every partition is assigned at once.
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=settings.kafka,
        client_id="frwatch-redrive",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 << 20,
    )
    found: dict[Mark, tuple[int, int]] = {}
    names = {name for mark in marks for name, _ in mark}
    try:
        await consumer.start()
        ends, complete = await _seek(consumer, int((since - SKEW).timestamp() * 1000))
        while ends and len(found) < len(marks):
            async with asyncio.timeout(TIMEOUT):
                fetched = await consumer.getmany(timeout_ms=500)
            for at, records in fetched.items():
                for record in records:
                    mark = tuple((name, value) for name, value in record.headers if name in names)
                    if mark in marks:
                        found[mark] = (at.partition, record.offset)
            for at in list(ends):
                if await consumer.position(at) >= ends[at]:
                    del ends[at]
    except (KafkaError, OSError, TimeoutError) as error:
        raise _away(settings, f"does not give topic {topic}", error) from error
    finally:
        await consumer.stop()
    return Resent(found, complete)


async def _seek(consumer: AIOKafkaConsumer, millis: int) -> tuple[dict[TopicPartition, int], bool]:
    """Stand at the first records since that time; return where they end, and whether none of them is gone."""
    partitions: set[TopicPartition] = consumer.assignment()
    if not partitions:
        return {}, False
    begins = await consumer.beginning_offsets(partitions)
    ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    firsts = await consumer.offsets_for_times(dict.fromkeys(partitions, millis))
    complete = True
    for at in partitions:
        first = firsts[at].offset if firsts.get(at) else ends[at]
        # Where the first that is kept is as late, others as late may have been before it.
        complete = complete and (begins[at] == 0 or first > begins[at])
        consumer.seek(at, first)
        if first >= ends[at]:
            del ends[at]
    return ends, complete


def _away(settings: Settings, what: str, error: BaseException) -> NotThere:
    return NotThere(
        f"Kafka at {settings.kafka} {what} ({type(error).__name__}); start it with `frwatch up`, "
        "or set FRWATCH_KAFKA"
    )
