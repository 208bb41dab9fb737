"""Records of `fr.violations` to violations, and what cannot be read to dead letters. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from schemas.canary import POLICY as CANARY_POLICY
from schemas.contracts import WriterSchema, contract
from schemas.moments import micros_of
from sinks.kafka.publisher import DeadLetter
from streams.alerting.alert import Violation
from streams.decode import decode
from streams.few import read_few
from streams.values import Values
from streams.withhold import sha256


@dataclass(frozen=True, slots=True)
class Read:
    """What a batch gave, in its order."""

    violations: list[Violation]
    canaries: list[Violation]
    dead: list[DeadLetter]


def read(records: Sequence[Any], values: Values, schemas: Mapping[int, WriterSchema | str]) -> Read:
    """Return the violations in Kafka records, in either framing and of any version, and what is none.

    `values` are the records' own; `schemas` has what the registry says of the ids that they name.
    """
    if not records:
        return Read([], [], [])
    shape, bad = contract("violation"), []
    rows = read_few(values, shape, schemas)
    if rows is not None:
        found = [_violation(row, record) for row, record in zip(rows, records, strict=True)]
    else:
        decoded = decode(values, shape, schemas)
        bad = sorted(decoded.bad, key=lambda bad: bad.row)
        found = [
            _violation(_plain(row), records[int(at)])
            for at, row in zip(decoded.rows, decoded.frame.iter_rows(named=True), strict=False)
        ]
    real = [each for each in found if each.policy_id != CANARY_POLICY]
    canaries = [each for each in found if each.policy_id == CANARY_POLICY]
    return Read(real, canaries, [_dead(records[each.row], each) for each in bad])


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row of columns as a record: ids as text, times as microseconds."""
    for name in ("violation_id", "event_id"):
        row[name] = str(UUID(bytes=row[name]))
    for name in ("occurred_at", "detected_at"):
        row[name] = micros_of(row[name])
    return row


def _violation(row: dict[str, Any], record: Any) -> Violation:
    del row["evidence"]
    for name in ("violation_id", "event_id"):
        # However its writer wrote it.
        row[name] = row[name].lower()
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
