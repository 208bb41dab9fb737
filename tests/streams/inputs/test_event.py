"""What is taken is what workers take; what is refused is refused with every fault named and no value told."""

from __future__ import annotations

import base64
import json
import math
import time
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.contracts import contract
from schemas.wire import encode
from streams.decode import decode
from streams.inputs.event import BadEvent, Fault, Kind, key_of, read_event
from streams.inputs.fault import MAX_FAULTS
from streams.values import Values
from streams.withhold import image_texts
from tests.streams.images import IMAGES, TEMPLATES, WRITTEN, png

ID = "0b0e7f5e-6c43-4b0e-9a39-3d8f7e0c1a52"
SEARCH: dict[str, Any] = {
    "event_id": ID,
    "occurred_at": "2020-11-14T12:00:00-08:00",
    "source": "lacris-web",
    "agency_id": "lapd",
}
OUTCOME: dict[str, Any] = {
    "outcome_id": ID,
    "agency_id": "lapd",
    "recorded_at": "2020-11-14T12:00:00Z",
    "kind": "LEAD",
}


def faults(data: Any, kind: Kind = "search") -> list[tuple[str, str]]:
    with pytest.raises(BadEvent) as caught:
        read_event(kind, data)
    return [(fault.pointer, fault.code) for fault in caught.value.faults]


def test_a_search_becomes_a_record_with_all_fields() -> None:
    record = read_event("search", {**SEARCH, "officer_id": "P1", "candidates": 3, "top_score": 0.5})
    assert record.keys() == {field["name"] for field in contract("search").fields}
    assert record["occurred_at"] == 1_605_384_000_000_000
    assert (record["evidence"], record["galleries"], record["attributes"]) == ("SEARCH", [], {})
    assert key_of("search", record) == b"lapd/P1"
    assert key_of("search", read_event("search", SEARCH)) == b"lapd/"
    assert encode(contract("search"), record)


def test_an_outcome_becomes_a_record_with_all_fields() -> None:
    record = read_event("outcome", {**OUTCOME, "event_id": uuid.UUID(ID), "kind": "ARREST"})
    assert record["event_id"] == ID
    assert read_event("outcome", OUTCOME)["event_id"] is None
    assert key_of("outcome", record) == b"lapd"
    assert encode(contract("outcome"), record)


def test_records_share_no_list() -> None:
    read_event("search", SEARCH)["galleries"].append("one")
    assert read_event("search", SEARCH)["galleries"] == []


def test_all_faults_are_told_at_once() -> None:
    assert faults({"occurred_at": "yesterday", "agency_id": " ", "vendor": "x", "candidates": True}) == [
        ("/vendor", "unknown_field"),
        ("/event_id", "missing"),
        ("/occurred_at", "format"),
        ("/source", "missing"),
        ("/agency_id", "missing"),
        ("/candidates", "type"),
    ]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("event_id", "0b0e7f5e", "format"),
        ("event_id", 7, "type"),
        ("event_id", str(uuid.UUID(int=0)), "format"),
        ("occurred_at", "2020-11-14T12:00:00", "format"),
        ("occurred_at", datetime(2020, 11, 14), "format"),  # noqa: DTZ001
        ("occurred_at", 1_605_384_000, "type"),
        ("occurred_at", "1969-12-31T23:59:59Z", "range"),
        ("occurred_at", "2200-01-01T00:00:00Z", "range"),
        ("occurred_at", "0001-01-01T00:00:00+14:00", "range"),
        ("evidence", "search", "format"),
        ("evidence", [], "format"),
        ("source", "a\0b", "format"),
        ("source", "\ud800", "format"),
        ("source", "x" * 4097, "too_long"),
        ("agency_id", "frwatch-canary", "reserved"),
        ("agency_id", " FRwatch-Canary", "reserved"),
        ("candidates", False, "type"),
        ("candidates", 1.0, "type"),
        ("candidates", -1, "range"),
        ("candidates", 2**31, "range"),
        ("top_score", math.nan, "range"),
        ("top_score", math.inf, "range"),
        ("top_score", 10**400, "range"),
        ("top_score", "0.5", "type"),
        ("top_score", True, "type"),
        ("galleries", "booking", "type"),
        ("galleries", ["g"] * 65, "too_many"),
        ("attributes", ["a"], "type"),
        ("attributes", {f"a{n}": "x" for n in range(65)}, "too_many"),
        ("provider", b"\x89PNG", "image"),
        ("provider", np.zeros((4, 4)), "image"),
        ("provider", {"a": 1}, "type"),
    ],
)
def test_a_value_that_is_not_what_it_must_be_is_refused(field: str, value: Any, code: str) -> None:
    assert faults({**SEARCH, field: value}) == [(f"/{field}", code)]


def test_faults_inside_lists_and_objects_have_their_own_pointers() -> None:
    assert faults({**SEARCH, "galleries": ["one", 2], "attributes": {"shift": 2, "": "x"}}) == [
        ("/galleries/1", "type"),
        ("/attributes/shift", "type"),
        ("/attributes", "type"),
    ]


def test_a_record_above_64_kib_is_refused() -> None:
    texts = [f"{number} x" * 700 for number in range(64)]
    assert faults({**SEARCH, "galleries": texts}) == [("", "too_long")]


@pytest.mark.parametrize("data", [None, [], "x", 3, [SEARCH]])
def test_what_is_no_object_is_refused(data: Any) -> None:
    assert faults(data) == [("", "type")]


@pytest.mark.parametrize("name", ["probe_image", "face_template", "Mugshot.JPG", "imageBase64"])
def test_a_field_or_attribute_that_is_named_as_an_image_is_refused(name: str) -> None:
    assert faults({**SEARCH, name: "x"})[0][1] == "image"
    assert faults({**SEARCH, "attributes": {name: "x"}})[0][1] == "image"


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("place", ["purpose", "galleries", "value", "name", "field"])
def test_an_image_is_refused_wherever_it_stands_and_no_part_of_it_is_told(written: str, place: str) -> None:
    text = WRITTEN[written](IMAGES["jpeg"](400, 7)).replace("\0", "")
    data: dict[str, Any] = {
        "purpose": {**SEARCH, "purpose": text},
        "galleries": {**SEARCH, "galleries": ["one", text]},
        "value": {**SEARCH, "attributes": {"note": text}},
        "name": {**SEARCH, "attributes": {text: "x"}},
        "field": {**SEARCH, text: "x"},
    }[place]
    with pytest.raises(BadEvent) as caught:
        read_event("search", data)
    told = str(caught.value) + repr(caught.value.faults)
    assert not any(text[at : at + 12] in told for at in range(0, len(text) - 12, 4))


@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_template_is_refused(kind: str) -> None:
    assert faults({**SEARCH, "purpose": TEMPLATES[kind](5)[:4000]}) == [("/purpose", "image")]


def test_an_image_or_a_template_in_pieces_is_refused() -> None:
    numbers = json.loads(TEMPLATES["floats"](3))[:60]
    spread = {f"v{n}": str(number) for n, number in enumerate(numbers)}
    assert faults({**SEARCH, "attributes": spread}) == [("/attributes", "image")]
    assert faults({**SEARCH, "galleries": list(spread.values())}) == [("/galleries", "image")]
    whole = base64.b64encode(png(400, 3)).decode()
    parts = {f"p{at}": whole[at : at + 100] for at in range(0, len(whole), 100)}
    assert faults({**SEARCH, "attributes": parts})[0][1] == "image"


def test_many_faults_are_cut_short() -> None:
    found = faults({f"x{number}": 1 for number in range(5000)})
    assert len(found) == 101
    assert found[-1] == ("", "too_many")


TEXT = st.text(max_size=40)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    TEXT,
    st.binary(max_size=8),
    st.lists(TEXT | st.integers(), max_size=4),
    st.dictionaries(TEXT, TEXT | st.integers(), max_size=4),
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-8))]) | st.none()),
    st.uuids(),
)
NAMES = st.sampled_from([field["name"] for field in contract("search").fields]) | TEXT


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=12))
def test_any_data_is_a_record_that_workers_take_or_is_refused_in_words(data: dict[str, Any]) -> None:
    try:
        record = read_event("search", SEARCH | data)
    except BadEvent as error:
        refused: tuple[Fault, ...] | None = error.faults
    else:
        refused = None
    if refused is not None:
        assert refused
        assert all(isinstance(fault, Fault) and fault.detail for fault in refused)
        return
    decoded = decode(Values([encode(contract("search"), record)]), contract("search"), {})
    assert not decoded.bad
    assert decoded.frame["agency_id"].to_list() == [record["agency_id"]]


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(WRITTEN)),
    st.sampled_from(sorted(IMAGES)),
    st.integers(0, 999),
    st.integers(0, 300),
    st.text("abcdefgh XYZ019-+/=%\\\"':,.\r\n\ufffdé", max_size=300),
    st.booleans(),
)
def test_a_text_of_one_record_is_judged_as_workers_judge_it(
    written: str, kind: str, seed: int, size: int, prose: str, before: bool
) -> None:
    carried = WRITTEN[written](IMAGES[kind](size, seed))[: size * 3]
    text = (prose + carried if before else carried + prose).encode(errors="replace").decode()
    value = encode(contract("search"), read_event("search", SEARCH) | {"purpose": text})
    judged = bool(decode(Values([value]), contract("search"), {}).bad)
    assert (image_texts([text]) == [0]) is judged


@settings(max_examples=200, deadline=None)
@given(
    st.datetimes(min_value=datetime(1970, 1, 3), max_value=datetime(2199, 12, 29), timezones=st.timezones())
)
def test_a_moment_keeps_its_microseconds(moment: datetime) -> None:
    as_text = read_event("search", {**SEARCH, "occurred_at": moment.isoformat()})["occurred_at"]
    as_value = read_event("search", {**SEARCH, "occurred_at": moment})["occurred_at"]
    assert as_value == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert as_text == as_value


def test_fields_without_end_are_refused_at_once() -> None:
    began = time.process_time()
    found = faults({**SEARCH, **{f"k{number}": 1 for number in range(300_000)}})
    assert time.process_time() - began < 0.5
    assert len(found) == MAX_FAULTS + 1
    assert found[-1] == ("", "too_many")
