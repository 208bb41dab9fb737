"""The compacted topic of published policies: read from its beginning, followed, and written to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.errors import NotThere
from schemas.settings import Settings

TIMEOUT = 20.0


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """A record as the broker has it; `written_at` is UTC."""

    offset: int
    written_at: datetime
    key: bytes | None
    value: bytes | None


class PolicyLog:
    """Reads the topic without a group: every worker gets every record.

    Use it as an async context manager.

    Raises:
        NotThere: when entered, where the broker does not answer or has no such topic.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._partition = TopicPartition(settings.topic("policies"), 0)

    async def __aenter__(self) -> PolicyLog:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka,
            client_id="frwatch-policies",
            enable_auto_commit=False,
            max_partition_fetch_bytes=4 << 20,
        )
        try:
            await self._consumer.start()
            self._consumer.assign([self._partition])
            await self._consumer.seek_to_beginning(self._partition)
        except (KafkaError, OSError) as error:
            await self._consumer.stop()
            raise _away(self._settings, error) from error
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._consumer.stop()

    async def read_to_end(self) -> list[PolicyRecord]:
        """Return what comes up to the end that the topic has now, oldest first.

        Raises:
            NotThere: the broker does not give it in time.
        """
        found: list[PolicyRecord] = []
        try:
            async with asyncio.timeout(TIMEOUT):
                ends = await self._consumer.end_offsets([self._partition])
                while await self._consumer.position(self._partition) < ends[self._partition]:
                    found += await self.next(0.2)
        except (KafkaError, TimeoutError) as error:
            raise _away(self._settings, error) from error
        return found

    async def next(self, seconds: float) -> list[PolicyRecord]:
        """Return what has come, none after so many seconds without any."""
        fetched = await self._consumer.getmany(self._partition, timeout_ms=int(seconds * 1000))
        return [_record(record) for records in fetched.values() for record in records]


async def write_policies(settings: Settings, key: bytes, value: bytes) -> int:
    """Append a record and return its offset, once all replicas in sync have it.

    Raises:
        NotThere: the broker does not answer.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka,
        client_id="frwatch-policies",
        acks="all",
        enable_idempotence=True,
        max_request_size=2 << 20,
    )
    try:
        async with asyncio.timeout(TIMEOUT):
            await producer.start()
            written = await producer.send_and_wait(settings.topic("policies"), value, key=key, partition=0)
    except (KafkaError, OSError, TimeoutError) as error:
        raise _away(settings, error) from error
    finally:
        await producer.stop()
    return int(written.offset)


def _record(record: Any) -> PolicyRecord:
    return PolicyRecord(
        record.offset, datetime.fromtimestamp(record.timestamp / 1000, UTC), record.key, record.value
    )


def _away(settings: Settings, error: BaseException) -> NotThere:
    return NotThere(
        f"Kafka at {settings.kafka} does not give topic {settings.topic('policies')} "
        f"({type(error).__name__}); start it with `frwatch up`, or set FRWATCH_KAFKA"
    )
