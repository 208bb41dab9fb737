"""Events to Kafka: in order, acknowledged by all replicas in sync, once for each producer's life."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.contracts import TOPICS, contract
from schemas.registered import register_once
from schemas.settings import Settings
from schemas.wire import SINGLE_OBJECT, SINGLE_OBJECT_HEAD, confluent_head
from streams.inputs.emitter.spool import Spooled

_NEVER = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG, KafkaError.INVALID_RECORD}
_POLL = 0.1


class Delivered(NamedTuple):
    """What came of events: those that Kafka acknowledged, and those that it will never take, each in order.

    `why` says why others are neither, None where there are none or the caller gave up.
    """

    acknowledged: list[Spooled]
    never: list[Spooled]
    why: str | None


class Delivery:
    """One producer, for one thread. It sends a batch wholly before the next, so order is the spool's.

    Without limit in time it waits for a broker that is away, and sends what is not acknowledged under the
    same sequence number, so that the topic has it once. Where a producer must be given up (a fault it cannot
    mend, or the end of the process), what it had in flight may be in the topic and is sent again, under its
    event_id.
    """

    def __init__(self, settings: Settings, *, on_away: Callable[[], None] = lambda: None) -> None:
        self._settings = settings
        self._on_away = on_away
        self._producer: Producer | None = None
        self._heads: dict[str, bytes] = {}

    def deliver(
        self, events: Sequence[Spooled], give_up: Callable[[], bool], meanwhile: Callable[[], None]
    ) -> Delivered:
        """Send events and wait until each is acknowledged or refused, or `give_up` says so.

        `meanwhile` is called ten times a second.

        Raises:
            RegistryAway: a registry is configured and does not answer; nothing was sent.
        """
        self._learn_heads(events)
        found = self._send(events, give_up, meanwhile)
        if found.never and len(events) > 1:
            # A broker refuses a whole batch for one record of it.
            acknowledged, never, why = list(found.acknowledged), [], found.why
            for event in found.never:
                alone = self._send([event], give_up, meanwhile)
                acknowledged += alone.acknowledged
                never += alone.never
                why = why or alone.why
            return Delivered(sorted(acknowledged), never, why)
        return found

    def close(self) -> None:
        """Give the producer up, with what it has in flight."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.poll(0)

    def _send(
        self, events: Sequence[Spooled], give_up: Callable[[], bool], meanwhile: Callable[[], None]
    ) -> Delivered:
        results: list[KafkaError | bool | None] = [None] * len(events)
        left = len(events)

        def settle(number: int, error: KafkaError | None, _: Message) -> None:
            nonlocal left
            results[number] = error or True
            left -= 1

        producer = self._open()
        try:
            for number, event in enumerate(events):
                self._produce(producer, event, partial(settle, number))
            while left and not give_up():
                producer.poll(_POLL)
                meanwhile()
        except KafkaException as error:
            self.close()
            return Delivered([], [], error.args[0].str())
        errors = [result for result in results if isinstance(result, KafkaError)]
        if left or errors:
            self.close()
        return Delivered(
            [event for event, result in zip(events, results, strict=True) if result is True],
            [
                event
                for event, result in zip(events, results, strict=True)
                if isinstance(result, KafkaError) and result.code() in _NEVER
            ],
            next((error.str() for error in errors if error.code() not in _NEVER), None),
        )

    def _produce(self, producer: Producer, event: Spooled, settled: Callable[[Any, Message], None]) -> None:
        topic = self._settings.topic(TOPICS[event.kind])
        while True:
            with contextlib.suppress(BufferError):
                producer.produce(topic, self._framed(event), event.key, on_delivery=settled)
                return
            producer.poll(_POLL)

    def _open(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(
                {
                    "bootstrap.servers": self._settings.kafka,
                    "client.id": "frwatch-emitter",
                    "enable.idempotence": True,
                    "acks": "all",
                    "linger.ms": 5,
                    # None is given up for its age: its place in the sequence stays its own.
                    "message.timeout.ms": 0,
                    "reconnect.backoff.max.ms": 1000,
                    # Its words go to standard error, which is the client's; `error_cb` has what matters.
                    "log_level": 0,
                    "error_cb": self._heard,
                }
            )
        return self._producer

    def _heard(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._on_away()

    def _framed(self, event: Spooled) -> bytes:
        """The value as it is sent: spooled values are single-object, and of the version that wrote them."""
        head = self._heads.get(event.kind)
        current = SINGLE_OBJECT + contract(event.kind).current.fingerprint
        if head is None or not event.value.startswith(current):
            return event.value
        return head + event.value[SINGLE_OBJECT_HEAD:]

    def _learn_heads(self, events: Sequence[Spooled]) -> None:
        kinds = {event.kind for event in events} - self._heads.keys()
        if self._settings.schema_registry is not None and kinds:
            ids = asyncio.run(register_once(self._settings, kinds))
            self._heads |= {kind: confluent_head(schema_id) for kind, schema_id in ids.items()}
