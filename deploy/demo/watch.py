"""The watch: reads `fr.violations` and `fr.dead` while the scenario plays, as whoever must be told would."""

from __future__ import annotations

import io
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from deploy.demo.play import Position
from schemas.contracts import contract
from schemas.errors import NotThere
from schemas.settings import Settings
from schemas.wire import SINGLE_OBJECT_HEAD


@dataclass(frozen=True, slots=True)
class Seen:
    """A finding as it came over Kafka, and when (seconds since 1970)."""

    event_id: str
    rule: str
    certainty: str
    received_at: float
    record: dict[str, Any]


class Watch:
    """A consumer in a thread of its own. `seen` has the first arrival of each finding, by its id.

    `dead` has the positions of the records that `fr.dead` speaks of; `fresh` the findings not yet shown.
    """

    def __init__(self, settings: Settings) -> None:
        self.seen: dict[str, Seen] = {}
        self.dead: set[Position] = set()
        self.fresh: deque[Seen] = deque()
        self._settings = settings
        self._over = threading.Event()
        self._failure: Exception | None = None
        self._schema = contract("violation").current.parsed
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.kafka,
                "client.id": "frwatch-demo-watch",
                "group.id": "frwatch-demo-watch",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )

    def start(self) -> None:
        """Begin at the beginning of both topics.

        Raises:
            NotThere: the broker does not answer.
        """
        topics = (self._settings.topic("violations"), self._settings.topic("dead"))
        try:
            known = [(topic, self._consumer.list_topics(topic, timeout=15).topics[topic]) for topic in topics]
            self._consumer.assign(
                [
                    TopicPartition(topic, each, OFFSET_BEGINNING)
                    for topic, found in known
                    for each in found.partitions
                ]
            )
        except KafkaException as error:
            raise NotThere(
                f"Kafka at {self._settings.kafka} does not answer: {error.args[0].str()}"
            ) from None
        self._thread.start()

    def require(self) -> None:
        """Raise what ended the watch, if anything did.

        Raises:
            NotThere: the watch could not read on.
        """
        if self._failure is not None:
            raise NotThere(f"the watch over fr.violations ended: {self._failure}") from self._failure

    def close(self) -> None:
        """End the thread and the consumer."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(5)
        self._consumer.close()

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                message = self._consumer.poll(0.1)
                if message is None:
                    continue
                if error := message.error():
                    if error.fatal():
                        raise KafkaException(error)
                    continue
                self._take(message, time.time())
        except Exception as error:
            self._failure = error

    def _take(self, message: Message, received_at: float) -> None:
        if message.topic() == self._settings.topic("dead"):
            headers: dict[str, Any] = dict(message.headers() or [])
            place = (headers["topic"].decode(), int(headers["partition"]), int(headers["offset"]))
            self.dead.add(place)
            return
        record: Any = fastavro.schemaless_reader(
            io.BytesIO((message.value() or b"")[SINGLE_OBJECT_HEAD:]), self._schema, None
        )
        rule = f"{record['policy_id']}/{record['rule_id']}"
        seen = Seen(str(record["event_id"]), rule, record["certainty"], received_at, record)
        if self.seen.setdefault(str(record["violation_id"]), seen) is seen:
            self.fresh.append(seen)
