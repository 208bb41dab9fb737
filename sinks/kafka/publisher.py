"""What the pipeline writes to Kafka: violations and dead letters, acknowledged by all replicas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import polars as pl

from schemas.contracts import contract
from schemas.registry import Registry
from schemas.settings import Settings
from schemas.wire import encode
from sinks.kafka.steady_producer import SteadyProducer

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A Kafka record that could not be stored: where it stood, why, and its bytes.

    `value` is empty where its bytes may hold an image; the headers then have `withheld`, their SHA-256. Of
    `headers` no two have one name, and none has the name of one that `record_headers` adds.
    """

    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    key: bytes | None
    value: bytes
    headers: Headers

    def record_headers(self) -> list[tuple[str, bytes]]:
        """The headers of the record in `fr.dead`: ours first, then the record's own."""
        ours = {
            "reason": self.reason,
            "detail": self.detail,
            "topic": self.topic,
            "partition": str(self.partition),
            "offset": str(self.offset),
        }
        return [*((name, text.encode()) for name, text in ours.items()), *self.headers]


class Publisher:
    """An idempotent producer for `fr.violations` and `fr.dead`. What returns has been acknowledged."""

    def __init__(self, settings: Settings, registry: Registry | None = None) -> None:
        self._settings = settings
        self._registry = registry
        self._schema_id: int | None = None
        self._producer = SteadyProducer(
            bootstrap_servers=settings.kafka, max_request_size=2 * 1024 * 1024, client_id="frwatch-worker"
        )

    async def start(self) -> None:
        """Connect, and register the schema of violations where there is a registry.

        Raises:
            KafkaConnectionError: no broker answers.
            RegistryAway: the registry does not answer.
        """
        if self._registry is not None:
            ids = await self._registry.register_values(self._settings, ["violation"])
            self._schema_id = ids["violation"]
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is in hand and disconnect."""
        await self._producer.stop()

    async def violations(self, rows: pl.DataFrame) -> None:
        """Write one record a row, keyed by `agency_id/officer`.

        Raises:
            KafkaError: not all were acknowledged; write all of them again (their ids stay the same).
        """
        topic = self._settings.topic("violations")
        shape = contract("violation")
        names = [field["name"] for field in shape.fields]
        records = []
        for row in rows.select(names).iter_rows(named=True):
            value = encode(shape, _readable(row), schema_id=self._schema_id)
            records.append((topic, f"{row['agency_id']}/{row['officer'] or ''}".encode(), value, None))
        await self._producer.send(records)

    async def dead(self, letters: Sequence[DeadLetter]) -> None:
        """Write dead letters, each with its original bytes or the hash of what is withheld.

        Raises:
            KafkaError: not all were acknowledged; write all of them again.
        """
        topic = self._settings.topic("dead")
        await self._producer.send(
            [(topic, letter.key, letter.value, letter.record_headers()) for letter in letters]
        )


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """A row as fastavro writes it: ids as text, the evidence as a map."""
    row = dict(row)
    for name in ("violation_id", "event_id"):
        row[name] = str(UUID(bytes=row[name]))
    return row
