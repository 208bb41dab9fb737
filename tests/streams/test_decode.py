from __future__ import annotations

import base64
import hashlib
import io
import tracemalloc
import uuid
from typing import Any

import fastavro
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.contracts import contract, unreadable
from schemas.wire import confluent_head
from streams.shape import column_types
from streams.withhold import MAX_VALUE
from tests.streams.conftest import MakeSearch
from tests.streams.strict_avro import Damaged, strict_read
from tests.streams.writers import SEARCH, newer, read, reasons, with_field, written

JPEG = base64.b64encode(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(range(120))).decode()


def test_columns_and_types_are_the_contracts(make_search: MakeSearch) -> None:
    event_id = str(uuid.uuid4())
    value = make_search(event_id=event_id, galleries=["a", "b"], attributes={"k": "v"}, top_score=0.5)
    frame = read([value]).frame
    assert frame.schema == pl.Schema(column_types(SEARCH))
    row = frame.row(0, named=True)
    assert uuid.UUID(bytes=row["event_id"]) == uuid.UUID(event_id)
    assert row["galleries"] == ["a", "b"]
    assert row["attributes"] == {"k": "v"}
    assert row["evidence"] == "SEARCH"


def test_both_framings_in_one_batch_come_back_in_order(make_search: MakeSearch) -> None:
    values = [make_search(officer_id=f"P{i}", schema_id=7 if i % 2 else None) for i in range(50)]
    decoded = read([*values], {7: SEARCH.current})
    assert decoded.frame["officer_id"].to_list() == [f"P{i}" for i in range(50)]
    assert decoded.rows.tolist() == list(range(50))
    assert decoded.bad == []


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda value: None, "empty"),
        (lambda value: b"", "empty"),
        (lambda value: b"junk", "unknown_framing"),
        (lambda value: b"\xc3\x01short", "unknown_framing"),
        (lambda value: b"\x00\x00", "unknown_framing"),
        (lambda value: b"\xc3\x01" + b"x" * 8 + value[10:], "unknown_schema"),
        (lambda value: confluent_head(99) + value[10:], "unknown_schema"),
        (lambda value: value[:-1], "damaged"),
        (lambda value: value + b"\0", "damaged"),
        (lambda value: value[:10], "damaged"),
        (lambda value: value[:10] + b"\x01" + value[11:], "damaged"),
        (lambda value: value.replace(b"lacris-web", b"lacris-\xed\xa0\x80"), "damaged"),
        (lambda value: value[:11] + b"x" * 36 + value[47:], "damaged"),
        (lambda value: value + b"x" * MAX_VALUE, "too_large"),
    ],
)
def test_a_bad_value_is_named_and_its_neighbours_go_on(
    make_search: MakeSearch, spoil: Any, reason: str
) -> None:
    before, bad, after = make_search(), spoil(make_search()), make_search()
    decoded = read([before, bad, after])
    assert reasons(decoded) == {1: reason}
    assert decoded.rows.tolist() == [0, 2]


@pytest.mark.parametrize("index", [b"\x01", b"\x06", b"\xc6\x01"])
def test_an_enum_index_out_of_range_is_damage(make_search: MakeSearch, index: bytes) -> None:
    value = make_search()
    at = value.index(b"\x14lacris-web") - 1
    decoded = read([value, value[:at] + index + value[at + 1 :], value])
    assert reasons(decoded) == {1: "damaged"}


def test_damage_that_cancels_out_between_neighbours_is_found(make_search: MakeSearch) -> None:
    first, second = make_search(), make_search()
    decoded = read([first + second[:20], second[20:], make_search()])
    assert set(reasons(decoded)) == {0, 1}
    moved = read([first[:-4], first[-4:] + second, make_search()])
    assert set(reasons(moved)) == {0, 1}


@pytest.mark.parametrize("micros", [-(2**62), 2**62, -2_208_988_800_000_001, 10_413_792_000_000_000])
def test_a_time_that_clickhouse_does_not_have_is_refused(make_search: MakeSearch, micros: int) -> None:
    decoded = read([make_search(occurred_at=micros), make_search()])
    assert reasons(decoded) == {0: "time_out_of_range"}


@pytest.mark.parametrize("micros", [-2_208_988_800_000_000, 10_413_791_999_999_999])
def test_the_first_and_last_moments_of_clickhouse_are_kept(make_search: MakeSearch, micros: int) -> None:
    decoded = read([make_search(occurred_at=micros)])
    assert decoded.frame["occurred_at"].to_physical().to_list() == [micros]


@pytest.mark.parametrize(
    "fields",
    [
        {"purpose": f"see {JPEG}"},
        {"attributes": {"note": JPEG}},
        {"attributes": {"note": f"data:image/jpeg;base64,{JPEG}"}},
        {"attributes": {"Probe-Image": "x"}},
        {"attributes": {"face_embedding": "0.1,0.2"}},
    ],
)
def test_what_may_hold_a_face_is_never_kept(make_search: MakeSearch, fields: dict[str, Any]) -> None:
    decoded = read([make_search(), make_search(**fields)])
    assert reasons(decoded) == {1: "holds_image"}
    assert decoded.bad[0].withheld
    assert decoded.frame.height == 1


def test_words_about_images_in_plain_text_are_no_images(make_search: MakeSearch) -> None:
    text = "compared the probe image with photo /9j/ of the template"
    assert read([make_search(purpose=text, attributes={"purpose": text})]).bad == []


def test_a_damaged_value_with_raw_image_bytes_is_withheld(make_search: MakeSearch) -> None:
    decoded = read([make_search() + b"\xff\xd8\xff\xe0rest of a picture"])
    assert decoded.bad[0].withheld


def test_detail_never_quotes_the_record(make_search: MakeSearch) -> None:
    value = make_search(officer_id="P-SECRET-9")
    for bad in (value[:-1], value + b"1", value.replace(b"lacris-web", b"lacris-w\xff\xff")):
        assert "SECRET" not in read([bad]).bad[0].detail


@pytest.mark.parametrize("branch", [b"\x04", b"\x01", b"\x6f", b"\x80\x00"])
def test_a_branch_that_no_union_has_is_damage(make_search: MakeSearch, branch: bytes) -> None:
    value = make_search()
    at = value.index(b"\x14lacris-web") + 11
    assert reasons(read([value, value[:at] + branch + value[at + 1 :], value])) == {1: "damaged"}


def test_another_version_is_read_with_this_ones_columns_and_defaults(make_search: MakeSearch) -> None:
    writer = newer({"name": "extra", "type": ["null", "int"], "default": None}, without="galleries")
    out = io.BytesIO(confluent_head(3))
    out.seek(0, 2)
    record = {"event_id": str(uuid.uuid4()), "occurred_at": 0, "source": "s", "agency_id": "a", "extra": 5}
    fastavro.schemaless_writer(out, writer.parsed, record)
    decoded = read([out.getvalue(), make_search()], {3: writer})
    assert decoded.bad == []
    assert decoded.frame.schema == pl.Schema(column_types(SEARCH))
    assert decoded.frame["galleries"].to_list() == [[], []]


OTHER_SYMBOLS = {"type": "enum", "name": "Evidence", "symbols": ["DREAM", "LOOKUP"]}


@pytest.mark.parametrize(
    ("name", "kind", "value", "expected"),
    [
        ("unit", ["string", "null"], "x", "x"),
        ("unit", ["string", "null"], None, None),
        ("unit", "string", "as long as a text beyond twelve bytes", "as long as a text beyond twelve bytes"),
        ("unit", ["null", "bytes", "string"], b"exactly 12 b", "exactly 12 b"),
        ("unit", {"type": "string", "logicalType": "uuid"}, *["6f1f0a7e-0000-4000-8000-000000000002"] * 2),
        ("top_score", "int", 7, 7.0),
        ("top_score", ["null", "float"], 0.25, 0.25),
        ("candidates", "int", -(2**31), -(2**31)),
        (
            "evidence",
            {"type": "enum", "name": "Evidence", "symbols": ["DREAM", "LOOKUP"]},
            "LOOKUP",
            "LOOKUP",
        ),
        ("evidence", OTHER_SYMBOLS, "DREAM", "SEARCH"),
        ("galleries", {"type": "array", "items": "bytes"}, [b"a", b"b" * 40, b""], ["a", "b" * 40, ""]),
        (
            "attributes",
            {"type": "map", "values": ["string", "bytes"]},
            {"a": b"x", "b": "y"},
            {"a": "x", "b": "y"},
        ),
    ],
)
def test_what_avro_lets_a_client_write_instead_is_read(
    make_search: MakeSearch, name: str, kind: Any, value: Any, expected: Any
) -> None:
    writer = with_field(name, kind)
    assert unreadable(writer, SEARCH.current) is None
    decoded = read([make_search(), written(writer, **{name: value}), make_search()], {3: writer})
    assert decoded.bad == []
    assert decoded.frame[name].to_list()[1] == expected
    assert decoded.frame.schema == pl.Schema(column_types(SEARCH))


@pytest.mark.parametrize(
    ("logical", "number", "micros"),
    [("timestamp-millis", 5, 5_000), ("timestamp-micros", 5, 5), ("timestamp-nanos", 5_999, 5), (None, 5, 5)],
)
def test_times_in_other_units_mean_the_same_moment(logical: str | None, number: int, micros: int) -> None:
    kind = {"type": "long", "logicalType": logical} if logical else "long"
    plain = with_field("occurred_at", "long")
    decoded = read([written(plain, occurred_at=number)], {3: with_field("occurred_at", kind)})
    assert decoded.frame["occurred_at"].to_physical().to_list() == [micros]


def test_a_text_that_must_be_a_uuid_is_checked_whatever_the_client_calls_it() -> None:
    writer = with_field("event_id", "string")
    good, bad = written(writer), written(writer, event_id="x" * 36)
    decoded = read([good, bad], {3: writer})
    assert reasons(decoded) == {1: "damaged"}
    assert str(uuid.UUID(bytes=decoded.frame["event_id"][0])) == "6f1f0a7e-0000-4000-8000-000000000001"


def test_what_the_contract_does_not_have_is_walked_and_let_go(make_search: MakeSearch) -> None:
    inner = {
        "type": "record",
        "name": "In",
        "fields": [{"name": "n", "type": {"type": "map", "values": "bytes"}}],
    }
    strange = {
        "name": "strange",
        "type": [
            inner,
            {"type": "array", "items": "In"},
            {"type": "fixed", "name": "F", "size": 3},
            "double",
        ],
    }
    writer = newer(strange)
    values = [{"n": {"k": b"\xff"}}, [{"n": {}}, {"n": {"a": b""}}], b"abc", 0.5]
    decoded = read([written(writer, strange=value) for value in values], {3: writer})
    assert decoded.bad == []
    assert decoded.frame["agency_id"].to_list() == ["a"] * 4


def test_a_recursive_schema_is_refused_and_each_value_kept() -> None:
    node = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
    decoded = read([confluent_head(3) + b"x"], {3: newer({"name": "node", "type": node})})
    assert reasons(decoded) == {0: "unreadable"}
    assert "recursive" in decoded.bad[0].detail


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(
        st.tuples(
            st.none() | st.text(max_size=30),
            st.lists(st.text(max_size=20), max_size=4),
            st.dictionaries(st.text(max_size=14), st.text(max_size=14), max_size=3),
        ),
        min_size=1,
        max_size=8,
    ),
    cut=st.integers(0, 8),
)
def test_texts_of_any_length_come_back_beside_a_damaged_neighbour(texts: list[Any], cut: int) -> None:
    values = [
        written(SEARCH.current, unit=unit, galleries=some, attributes=pairs) for unit, some, pairs in texts
    ]
    values.insert(cut, written(SEARCH.current, galleries=["a", "b"])[:-4])
    decoded = read([*values], {3: SEARCH.current})
    assert list(reasons(decoded)) == [min(cut, len(texts))]
    for column, number in (("unit", 0), ("galleries", 1), ("attributes", 2)):
        assert decoded.frame[column].to_list() == [each[number] for each in texts]


def spoil(good: bytes, data: st.DataObject) -> bytes:
    spoiled = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(10, len(spoiled) - 1))
        match data.draw(st.sampled_from(["set", "cut", "put"])):
            case "set":
                spoiled[at] = data.draw(st.integers(0, 255))
            case "cut":
                del spoiled[at : at + data.draw(st.integers(1, 4))]
            case "put":
                spoiled[at:at] = data.draw(st.binary(min_size=1, max_size=4))
        if len(spoiled) <= 11:
            break
    return bytes(spoiled)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_batch_and_a_strict_reader_of_one_record_agree(
    make_search: MakeSearch, data: st.DataObject
) -> None:
    good = make_search(
        event_id="6f1f0a7e-0000-4000-8000-000000000001",
        attributes={"a": "b"},
        galleries=["x"],
        top_score=0.5,
        candidates=300,
        unit="é",
    )
    value = spoil(good, data)
    decoded = read([good, value, good[:-2], good])
    refused = reasons(decoded)
    assert refused[2] == "damaged"
    assert {0, 3} <= set(decoded.rows.tolist())
    try:
        record = strict_read(value)
    except Damaged:
        assert refused[1] == "damaged"
        return
    if 1 in refused:
        assert refused[1] in {"time_out_of_range", "holds_image"}
        return
    row = decoded.frame.row(1, named=True)
    micros = decoded.frame["occurred_at"].to_physical()[1]
    assert {**row, "occurred_at": micros, "event_id": uuid.UUID(bytes=row["event_id"])} == record


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.binary(max_size=40)), max_size=20))
def test_any_bytes_give_a_row_or_a_dead_letter_each(values: list[bytes | None]) -> None:
    decoded = read([*values])
    assert sorted([*decoded.rows.tolist(), *reasons(decoded)]) == list(range(len(values)))


def test_huge_values_are_dead_letters_and_are_never_copied(make_search: MakeSearch) -> None:
    """Forty of 64 MiB are more bytes than views can point into; here they are one value, forty times."""
    huge = b"\xc3\x01" + "\u0301".encode() * (32 << 20)
    values: list[bytes | None] = []
    for _ in range(40):
        values += [make_search(), huge]
    tracemalloc.start()
    try:
        decoded = read(values)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert decoded.rows.tolist() == list(range(0, 80, 2))
    assert reasons(decoded) == dict.fromkeys(range(1, 80, 2), "too_large")
    assert all(bad.withheld for bad in decoded.bad)


def test_outcomes_are_read_too() -> None:
    from schemas.wire import encode

    shape = contract("outcome")
    value = encode(
        shape, {"outcome_id": str(uuid.uuid4()), "agency_id": "lapd", "recorded_at": 0, "kind": "ARREST"}
    )
    assert read([value, b"x"], shape=shape).frame["kind"].to_list() == ["ARREST"]


def test_sha256_of_a_withheld_value_is_hex_of_its_bytes() -> None:
    from streams.withhold import sha256

    assert sha256(b"abc") == hashlib.sha256(b"abc").hexdigest()
