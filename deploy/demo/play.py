"""The player: sends the scenario to Kafka and notes what it must know later."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from deploy.demo.scenario import MALFORMED, SEARCH, Scenario
from schemas.errors import NotThere
from schemas.settings import Settings

TICK_SECONDS = 0.1
CLUMP_SECONDS = 0.002
"""How far ahead of its pace the player may be: it sleeps once for a few messages."""
FLUSH_SECONDS = 60.0
Position = tuple[str, int, int]


@dataclass(slots=True)
class Sent:
    """What is known of what was sent.

    `at` has, for each search that is watched, when it was first handed to the producer (seconds since 1970);
    `malformed` where in Kafka each malformed value stands (topic, partition, offset), by its row.
    """

    messages: int = 0
    delivered: int = 0
    at: dict[str, float] = field(default_factory=dict)
    malformed: dict[Position, int] = field(default_factory=dict)


class Player:
    """An idempotent producer; every record is acknowledged by all replicas before `flush` returns."""

    def __init__(self, settings: Settings, scenario: Scenario, watched: frozenset[str]) -> None:
        self._settings = settings
        self._scenario = scenario
        ids = scenario.searches["event_id"].to_list()
        self._watched = {ref: event_id for ref, event_id in enumerate(ids) if event_id in watched}
        self._failure: KafkaError | None = None
        self.sent = Sent()
        self._producer = Producer(
            {
                "bootstrap.servers": settings.kafka,
                "client.id": "frwatch-demo",
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": 2,
                "queue.buffering.max.messages": 100_000,
                "log_level": 0,
            }
        )

    def play(self, last: int, tick: Callable[[], None], rate: float | None = None) -> None:
        """Send the messages from where it stands until before `last`, at `rate` a second if one is given.

        `tick` is called about every `TICK_SECONDS`.

        Raises:
            NotThere: the broker takes no more.
        """
        first = self.sent.messages
        began = ticked = time.monotonic()
        for number, message in enumerate(self._scenario.messages(first, last)):
            if rate and (ahead := began + number / rate - time.monotonic()) > CLUMP_SECONDS:
                self._producer.poll(0)
                time.sleep(ahead)
            if message.kind == MALFORMED:
                self._produce(message, self._noting(message.ref))
            else:
                if message.kind == SEARCH and message.ref in self._watched:
                    self.sent.at[self._watched[message.ref]] = time.time()
                self._produce(message, self._count)
            self.sent.messages += 1
            if number % 64 == 0 and time.monotonic() - ticked > TICK_SECONDS:
                self._producer.poll(0)
                tick()
                ticked = time.monotonic()

    def flush(self, tick: Callable[[], None]) -> None:
        """Wait until all that was sent is acknowledged.

        Raises:
            NotThere: something is not, after `FLUSH_SECONDS`, or was refused.
        """
        deadline = time.monotonic() + FLUSH_SECONDS
        while self._producer.flush(TICK_SECONDS):
            tick()
            if time.monotonic() > deadline:
                raise self._away("does not acknowledge")
        if self._failure is not None:
            raise self._away(self._failure.str())
        if self.sent.delivered != self.sent.messages:
            raise self._away(f"acknowledged {self.sent.delivered} of {self.sent.messages} records")

    def close(self) -> None:
        """Drop what waits to be sent."""
        self._producer.purge()
        self._producer.flush(1)

    def _produce(self, message: Any, on_delivery: Callable[[KafkaError | None, Message], None]) -> None:
        topic = self._settings.topic(message.topic)
        deadline = time.monotonic() + FLUSH_SECONDS
        while True:
            try:
                self._producer.produce(topic, message.value, message.key, on_delivery=on_delivery)
            except BufferError:
                self._producer.poll(TICK_SECONDS)
                if time.monotonic() > deadline:
                    raise self._away("takes no more") from None
            except KafkaException as error:
                raise self._away(str(error)) from None
            else:
                return

    def _count(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._failure = error
        else:
            self.sent.delivered += 1

    def _noting(self, ref: int) -> Callable[[KafkaError | None, Message], None]:
        def note(error: KafkaError | None, message: Message) -> None:
            self._count(error, message)
            if error is None:
                self.sent.malformed[message.topic(), message.partition(), message.offset()] = ref  # type: ignore[index]

        return note

    def _away(self, what: str) -> NotThere:
        return NotThere(
            f"Kafka at {self._settings.kafka} {what}; look at `frwatch status` and the broker's log"
        )
