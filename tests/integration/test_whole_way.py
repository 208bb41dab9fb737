"""An event goes the whole way: a real broker, a real engine, a worker as operators run it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import uuid
from typing import Any, cast

import fastavro
import pytest

from schemas.contracts import contract
from schemas.registry import Registry
from schemas.wire import confluent_head, encode
from tests.streams.conftest import MakeSearch
from tests.support.worker import Stack, stack_for, until

CLEARVIEW = {"provider": "Clearview AI", "endpoint": "https://app.clearview.ai/search"}
ROWS = "SELECT count(), uniqExact(event_id) FROM frwatch.searches WHERE kafka_topic = {topic}"


def violation_of(value: bytes) -> dict[str, Any]:
    shape = contract("violation").current.parsed
    return cast(dict[str, Any], fastavro.schemaless_reader(io.BytesIO(value[10:]), shape, None))


def stored(stack: Stack, count: int) -> bool:
    return stack.query(ROWS) == [(count, count)]


def test_a_search_becomes_a_row_and_its_violation_is_published(stack: Stack, make_search: MakeSearch) -> None:
    stack.start_worker()
    event_id = str(uuid.uuid4())
    values = [make_search(), make_search(event_id=event_id, training_cert="C-1", **CLEARVIEW)]
    stack.produce("searches", values)
    until(lambda: stored(stack, 2), "both searches are rows")
    (row,) = stack.query(
        "SELECT provider_id, provider_class, broken_rules, certainty, officer, endpoint_host"
        f" FROM frwatch.searches WHERE event_id = '{event_id}'"
    )
    assert row[:4] == ("clearview-ai", "commercial", ["lapd-fr/commercial-service"], "CONFIRMED")
    assert len(row[4]) == 64
    assert row[5] == "app.clearview.ai"
    published = [message.value() or b"" for message in stack.consume("violations")]
    found = [
        fastavro.schemaless_reader(io.BytesIO(v[10:]), contract("violation").current.parsed, None)
        for v in published
    ]
    ours = [violation for violation in found if str(violation["event_id"]) == event_id]
    assert [(v["policy_id"], v["rule_id"], v["severity"]) for v in ours] == [
        ("lapd-fr", "commercial-service", "CRITICAL")
    ]
    kept = stack.query(f"SELECT violation_id, officer FROM frwatch.violations WHERE event_id = '{event_id}'")
    assert kept == [(uuid.UUID(str(ours[0]["violation_id"])), row[4])]


def test_no_clear_name_is_stored(stack: Stack, make_search: MakeSearch) -> None:
    stack.start_worker()
    stack.produce("searches", [make_search(officer_id="P-CLEAR-1", requester="jane.roe@longbeach.example")])
    until(lambda: stored(stack, 1), "the search is a row")
    (row,) = stack.query("SELECT * FROM frwatch.searches WHERE kafka_topic = {topic}")
    assert "P-CLEAR-1" not in repr(row)
    assert "jane.roe" not in repr(row)
    assert "longbeach.example" in repr(row)


def test_bad_values_become_dead_letters_with_their_bytes_and_the_rest_goes_on(
    stack: Stack, make_search: MakeSearch
) -> None:
    stack.start_worker()
    image = make_search() + b"\xff\xd8\xff\xe0 the rest of a picture"
    bad = [b"junk", b"", None, make_search()[:-2], b"\xc3\x01" + b"x" * 30, image]
    good = [make_search() for _ in range(20)]
    mixed = [value for pair in zip(good, bad, strict=False) for value in pair] + good[len(bad) :]
    stack.produce("searches", mixed, partition=0)
    until(lambda: stored(stack, len(good)), "the good ones are rows")
    letters = stack.query(
        "SELECT reason FROM frwatch.dead_letters WHERE kafka_topic = {topic} ORDER BY kafka_offset"
    )
    reasons = [letter[0] for letter in letters]
    assert reasons == ["unknown_framing", "empty", "empty", "damaged", "unknown_schema", "damaged"]
    published = stack.consume("dead")
    assert sorted(message.value() or b"" for message in published) == sorted(
        [*(v or b"" for v in bad[:-1]), b""]
    )
    withheld = [
        dict(message.headers() or [])
        for message in published
        if b"withheld" in str(message.headers()).encode()
    ]
    assert [each["withheld"] for each in withheld] == [hashlib.sha256(image).hexdigest().encode()]
    assert {"reason", "detail", "topic", "partition", "offset"} <= withheld[0].keys()


def test_resent_events_count_once_and_the_first_wins(stack: Stack, make_search: MakeSearch) -> None:
    stack.start_worker()
    event_id = str(uuid.uuid4())
    first = make_search(event_id=event_id, case_number="first", **CLEARVIEW)
    stack.produce("searches", [first, first], partition=0)
    until(lambda: stored(stack, 1), "the first copy is a row")
    stack.produce(
        "searches", [first, make_search(event_id=event_id, case_number="later", **CLEARVIEW)], partition=1
    )
    stack.produce("searches", [make_search()], partition=1)
    until(lambda: stored(stack, 2), "what came after the copies is a row")
    assert stack.query(f"SELECT case_number FROM frwatch.searches WHERE event_id = '{event_id}'") == [
        ("first",)
    ]
    rules = stack.query(
        f"SELECT rule_id, count() FROM frwatch.violations WHERE event_id = '{event_id}' GROUP BY 1"
    )
    assert sorted(rules) == [("commercial-service", 1), ("training-certificate", 1)]


def test_outcomes_are_kept(stack: Stack) -> None:
    stack.start_worker()
    outcome = {"outcome_id": str(uuid.uuid4()), "agency_id": "lapd", "recorded_at": 0, "kind": "ARREST"}
    value = encode(contract("outcome"), outcome)
    stack.produce("outcomes", [value, value, b"junk"])
    sql = f"SELECT kind, agency_id FROM frwatch.outcomes WHERE outcome_id = '{outcome['outcome_id']}'"
    assert until(lambda: stack.query(sql), "the outcome is a row") == [("ARREST", "lapd")]


def test_both_framings_are_read_from_one_topic_with_a_real_registry(
    kafka: str, stack: Stack, registry: str, make_search: MakeSearch
) -> None:
    async def register() -> int:
        client = Registry(registry)
        try:
            return await client.register(f"{stack.prefix}searches-value", contract("search"))
        finally:
            await client.close()

    schema_id = asyncio.run(register())
    with stack_for(kafka, stack.clickhouse, stack.home, stack.prefix, registry) as known:
        known.start_worker()
        values = [make_search(schema_id=schema_id if i % 2 else None, **CLEARVIEW) for i in range(100)]
        unknown = confluent_head(999_999) + values[0][10:]
        known.produce("searches", [*values, unknown])
        until(lambda: stored(known, 100), "all are rows")
        letters = "SELECT reason FROM frwatch.dead_letters WHERE kafka_topic = {topic}"
        until(lambda: known.query(letters) == [("unknown_schema",)], "the unknown id is a dead letter")
        heads = {(message.value() or b"")[:1] for message in known.consume("violations")}
        assert heads == {b"\x00"}, "violations are Confluent-framed where a registry is configured"


@pytest.mark.parametrize("workers", [2])
def test_workers_share_the_partitions_and_sigterm_stops_one_within_ten_seconds(
    stack: Stack, make_search: MakeSearch, workers: int
) -> None:
    first, _second = [stack.start_worker() for _ in range(workers)]
    stack.produce("searches", [make_search() for _ in range(2000)])
    until(lambda: stored(stack, 2000), "all are rows")
    stack.produce("searches", [make_search() for _ in range(500)])
    first.terminate()
    assert first.wait(10) == 0, stack.worker_log()
    stack.produce("searches", [make_search() for _ in range(500)])
    until(lambda: stored(stack, 3000), "the other worker stores the rest")
