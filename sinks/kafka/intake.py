"""Events from clients into Kafka: what is said to be acknowledged, all in-sync replicas have."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from schemas.contracts import contract
from schemas.errors import NotThere
from schemas.registry import Registry
from schemas.settings import Settings

PATIENCE = 5.0
"""Seconds for which an acknowledgement is waited for."""
PROBE = 2.0
"""Seconds within which a broker answers that is there."""
BATCH_BYTES = 256 * 1024
"""Bytes of one batch of a partition. One waits, one is under way: more is not held while Kafka is away."""
_TOPICS = {"search": "searches", "outcome": "outcomes"}

_log = structlog.get_logger()


class KafkaAway(Exception):
    """Kafka has not acknowledged for `PATIENCE` seconds, and nothing more is handed to it until it does."""


class Intake:
    """An idempotent producer for `fr.searches` and `fr.outcomes`.

    aiokafka retries what Kafka has not acknowledged for as long as the process lives. So an event whose
    acknowledgement was waited for in vain may still arrive, once; and its arrival shows that Kafka is back.
    """

    def __init__(self, settings: Settings, registry: Registry | None = None) -> None:
        self._settings = settings
        self._registry = registry
        self._producer: AIOKafkaProducer | None = None
        self._late: set[asyncio.Future[Any]] = set()
        self._renewal: asyncio.Task[None] | None = None
        self.schema_ids: dict[str, int] = {}
        """The registry's ids of `search` and `outcome`, where there is a registry."""

    async def start(self) -> None:
        """Connect, and register the schemas where there is a registry.

        Raises:
            NotThere: no broker answers, or the registry does not.
        """
        if self._registry is not None:
            for kind, topic in _TOPICS.items():
                subject = f"{self._settings.topic(topic)}-value"
                self.schema_ids[kind] = await self._registry.register(subject, contract(kind))
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
            await _closed(self._producer, patience)

    @property
    def away(self) -> bool:
        """Whether Kafka owes an acknowledgement for longer than `PATIENCE`."""
        return bool(self._late) or self._renewal is not None

    async def answers(self) -> bool:
        """Whether a broker answers now, and Kafka owes nothing."""
        if self.away or self._producer is None:
            return False
        try:
            return bool(await asyncio.wait_for(self._producer.client.force_metadata_update(), PROBE))
        except (TimeoutError, KafkaError):
            return False

    async def send(self, kind: str, records: Sequence[tuple[bytes, bytes]]) -> list[bool]:
        """Hand over keys and values, and return for each whether Kafka has acknowledged it in time.

        False says that nobody knows: it may arrive later, once.

        Raises:
            KafkaAway: Kafka is away; nothing was handed over.
        """
        if self.away or self._producer is None:
            raise KafkaAway
        producer, topic = self._producer, self._settings.topic(_TOPICS[kind])
        sent: list[asyncio.Future[Any]] = []
        deadline = asyncio.get_running_loop().time() + PATIENCE
        try:
            async with asyncio.timeout_at(deadline):
                for key, value in records:
                    sent.append(await producer.send(topic, key=key, value=value))
                await asyncio.wait(sent)
        except TimeoutError:
            self._wait_on([future for future in sent if not future.done()])
        except KafkaError as error:
            self._look_into(error, producer)
            self._wait_on([future for future in sent if not future.done()])
        except BaseException:
            # Nobody will ask for them: the request was given up.
            for future in sent:
                future.add_done_callback(_heard)
            raise
        return [
            *(self._is_acknowledged(future, producer) for future in sent),
            *([False] * (len(records) - len(sent))),
        ]

    def _is_acknowledged(self, future: asyncio.Future[Any], producer: AIOKafkaProducer) -> bool:
        if not future.done() or future.cancelled():
            return False
        error = future.exception()
        if isinstance(error, KafkaError):
            self._look_into(error, producer)
        return error is None

    def _wait_on(self, late: Sequence[asyncio.Future[Any]]) -> None:
        if late and not self._late:
            _log.warning("Kafka does not acknowledge; clients are told to come again")
        for future in late:
            self._late.add(future)
            future.add_done_callback(self._arrived)

    def _arrived(self, future: asyncio.Future[Any]) -> None:
        _heard(future)
        self._late.discard(future)
        if not self._late:
            _log.info("Kafka acknowledges again")

    def _look_into(self, error: KafkaError, producer: AIOKafkaProducer) -> None:
        """Take a new producer where the old one will never send again: it was fenced, or lost its place."""
        if error.retriable or isinstance(error, KafkaConnectionError):
            return
        if producer is self._producer and self._renewal is None:
            _log.warning("producer is given up for a new one", error=type(error).__name__)
            self._renewal = asyncio.create_task(self._renew(producer))

    async def _renew(self, old: AIOKafkaProducer) -> None:
        try:
            while True:
                try:
                    self._producer = await asyncio.wait_for(self._connected(), 2 * PATIENCE)
                    break
                except (KafkaError, TimeoutError):
                    await asyncio.sleep(PROBE)
            await _closed(old, PROBE)
        finally:
            self._renewal = None

    async def _connected(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka,
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
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
            await _closed(producer, PROBE)
            raise
        return producer


def _heard(future: asyncio.Future[Any]) -> None:
    """Take note of a failure that nobody waits for any more, so that asyncio does not log it."""
    if not future.cancelled():
        future.exception()


async def _closed(producer: AIOKafkaProducer, patience: float) -> None:
    try:
        await asyncio.wait_for(producer.stop(), patience)
    except (TimeoutError, KafkaError) as error:
        _log.warning("producer did not close in peace", error=type(error).__name__)
