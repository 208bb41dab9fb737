"""Single records, read once more from where they stand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.errors import NotThere
from schemas.settings import Settings

TIMEOUT = 30.0
"""Seconds within which Kafka gives the records, or is away."""


class Place(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


async def read_values(settings: Settings, places: Sequence[Place]) -> dict[Place, bytes]:
    """Return the values of the records at these places; those that Kafka no longer has are left out.

    Raises:
        NotThere: Kafka does not answer, or does not give them in time.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka,
        client_id="frwatch-records",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=1 << 20,
    )
    found: dict[Place, bytes] = {}
    try:
        async with asyncio.timeout(TIMEOUT):
            await consumer.start()
            for place in await _kept(consumer, places):
                partition = TopicPartition(place.topic, place.partition)
                consumer.seek(partition, place.offset)
                record = await consumer.getone(partition)
                if record.offset == place.offset and record.value is not None:
                    found[place] = record.value
    except (KafkaError, OSError, TimeoutError) as error:
        raise NotThere(
            f"Kafka at {settings.kafka} does not give the records ({type(error).__name__}); start it with "
            "`frwatch up`, or set FRWATCH_KAFKA"
        ) from None
    finally:
        await consumer.stop()
    return found


async def _kept(consumer: AIOKafkaConsumer, places: Sequence[Place]) -> list[Place]:
    """Those that stand between the beginning and the end of their partitions."""
    topics = await consumer.topics()
    partitions = {TopicPartition(place.topic, place.partition) for place in places if place.topic in topics}
    if not partitions:
        return []
    consumer.assign(list(partitions))
    begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    return [
        place
        for place in places
        if (at := TopicPartition(place.topic, place.partition)) in partitions
        and begins[at] <= place.offset < ends[at]
    ]
