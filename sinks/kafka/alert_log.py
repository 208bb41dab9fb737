"""The alerter's state in Kafka: a compacted topic, written in one transaction with what was read.

Whoever opens the log is the only one who can write it: an earlier alerter that still lives is fenced off, and
what it had not committed is gone. So what is restored, and where reading goes on, belong together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    InvalidProducerIdMapping,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)

from schemas.errors import FrwatchError, NotThere
from schemas.settings import Settings
from sinks.kafka.publisher import DeadLetter

TIMEOUT = 60.0
RETRY_MS = 10
"""While a transaction is being finished the broker refuses the next one: asked again soon, it takes it."""


class Fenced(FrwatchError):
    """This log can be written no more: another alerter is the active one, or the broker has lost count."""


class AlertLog:
    """Use it as an async context manager; entering it fences off every earlier alerter of the group."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.topic("alert-state")
        self.group = f"{settings.group}-alerts"
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> AlertLog:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka,
            client_id="frwatch-alerts",
            transactional_id=f"{self._settings.topic_prefix}{self.group}",
            acks="all",
            linger_ms=0,
            retry_backoff_ms=RETRY_MS,
            max_request_size=2 << 20,
        )
        try:
            async with asyncio.timeout(TIMEOUT):
                await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await producer.stop()
            raise self._away(error) from error
        self._producer = producer
        return self

    async def __aexit__(self, *exception: object) -> None:
        if self._producer is not None:
            await self._producer.stop()

    async def read(self) -> list[tuple[str, bytes | None]]:
        """Return all that was committed, oldest first; None is the value of what is gone.

        Raises:
            NotThere: the broker does not give it in time.
        """
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka,
            client_id="frwatch-alerts",
            isolation_level="read_committed",
            enable_auto_commit=False,
            max_partition_fetch_bytes=4 << 20,
        )
        partition = TopicPartition(self._topic, 0)
        found: list[tuple[str, bytes | None]] = []
        try:
            async with asyncio.timeout(TIMEOUT):
                await consumer.start()
                consumer.assign([partition])
                await consumer.seek_to_beginning(partition)
                end = (await consumer.end_offsets([partition]))[partition]
                while await consumer.position(partition) < end:
                    fetched = await consumer.getmany(partition, timeout_ms=200)
                    for record in (each for records in fetched.values() for each in records):
                        found.append(((record.key or b"").decode(errors="replace"), record.value))
        except (KafkaError, OSError, TimeoutError) as error:
            raise self._away(error) from error
        finally:
            await consumer.stop()
        return found

    async def commit(
        self,
        changes: Iterable[tuple[str, bytes | None]],
        offsets: Mapping[TopicPartition, int],
        dead: Sequence[DeadLetter] = (),
    ) -> None:
        """Write changes, dead letters and the next offsets to read, all or nothing.

        Raises:
            Fenced: another alerter is active; nothing was written.
            KafkaError: it is not known whether it was written; write the same keys again.
            FrwatchError: this log can be written no more.
        """
        producer = self._producer
        if producer is None:
            raise RuntimeError("the log was not opened")
        try:
            await producer.begin_transaction()
            waiting = [
                await producer.send(self._topic, value, key=key.encode(), partition=0)
                for key, value in changes
            ]
            for letter in dead:
                headers, topic = letter.record_headers(), self._settings.topic("dead")
                waiting.append(await producer.send(topic, letter.value, key=letter.key, headers=headers))
            if offsets:
                await producer.send_offsets_to_transaction(dict(offsets), self.group)
            await asyncio.gather(*waiting)
            await producer.commit_transaction()
        except ProducerFenced as error:
            raise Fenced("another alerter has become the active one") from error
        except (OutOfOrderSequenceNumber, UnknownProducerId, InvalidProducerIdMapping) as error:
            # aiokafka begins no new count of its batches (see `steady_producer`); one opened anew does.
            raise Fenced(f"the broker has lost count of this alerter ({type(error).__name__})") from error
        except KafkaError:
            await self._abort(producer)
            raise

    async def _abort(self, producer: AIOKafkaProducer) -> None:
        try:
            await producer.abort_transaction()
        except ProducerFenced as error:
            raise Fenced("another alerter has become the active one") from error
        except KafkaError as error:
            raise FrwatchError(
                f"topic {self._topic} cannot be written by this alerter any more ({type(error).__name__}); "
                "start another, which goes on from what was written"
            ) from error

    def _away(self, error: BaseException) -> NotThere:
        return NotThere(
            f"Kafka at {self._settings.kafka} does not give topic {self._topic} ({type(error).__name__}); "
            "start it with `frwatch up`, or set FRWATCH_KAFKA"
        )
