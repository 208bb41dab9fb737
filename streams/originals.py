"""Records read once more from Kafka, as they came: what is refused after it was read is kept whole."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.settings import Settings
from streams.ledger import Partition

TIMEOUT = 10.0


class Originals:
    """Reads single records again, with a consumer of its own and no group."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def read(self, partition: Partition, offsets: Sequence[int]) -> list[Any]:
        """Return the records at these offsets, in their order; those that Kafka no longer has are left out.

        Raises:
            KafkaError, OSError, TimeoutError: Kafka did not give them within `TIMEOUT` seconds.
        """
        wanted = sorted(set(offsets))
        found: dict[int, Any] = {}
        tp = TopicPartition(*partition)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka,
            client_id="frwatch-originals",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=1 << 20,
        )
        try:
            async with asyncio.timeout(TIMEOUT):
                await consumer.start()
                consumer.assign([tp])
                end = (await consumer.end_offsets([tp]))[tp]
                for offset in wanted:
                    if offset in found or offset >= end:
                        continue
                    consumer.seek(tp, offset)
                    record = await consumer.getone(tp)
                    found[record.offset] = record
        finally:
            await consumer.stop()
        return [found[offset] for offset in wanted if offset in found]
