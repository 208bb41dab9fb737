from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from uuid import UUID

import fastavro
from hypothesis import given
from hypothesis import strategies as st

from schemas.contracts import WriterSchema, contract
from schemas.wire import SINGLE_OBJECT, confluent_head, encode
from streams import few
from streams.alerting import reader
from streams.decode import EARLIEST, LATEST
from streams.values import Values
from tests.streams.writers import newer, with_field
from tests.support.alerter import NOON, violation

SHAPE = contract("violation")


def written(writer: WriterSchema, schema_id: int | None, fields: dict[str, Any]) -> bytes:
    """A violation as a client wrote it whose schema has that id in the registry, or is a released one."""
    plain: dict[str, Any] = dict.fromkeys(
        ("agency_id", "policy_id", "policy_version", "rule_id", "title"), "a"
    )
    plain |= {"severity": "LOW", "certainty": "CONFIRMED"}
    record = {"violation_id": ID, "event_id": ID, "occurred_at": 0, "detected_at": 0} | plain
    head = SINGLE_OBJECT + writer.fingerprint if schema_id is None else confluent_head(schema_id)
    out = io.BytesIO(head)
    out.seek(0, 2)
    fastavro.schemaless_writer(out, writer.parsed, record | fields)
    return out.getvalue()


@dataclass(frozen=True)
class Record:
    value: bytes | None
    offset: int = 0
    topic: str = "fr.violations"
    partition: int = 1
    key: bytes | None = b"lapd/x"
    headers: tuple[tuple[str, bytes], ...] = ()


def read(records: list[Record], schemas: dict[int, Any] | None = None) -> reader.Read:
    return reader.read(records, Values([record.value for record in records]), schemas or {})


ID = "0b0e7f5e-6c43-4b0e-9a39-3d8f7e0c1a52"


def test_both_framings_in_any_mix_are_read_in_their_order() -> None:
    records = [
        Record(violation(1, violation_id=ID), 7),
        Record(violation(2, schema_id=5), 8),
        Record(violation(3), 9),
    ]
    assert Values([record.value for record in records]).schema_ids() == {5}
    found = read(records, {5: SHAPE.current})
    assert [(each.officer or "")[-1] for each in found.violations] == ["1", "2", "3"]
    first = found.violations[0]
    assert (first.violation_id, first.occurred_at, first.offset) == (ID, NOON, 7)
    assert UUID(first.event_id)
    assert first.value == records[0].value
    assert found.dead == []


def test_what_cannot_be_read_is_a_dead_letter_and_stops_nothing() -> None:
    face = b"\xff\xd8\xff\xe0" + bytes(100)
    values = [b"x", None, violation(1), violation(2)[:-3], face]
    found = read([Record(value, offset) for offset, value in enumerate(values, 1)])
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
    found = read([Record(violation(1, policy_id="frwatch-canary", title="lacris-web"))])
    assert (found.violations, [each.title for each in found.canaries]) == ([], ["lacris-web"])


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=14) | st.sampled_from(
    ["A" * 40, "/9j/" * 9]
)
VIOLATION = st.fixed_dictionaries(
    {
        "violation_id": st.uuids().map(str) | st.uuids().map(lambda each: str(each).upper()),
        "event_id": st.uuids().map(str),
        "occurred_at": st.integers(-(2**55), 2**55) | st.sampled_from([EARLIEST, LATEST, LATEST + 1]),
        "officer": st.none() | TEXTS,
        "severity": st.sampled_from(["INFO", "CRITICAL"]),
        "certainty": st.sampled_from(["CONFIRMED", "SUSPECTED"]),
        "case_number": st.none() | TEXTS,
        "title": TEXTS,
        "evidence": st.dictionaries(TEXTS, TEXTS, max_size=2),
    }
)
NEWER = newer({"name": "more", "type": "string", "default": ""}, shape=SHAPE)
MILLIS = with_field("occurred_at", {"type": "long", "logicalType": "timestamp-millis"}, SHAPE)
SCHEMAS = {1: SHAPE.current, 2: NEWER, 3: MILLIS}


@given(
    st.lists(
        st.tuples(VIOLATION, st.sampled_from([None, 1, 2, 3]), st.sampled_from([0, 0, 0, 0, 1])), max_size=5
    )
)
def test_a_few_are_read_as_many_are(given: list[tuple[dict[str, Any], int | None, int]]) -> None:
    """Each alone, all together, and so that none is read by itself."""
    records = []
    for offset, (fields, schema_id, cut) in enumerate(given):
        value = written(SCHEMAS[schema_id or 1], schema_id, fields)
        records.append(Record(value[: len(value) - cut], offset))
    together = read(records, SCHEMAS)
    with patch.object(few, "FEW", -1):
        assert read(records, SCHEMAS) == together
    alone = [read([record], SCHEMAS) for record in records]
    assert together.violations == [each for found in alone for each in found.violations]
    assert together.dead == [each for found in alone for each in found.dead]


def test_plain_violations_are_read_one_by_one_and_others_are_not() -> None:
    plain, other = written(SCHEMAS[1], 1, {}), written(MILLIS, 3, {})
    assert few.read_few(Values([plain, violation(1)]), SHAPE, SCHEMAS) is not None
    for doubtful in (other, plain[:-1], b"x", None, violation(1, title="A" * 3_000)):
        assert few.read_few(Values([plain, doubtful]), SHAPE, SCHEMAS) is None
    assert few.read_few(Values([plain] * (few.FEW + 1)), SHAPE, SCHEMAS) is None
    search = {"event_id": ID, "occurred_at": 0, "source": "s", "agency_id": "a"}
    assert few.read_few(Values([encode(contract("search"), search)]), contract("search"), {}) is None
