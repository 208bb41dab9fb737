"""A producer that outlives what breaks one of aiokafka's.

An idempotent producer numbers its batches, and the broker takes them in that order alone. Where a batch was
given up (no leader for too long), or the broker has lost its count (all of them were killed), every later
batch is refused as out of order, for ever: aiokafka begins no new count (aio-libs/aiokafka issue 1017;
Kafka's own client does since 2.5, KIP-360). So after any failure the next call begins with a new producer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

log = structlog.get_logger(__name__)

Headers = Sequence[tuple[str, bytes]]
Record = tuple[str, bytes | None, bytes, Headers | None]
"""Topic, key, value and headers."""

FLUSH_SECONDS = 5.0
"""How long what is still in hand may take when it is stopped."""
CUT_SECONDS, CUTS = 0.25, 4
"""How often, and for how long each time, one that does not end is cut off: a second in all."""


class SteadyProducer:
    """Sends with idempotence, to all replicas. `settings` are aiokafka's, such as `bootstrap_servers`.

    Its calls may run side by side.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = {"enable_idempotence": True, "acks": "all", "linger_ms": 0, **settings}
        self._producer: AIOKafkaProducer | None = None
        self._gone = asyncio.Event()
        self._started = False
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Connect.

        Raises:
            KafkaConnectionError: no broker answers.
        """
        self._started = True
        await self._ready()

    async def stop(self) -> None:
        """Send what is in hand, for `FLUSH_SECONDS` at the most, and disconnect."""
        self._started = False
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                await end_producer(producer, FLUSH_SECONDS)
            finally:
                self._gone.set()

    async def send(self, records: Iterable[Record]) -> None:
        """Write records; what has one key keeps its order. All of them are acknowledged when this returns.

        Raises:
            KafkaError: not all were acknowledged, and some may have been written; write all of them again.
        """
        producer, gone = await self._ready()
        sending = asyncio.create_task(_send(producer, records))
        given_up = asyncio.create_task(gone.wait())
        try:
            await asyncio.wait([sending, given_up], return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                # aiokafka tells nobody of what had not left when its sender was ended.
                raise KafkaConnectionError("the producer was given up before this left")
            sending.result()
        except KafkaError as error:
            await self._let_go(producer, gone, error)
            raise
        finally:
            sending.cancel()
            given_up.cancel()

    async def _ready(self) -> tuple[AIOKafkaProducer, asyncio.Event]:
        """The producer, and what says that it was given up and will acknowledge nothing more."""
        if not self._started:
            raise RuntimeError("the producer was not started")
        async with self._lock:
            if self._producer is None:
                producer = AIOKafkaProducer(**self._settings)
                try:
                    await producer.start()
                except BaseException:
                    await end_producer(producer, 0)
                    raise
                self._producer, self._gone = producer, asyncio.Event()
            return self._producer, self._gone

    async def _let_go(self, producer: AIOKafkaProducer, gone: asyncio.Event, error: KafkaError) -> None:
        async with self._lock:
            if self._producer is not producer:
                return
            self._producer = None
        log.warning("records were not written; a new producer is begun", error=type(error).__name__)
        # Whoever waits for its other records is told; what it still tries would come twice.
        try:
            await end_producer(producer, 0)
        finally:
            gone.set()


async def _send(producer: AIOKafkaProducer, records: Iterable[Record]) -> None:
    waiting = [
        await producer.send(topic, key=key, value=value, headers=headers)
        for topic, key, value, headers in records
    ]
    await asyncio.gather(*waiting)


async def end_producer(producer: AIOKafkaProducer, seconds: float) -> None:
    """Stop a producer of aiokafka; what it could not send in so many seconds it does not send."""
    stopping = asyncio.create_task(producer.stop())
    await asyncio.wait([stopping], timeout=seconds)
    sender = producer._sender
    for _ in range(CUTS):
        if stopping.done() or sender is None or sender.sender_task is None:
            break
        # Its stop waits for what may never be acknowledged, unless its sender has ended; and that one, told
        # once, waits for the requests that it has begun.
        sender.sender_task.cancel()
        await asyncio.wait([stopping], timeout=CUT_SECONDS)
    stopping.cancel()
    # How it ends is of use to nobody: the error before it is told.
    await asyncio.wait([stopping])
    if not stopping.cancelled():
        stopping.exception()
