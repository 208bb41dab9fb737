"""One partition's records on their way to Kafka: one batch under way, the rest waits for the next.

Batches are as large as what came in meanwhile: alone a record waits for nobody, and under load few batches
carry all.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

Record = tuple[bytes, bytes]
"""Key and value."""
CHUNK_BYTES = 256 * 1024
BATCH_BYTES = 512 * 1024
_OVERHEAD = 32
"""Bytes that a record takes beside key and value, at the most."""


class Chunk:
    """Records of one partition that come from one request; `there` tells whether Kafka has all of them."""

    __slots__ = ("records", "size", "there")

    def __init__(self, records: Sequence[Record], size: int) -> None:
        self.records = records
        self.size = size
        self.there: asyncio.Future[bool] = asyncio.get_running_loop().create_future()


def size_of(record: Record) -> int:
    """Return the bytes that a record takes in a batch, at the most."""
    return len(record[0]) + len(record[1]) + _OVERHEAD


class Lane:
    """The way to one partition.

    A chunk whose future is cancelled before its batch has left is never sent. `failed` is called with what
    Kafka said of a batch that it will not take.
    """

    def __init__(
        self, producer: AIOKafkaProducer, topic: str, partition: int, failed: Callable[[KafkaError], None]
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._partition = partition
        self._failed = failed
        self._waiting: deque[Chunk] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._since: float | None = None

    def put(self, chunk: Chunk) -> None:
        """Send a chunk, after those before it."""
        self._waiting.append(chunk)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())
            self._sending.add_done_callback(self._ended)

    def owes(self) -> float:
        """Return for how many seconds the batch under way has been unacknowledged; 0 where there is none."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    def close(self) -> None:
        """Give up what waits and what is under way; nobody knows of the latter."""
        if self._sending is not None:
            self._sending.cancel()
        self._settle(self._waiting, there=False)
        self._waiting.clear()

    async def _send(self) -> None:
        while chunks := self._next():
            there = False
            self._since = time.monotonic()
            try:
                batch = self._producer.create_batch()
                for chunk in chunks:
                    for key, value in chunk.records:
                        if batch.append(timestamp=None, key=key, value=value) is None:
                            raise RuntimeError("a batch is larger than the producer takes")
                batch.close()
                await (await self._producer.send_batch(batch, self._topic, partition=self._partition))
                there = True
            except KafkaError as error:
                self._failed(error)
            finally:
                self._since = None
                self._settle(chunks, there=there)

    def _next(self) -> list[Chunk]:
        chunks: list[Chunk] = []
        size = 0
        while self._waiting:
            chunk = self._waiting[0]
            if chunk.there.done():
                self._waiting.popleft()
                continue
            size += chunk.size
            if chunks and size > BATCH_BYTES:
                break
            chunks.append(self._waiting.popleft())
        return chunks

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._sending = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self.close()
            raise error

    @staticmethod
    def _settle(chunks: Sequence[Chunk] | deque[Chunk], *, there: bool) -> None:
        for chunk in chunks:
            if not chunk.there.done():
                chunk.there.set_result(there)
