"""Events from clients into Kafka: what is said to be acknowledged, all in-sync replicas have."""

from __future__ import annotations

import asyncio
import contextlib
import time
import zlib
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from schemas.contracts import TOPICS
from schemas.errors import NotThere
from schemas.registry import Registry
from schemas.settings import Settings
from sinks.kafka.lane import BATCH_BYTES, CHUNK_BYTES, Chunk, Lane, Record, size_of
from sinks.kafka.steady_producer import end_producer

PATIENCE = 5.0
"""Seconds for which an acknowledgement is waited for."""
PROBE = 2.0
"""Seconds within which a broker answers that is there."""

_log = structlog.get_logger()


class KafkaAway(Exception):
    """Kafka has not acknowledged for `PATIENCE` seconds, and nothing more is handed to it until it does."""


class Intake:
    """An idempotent producer for `fr.searches` and `fr.outcomes`.

    aiokafka retries a batch that Kafka has not acknowledged for as long as the process lives. So events whose
    acknowledgement was waited for in vain may still arrive, once; and their arrival shows that Kafka is back.
    Of a partition one batch is under way: that, and what requests still wait for, is all that is held.
    """

    def __init__(self, settings: Settings, registry: Registry | None = None) -> None:
        self._settings = settings
        self._registry = registry
        self._producer: AIOKafkaProducer | None = None
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._renewal: asyncio.Task[None] | None = None
        self._told_away = False
        self.schema_ids: dict[str, int] = {}
        """The registry's ids of `search` and `outcome`, where there is a registry."""

    async def start(self) -> None:
        """Connect, and register the schemas where there is a registry.

        Raises:
            NotThere: no broker answers, or the registry does not.
        """
        if self._registry is not None:
            self.schema_ids |= await self._registry.register_values(self._settings, ["search", "outcome"])
        try:
            self._producer = await self._connected()
        except KafkaError as error:
            raise NotThere(
                f"Kafka at {self._settings.kafka} does not answer ({type(error).__name__}); "
                "check FRWATCH_KAFKA, or run `frwatch up` for a local one"
            ) from None

    async def stop(self, patience: float) -> None:
        """Send what is in hand, for up to `patience` seconds, and disconnect."""
        if self._renewal is not None:
            self._renewal.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewal
        if self._producer is not None:
            await end_producer(self._producer, patience)
        for lane in self._lanes.values():
            lane.close()

    @property
    def away(self) -> bool:
        """Whether Kafka owes an acknowledgement for longer than `PATIENCE`."""
        away = self._renewal is not None or any(lane.owes() > PATIENCE for lane in self._lanes.values())
        if away != self._told_away:
            self._told_away = away
            if away:
                _log.warning("Kafka does not acknowledge; clients are told to come again")
            else:
                _log.info("Kafka acknowledges again")
        return away

    async def answers(self) -> bool:
        """Whether a broker answers now, and Kafka owes nothing."""
        if self.away or self._producer is None:
            return False
        try:
            return bool(await asyncio.wait_for(self._producer.client.force_metadata_update(), PROBE))
        except (TimeoutError, KafkaError):
            return False

    async def send(self, kind: str, records: Sequence[Record]) -> list[bool]:
        """Hand over keys and values, and return for each whether Kafka has acknowledged it in time.

        False says that nobody knows: it may arrive later, once.

        Raises:
            KafkaAway: Kafka is away; nothing was handed over.
        """
        if self.away or self._producer is None:
            raise KafkaAway
        topic = self._settings.topic(TOPICS[kind])
        deadline = time.monotonic() + PATIENCE
        try:
            count = len(await asyncio.wait_for(self._producer.partitions_for(topic), PATIENCE))
        except (TimeoutError, KafkaError):
            raise KafkaAway from None
        places: dict[int, list[int]] = {}
        for place, (key, _) in enumerate(records):
            # As librdkafka does it; nothing depends on it but balance.
            places.setdefault(zlib.crc32(key) % count, []).append(place)
        chunks = {
            chunk: part
            for partition, chosen in places.items()
            for chunk, part in self._put(topic, partition, records, chosen)
        }
        try:
            await asyncio.wait([chunk.there for chunk in chunks], timeout=deadline - time.monotonic())
        finally:
            for chunk in chunks:
                chunk.there.cancel()
        acknowledged = [False] * len(records)
        for chunk, part in chunks.items():
            if not chunk.there.cancelled() and chunk.there.result():
                for place in part:
                    acknowledged[place] = True
        return acknowledged

    def _put(
        self, topic: str, partition: int, records: Sequence[Record], chosen: Sequence[int]
    ) -> list[tuple[Chunk, list[int]]]:
        """Put the chosen records into their partition's lane, and return the chunks and what is in each."""
        parts: list[tuple[list[int], int]] = [([], 0)]
        for place in chosen:
            size = size_of(records[place])
            part, held = parts[-1]
            if part and held + size > CHUNK_BYTES:
                part, held = [], 0
                parts.append((part, held))
            part.append(place)
            parts[-1] = (part, held + size)
        lane = self._lane(topic, partition)
        chunks = [(Chunk([records[place] for place in part], size), part) for part, size in parts]
        for chunk, _ in chunks:
            lane.put(chunk)
        return chunks

    def _lane(self, topic: str, partition: int) -> Lane:
        lane = self._lanes.get((topic, partition))
        if lane is None:
            producer = self._producer
            lane = self._lanes[topic, partition] = Lane(
                producer, topic, partition, lambda error: self._look_into(error, producer)
            )
        return lane

    def _look_into(self, error: KafkaError, producer: AIOKafkaProducer | None) -> None:
        """Take a new producer where the old one will never send again: it was fenced, or lost its place."""
        if error.retriable or isinstance(error, KafkaConnectionError):
            return
        if producer is self._producer and self._renewal is None:
            _log.warning("producer is given up for a new one", error=type(error).__name__)
            self._renewal = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        old, lanes = self._producer, self._lanes
        try:
            self._lanes = {}
            while True:
                try:
                    self._producer = await asyncio.wait_for(self._connected(), 2 * PATIENCE)
                    break
                except (KafkaError, TimeoutError):
                    await asyncio.sleep(PROBE)
            for lane in lanes.values():
                lane.close()
            await end_producer(old, PROBE)
        finally:
            self._renewal = None

    async def _connected(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka,
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_batch_size=2 * BATCH_BYTES,
            max_request_size=2 * 1024 * 1024,
            # A broker whose machine died answers nothing at all: how soon that is seen.
            request_timeout_ms=int(2 * PATIENCE * 1000),
            retry_backoff_ms=100,
            metadata_max_age_ms=60_000,
            client_id="frwatch-collect",
        )
        try:
            await producer.start()
        except BaseException:
            await end_producer(producer, PROBE)
            raise
        return producer
