from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from schemas.contracts import contract
from streams.alerting.reader import read, schema_ids
from tests.support.alerter import NOON, violation


@dataclass(frozen=True)
class Record:
    value: bytes | None
    offset: int = 0
    topic: str = "fr.violations"
    partition: int = 1
    key: bytes | None = b"lapd/x"
    headers: tuple[tuple[str, bytes], ...] = ()


ID = "0b0e7f5e-6c43-4b0e-9a39-3d8f7e0c1a52"


def test_both_framings_in_any_mix_are_read_in_their_order() -> None:
    records = [
        Record(violation(1, violation_id=ID), 7),
        Record(violation(2, schema_id=5), 8),
        Record(violation(3), 9),
    ]
    assert schema_ids(records) == {5}
    found = read(records, {5: contract("violation").current})
    assert [(each.officer or "")[-1] for each in found.violations] == ["1", "2", "3"]
    first = found.violations[0]
    assert (first.violation_id, first.occurred_at, first.offset) == (ID, NOON, 7)
    assert UUID(first.event_id)
    assert first.value == records[0].value
    assert found.dead == []


def test_what_cannot_be_read_is_a_dead_letter_and_stops_nothing() -> None:
    face = b"\xff\xd8\xff\xe0" + bytes(100)
    values = [b"x", None, violation(1), violation(2)[:-3], face]
    found = read([Record(value, offset) for offset, value in enumerate(values, 1)], {})
    assert [each.offset for each in found.violations] == [3]
    assert [(each.offset, each.reason) for each in found.dead] == [
        (1, "unknown_framing"),
        (2, "empty"),
        (4, "damaged"),
        (5, "unknown_framing"),
    ]
    assert found.dead[-1].value == b"", "what may hold a face is kept as its hash alone"
    assert found.dead[-1].headers[0][0] == "withheld"


def test_a_canary_is_no_violation() -> None:
    found = read([Record(violation(1, policy_id="frwatch-canary", title="lacris-web"))], {})
    assert (found.violations, [each.title for each in found.canaries]) == ([], ["lacris-web"])
