"""Events to Kafka: what `send` returns from has been acknowledged by all replicas in sync."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.contracts import contract
from schemas.errors import FrwatchError, NotThere
from schemas.registered import register_once
from schemas.settings import Settings
from schemas.wire import encode
from streams.inputs.event import key_of

TIMEOUT = 60.0
"""Seconds within which events are acknowledged, or nothing of them is said to be."""


class Sender:
    """An idempotent producer for searches; a context manager."""

    def __init__(self, settings: Settings, *, timeout: float = TIMEOUT) -> None:
        self._topic = settings.topic("searches")
        self._address = settings.kafka
        self._timeout = timeout
        self._schema_id = asyncio.run(register_once(settings, ["search"])).get("search")
        self._producer = Producer(
            {
                "bootstrap.servers": settings.kafka,
                "client.id": "frwatch-import",
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 2,
                "message.timeout.ms": int(timeout * 1000),
                "log_level": 0,
            }
        )

    def __enter__(self) -> Sender:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._producer.purge()
        self._producer.flush(1)

    def send(self, records: Sequence[dict[str, Any]]) -> None:
        """Send search records and return when all are acknowledged.

        Raises:
            NotThere: not all were; send all of them again, their ids stay the same.
        """
        failed: list[KafkaError] = []
        waiting = len(records)

        def delivered(error: KafkaError | None, _: Any) -> None:
            nonlocal waiting
            waiting -= 1
            if error is not None:
                failed.append(error)

        shape, deadline = contract("search"), time.monotonic() + self._timeout + 5
        for record in records:
            value = encode(shape, record, schema_id=self._schema_id)
            while True:
                try:
                    self._producer.produce(
                        self._topic, value, key_of("search", record), on_delivery=delivered
                    )
                    break
                except BufferError:
                    self._producer.poll(0.1)
                except KafkaException as error:
                    raise self._away(error.args[0]) from None
            self._producer.poll(0)
        while waiting and time.monotonic() < deadline:
            self._producer.flush(0.5)
        if failed or waiting:
            raise self._away(failed[0] if failed else None)

    def _away(self, error: KafkaError | None) -> FrwatchError:
        why = error.name() if error is not None else "no answer in time"
        return NotThere(
            f"Kafka at {self._address} did not take the events for {self._topic} ({why}); start it with "
            "`frwatch up`, or set FRWATCH_KAFKA; the import goes on from its position when it is run again"
        )
