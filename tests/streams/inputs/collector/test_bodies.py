"""Every format of body becomes the records that it says, each item of a batch answered by itself."""

from __future__ import annotations

import gzip
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from streams.inputs.collector.openapi import EXAMPLES
from streams.inputs.event import Kind
from tests.support.bodies import FORMATS, IDENTITY, MANY, PATHS, Body, outcome
from tests.support.collector import Answer, Collector, search, stored

FULL = {
    "source_version": "4.2.1",
    "unit": "Robbery-Homicide",
    "requesting_agency_id": "lasd",
    "requester": "someone@lasd.org",
    "endpoint": "https://lacris.example/search",
    "galleries": ["lacris-booking"],
    "case_number": "26-000123",
    "crime_type": "robbery",
    "purpose": "investigation",
    "probe_hash": "ab" * 32,
    "candidates": 12,
    "top_score": 0.5,
    "client_ip": "10.1.2.3",
    "attributes": {"workstation": "ws17"},
}


def send(collector: Collector, kind: Kind, body: Body) -> Answer:
    return collector.post(body.data, PATHS[kind], content_type=body.content_type, **body.headers)


def made(form: str, *events: dict[str, Any]) -> Body:
    """A body with these searches."""
    return FORMATS[form]("search", [json.dumps(event) for event in events], {})


def by_id(collector: Collector, kind: Kind = "search") -> dict[str, list[dict[str, Any]]]:
    """The topic's rows by their id."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in stored(collector.stack, kind):
        found.setdefault(str(uuid.UUID(bytes=row[IDENTITY[kind]])), []).append(row)
    return found


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_search_is_the_record_that_it_says(running: Collector, form: str, packed: bool) -> None:
    event = search(**FULL, occurred_at="2026-11-14T12:00:00.250001-08:00")
    body = FORMATS[form]("search", [json.dumps(event)], {})
    status, told, _ = send(running, "search", body.packed() if packed else body)
    assert (status, told["accepted"], told["items"][0]["event_id"]) == (202, 1, event["event_id"])
    (row,) = by_id(running)[event["event_id"]]
    assert row["occurred_at"] == datetime(2026, 11, 14, 20, 0, 0, 250_001, tzinfo=UTC)
    assert {name: row[name] for name in FULL if name != "attributes"} == {
        name: value for name, value in FULL.items() if name != "attributes"
    }
    assert dict(row["attributes"]) == FULL["attributes"]
    assert row["evidence"] == "SEARCH"


@pytest.mark.parametrize("form", FORMATS)
def test_an_outcome_is_the_record_that_it_says(running: Collector, form: str) -> None:
    event = outcome(kind="ARREST", case_number="26-1")
    assert send(running, "outcome", FORMATS[form]("outcome", [json.dumps(event)], {}))[0] == 202
    (row,) = by_id(running, "outcome")[event["outcome_id"]]
    assert (row["kind"], row["agency_id"], row["case_number"]) == ("ARREST", "lapd", "26-1")


@pytest.mark.parametrize("form", MANY)
def test_each_item_of_a_batch_is_answered_by_itself(running: Collector, form: str) -> None:
    events = [search(), search(occurred_at="yesterday", candidates=-1), search(), search(source="other")]
    status, told, _ = send(running, "search", made(form, *events))
    assert (status, told["accepted"], told["refused"]) == (207, 2, 2)
    assert [item["index"] for item in told["items"]] == [0, 1, 2, 3]
    assert [item["status"] for item in told["items"]] == ["accepted", "refused", "accepted", "refused"]
    errors = told["items"][1]["problem"]["errors"]
    assert [error["pointer"] for error in errors] == ["/occurred_at", "/candidates"]
    assert told["items"][3]["problem"]["type"] == "urn:frwatch:problem:not_allowed"
    found = by_id(running)
    assert [each["event_id"] in found for each in events] == [True, False, True, False]


@pytest.mark.parametrize("form", MANY)
def test_a_batch_of_which_nothing_is_taken_says_each_fault_by_index(running: Collector, form: str) -> None:
    body = made(form, search(candidates="x"), search(officer_id=7))
    status, told, _ = send(running, "search", body)
    assert (status, told["accepted"], told["refused"]) == (422, 0, 2)
    assert [error["pointer"] for error in told["errors"]] == ["/0/candidates", "/1/officer_id"]
    assert [item["status"] for item in told["items"]] == ["refused", "refused"]


@pytest.mark.parametrize("form", MANY)
def test_a_batch_of_one_is_a_batch(running: Collector, form: str) -> None:
    status, told, _ = send(running, "search", made(form, search(candidates=-1)))
    assert (status, told["errors"][0]["pointer"], len(told["items"])) == (422, "/0/candidates", 1)


def test_a_line_that_is_no_json_is_refused_alone(running: Collector) -> None:
    lines = [json.dumps(search()), "{", '"text"', "", json.dumps(search())]
    body = "\r\n".join(lines).encode()
    status, told, _ = running.post(body, content_type="application/x-ndjson; charset=UTF-8")
    assert (status, told["accepted"], told["refused"]) == (207, 2, 2)
    assert [item["status"] for item in told["items"]] == ["accepted", "refused", "refused", "accepted"]
    assert "no JSON (line 1" in told["items"][1]["problem"]["errors"][0]["detail"]


def test_a_line_separator_of_unicode_ends_no_line(running: Collector) -> None:
    event = search(purpose="a\u2028b\u0085c")
    text = json.dumps(event, ensure_ascii=False)
    status, _, _ = running.post(text.encode(), content_type="application/jsonl")
    assert status == 202
    assert by_id(running)[event["event_id"]][0]["purpose"] == "a\u2028b\u0085c"


def test_a_byte_order_mark_and_a_gzip_of_several_members_are_read(running: Collector) -> None:
    text = b"\xef\xbb\xbf" + json.dumps(search()).encode()
    assert running.post(text)[0] == 202
    packed = gzip.compress(text[:20]) + gzip.compress(text[20:])
    assert running.post(packed, Content_Encoding="gzip")[0] == 202
    for damaged in (packed[:-9], packed + b"\0\0", b"\x1f\x8b", text, b""):
        status, told, _ = running.post(damaged, Content_Encoding="gzip")
        assert (status, told["type"]) == (400, "urn:frwatch:problem:malformed")


@pytest.mark.parametrize("sends", ["structured", "binary"])
def test_the_envelope_lends_what_the_event_does_not_say(running: Collector, sends: str) -> None:
    data = {
        name: value for name, value in search().items() if name in ("agency_id", "officer_id", "provider")
    }
    moment = datetime(2026, 11, 14, 12, 30, tzinfo=UTC)
    attributes = {"type": "frwatch.search", "source": "lacris-web", "id": "run/17 ü", "time": moment}
    event = CloudEvent(attributes | {"specversion": "1.0", "datacontenttype": "application/json"}, data)
    message = to_structured_event(event) if sends == "structured" else to_binary_event(event)
    body = message.body if isinstance(message.body, bytes) else message.body.encode()
    headers = {name: value for name, value in message.headers.items() if name.lower() != "content-type"}
    media = next(value for name, value in message.headers.items() if name.lower() == "content-type")
    answers = [running.post(body, content_type=media, **headers) for _ in range(2)]
    assert [answer[0] for answer in answers] == [202, 202], answers
    # An id that is no UUID names one event still: who sends it again says the same event_id.
    (first,), (second,) = (answer[1]["items"] for answer in answers)
    assert first["event_id"] == second["event_id"]
    rows = by_id(running)[first["event_id"]]
    assert {(row["source"], row["occurred_at"]) for row in rows} == {("lacris-web", moment)}


def test_what_is_sent_again_is_taken_again_under_its_id(running: Collector) -> None:
    """The tables count it once: tests/integration/test_inputs.py."""
    event = search()
    assert [running.post(event)[0] for _ in range(3)] == [202, 202, 202]
    assert len({json.dumps(row, default=str) for row in by_id(running)[event["event_id"]]}) == 1


@pytest.mark.parametrize("kind", ["search", "outcome"])
def test_the_example_of_the_document_is_taken(running: Collector, kind: Kind) -> None:
    assert running.post(EXAMPLES[kind], PATHS[kind])[0] == 202
