"""Records of `fr.violations` to violations, and what cannot be read to dead letters. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from schemas.canary import POLICY as CANARY_POLICY
from schemas.contracts import WriterSchema, contract
from sinks.kafka.publisher import DeadLetter
from streams.alerting.alert import Violation
from streams.decode import decode
from streams.values import Values
from streams.withhold import sha256


@dataclass(frozen=True, slots=True)
class Read:
    """What a batch gave, in its order."""

    violations: list[Violation]
    canaries: list[Violation]
    dead: list[DeadLetter]


def schema_ids(records: Sequence[Any]) -> set[int]:
    """Return the ids of a registry that the records name."""
    return Values([record.value for record in records]).schema_ids()


def read(records: Sequence[Any], schemas: Mapping[int, WriterSchema | str]) -> Read:
    """Return the violations in Kafka records, in either framing and of any version, and what is none.

    `schemas` has what the registry says of the `schema_ids`.
    """
    if not records:
        return Read([], [], [])
    decoded = decode(Values([record.value for record in records]), contract("violation"), schemas)
    found = []
    for at, row in zip(decoded.rows, decoded.frame.iter_rows(named=True), strict=False):
        found.append(_violation(row, records[int(at)]))
    real = [each for each in found if each.policy_id != CANARY_POLICY]
    canaries = [each for each in found if each.policy_id == CANARY_POLICY]
    dead = [_dead(records[bad.row], bad) for bad in sorted(decoded.bad, key=lambda bad: bad.row)]
    return Read(real, canaries, dead)


def _violation(row: dict[str, Any], record: Any) -> Violation:
    del row["evidence"]
    row["violation_id"] = str(UUID(bytes=row["violation_id"]))
    row["event_id"] = str(UUID(bytes=row["event_id"]))
    for name in ("occurred_at", "detected_at"):
        moment = row[name]
        row[name] = int(moment.timestamp()) * 1_000_000 + moment.microsecond
    return Violation(
        **row, topic=record.topic, partition=record.partition, offset=record.offset, value=record.value
    )


def _dead(record: Any, bad: Any) -> DeadLetter:
    value, headers = record.value or b"", tuple(record.headers)
    if bad.withheld:
        value, headers = b"", (("withheld", sha256(value).encode()),)
    return DeadLetter(
        record.topic, record.partition, record.offset, bad.reason, bad.detail, record.key, value, headers
    )
