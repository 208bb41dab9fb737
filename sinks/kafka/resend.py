"""Sends records again, as they came, and says where they stand then."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.errors import NotThere
from schemas.settings import Settings

TIMEOUT = 60.0


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
            waiting = [
                await producer.send(each.topic, each.value, key=each.key, headers=list(each.headers))
                for each in records
            ]
            written = await asyncio.gather(*waiting)
    except (KafkaError, OSError, TimeoutError) as error:
        raise NotThere(
            f"Kafka at {settings.kafka} does not take the records ({type(error).__name__}); start it with "
            "`frwatch up`, or set FRWATCH_KAFKA"
        ) from error
    finally:
        await producer.stop()
    return [(int(each.partition), int(each.offset)) for each in written]
