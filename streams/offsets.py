"""What the consumer group has committed, with its notes, and which topic each partition is of."""

from __future__ import annotations

import asyncio
import base64

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential_jitter

from schemas.settings import Settings
from sinks.kafka.topic_ids import topic_ids
from streams.ledger import CutShort, Partition, Progress, progress

PATIENCE = 10.0
"""Seconds for which reading what was committed is tried: well below the rebalance time-out."""


class Offsets:
    """Reads the group's offsets with their notes.

    aiokafka's consumer drops the notes, so its admin client reads them.
    """

    def __init__(self, settings: Settings, consumer: AIOKafkaConsumer) -> None:
        self._settings = settings
        self._consumer = consumer
        self._admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka, client_id="frwatch-offsets")
        self.topic_ids: dict[str, bytes] = {}

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaConnectionError: no broker answers.
        """
        await self._admin.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._admin.close()

    async def progress(self, partitions: set[Partition]) -> dict[Partition, Progress]:
        """Return where each partition stands.

        Raises:
            RetentionOvertook: records that are owed are gone from Kafka.
            KafkaError, OSError, TimeoutError: Kafka did not answer within `PATIENCE`.
        """
        if not partitions:
            return {}
        retrying = AsyncRetrying(
            # A leader that has just been elected may not know yet how far its partition goes.
            retry=retry_if_exception_type((KafkaError, OSError, CutShort)),
            stop=stop_after_delay(PATIENCE / 2),
            wait=wait_exponential_jitter(0.1, 2.0),
            reraise=True,
        )
        found: dict[Partition, Progress] = {}
        async with asyncio.timeout(PATIENCE):
            async for attempt in retrying:
                with attempt:
                    found = await self._read(partitions)
        return found

    async def made_anew(self, topics: set[str]) -> bool:
        """Return whether one of these topics was deleted and made anew since `progress` looked at it.

        False where Kafka does not tell, or a topic is not there at all.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                ids = await topic_ids(self._admin, topics)
        except (KafkaError, OSError, TimeoutError):
            return False
        return any(self.topic_ids.get(topic, found) != found for topic, found in ids.items())

    async def _read(self, partitions: set[Partition]) -> dict[Partition, Progress]:
        wanted = [TopicPartition(*partition) for partition in sorted(partitions)]
        self.topic_ids = await topic_ids(self._admin, {partition.topic for partition in partitions})
        committed = await self._admin.list_consumer_group_offsets(self._settings.group, partitions=wanted)
        beginnings = await self._consumer.beginning_offsets(wanted)
        ends = await self._consumer.end_offsets(wanted)
        found = {}
        for tp in wanted:
            at = committed.get(tp)
            found[Partition(*tp)] = progress(
                Partition(*tp),
                None if at is None else at.offset,
                "" if at is None else at.metadata or "",
                _text(self.topic_ids[tp.topic]),
                beginnings[tp],
                ends[tp],
            )
        return found


def _text(topic_id: bytes) -> str:
    """A topic id as Kafka's own tools print it."""
    return base64.urlsafe_b64encode(topic_id).decode().rstrip("=")
