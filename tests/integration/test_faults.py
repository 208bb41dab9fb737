"""The short form of the fault suite: things are killed, and nothing is lost or counted twice."""

from __future__ import annotations

import asyncio
import signal
import threading
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from schemas.agencies import load_agencies
from schemas.fault_point import POINTS, VARIABLE
from schemas.policies import parse_policies
from schemas.published import to_record
from schemas.settings import Settings
from schemas.yaml_file import Source
from sinks.clickhouse.migrate import migrate
from sinks.kafka.policy_log import write_policies
from sinks.kafka.topics import ensure_topics
from tests.integration.test_whole_way import CLEARVIEW, fresh, stored
from tests.streams.conftest import MakeSearch
from tests.support.clickhouse import RunningClickHouse, running_clickhouse
from tests.support.worker import Stack, stack_for, until

EVENTS = 20_000


@pytest.fixture
def feed(stack: Stack, make_search: MakeSearch) -> Iterator[threading.Thread]:
    """Searches that keep coming for a few seconds, 2 % of them forbidden."""
    values = [make_search(**(CLEARVIEW if i % 50 == 0 else {})) for i in range(EVENTS)]

    def send() -> None:
        for start in range(0, EVENTS, 500):
            stack.produce("searches", values[start : start + 500])

    thread = threading.Thread(target=send)
    thread.start()
    yield thread
    thread.join()


def once(stack: Stack) -> None:
    until(lambda: stored(stack, EVENTS), "every search is there, once")
    raw = stack.scalar("SELECT count() FROM frwatch.searches_raw WHERE kafka_topic = {topic}")
    assert raw == EVENTS, "a range was inserted twice"
    found = stack.query(
        "SELECT count(), uniqExact(event_id) FROM frwatch.violations"
        " WHERE kafka_topic = {topic} AND rule_id = 'commercial-service'"
    )
    assert found == [(EVENTS // 50, EVENTS // 50)]


def _stores(stack: Stack, sql: str, before: int, feed: threading.Thread) -> bool:
    return bool(stack.scalar(sql) > before) or not feed.is_alive()


def test_workers_that_are_killed_lose_and_repeat_nothing(stack: Stack, feed: threading.Thread) -> None:
    sql = "SELECT count() FROM frwatch.searches_raw WHERE kafka_topic = {topic}"
    for _ in range(2):
        victim = stack.start_worker()
        before = stack.scalar(sql)
        until(partial(_stores, stack, sql, before, feed), "it stores")
        victim.kill()
        victim.wait()
    stack.start_worker()
    once(stack)


def publish_step(stack: Stack, step: int) -> str:
    """Publish a policy whose one rule `r{step}` every search breaks, and return the set's version."""
    text = (
        'policy: step\ntitle: t\nagencies: "*"\neffective: {from: 2000-01-01}\n'
        f"rules: [{{id: r{step}, title: t, severity: LOW, when: evidence = 'SEARCH'}}]"
    )
    policies = parse_policies([Source("step", text)], load_agencies(stack.settings().agencies))
    key, value = to_record(policies, datetime.now(UTC))
    asyncio.run(write_policies(stack.settings(), key, value))
    return policies.version


def killed_at(points: Sequence[str], stack: Stack, make_search: MakeSearch) -> None:
    """Kill a worker at each of the places, with other policies in force each time, and count."""
    versions: dict[str, str] = {}
    ids: list[str] = []
    for step, point in enumerate([*points, ""]):
        versions[publish_step(stack, step)] = f"r{step}"
        new = fresh(200)
        ids += new
        values: list[bytes | None] = [make_search(event_id=each) for each in new]
        stack.produce("searches", [*values, b"damaged"])
        worker = stack.spawn_worker(**({VARIABLE: point} if point else {}))
        if point:
            assert worker.wait(60) == -signal.SIGKILL, f"{point}: {stack.worker_log()}"
    until(lambda: stored(stack, len(ids)), "every search is there, once")
    dead = "SELECT count() FROM frwatch.dead_letters WHERE kafka_topic = {topic}"
    until(lambda: stack.scalar(dead) == len(points) + 1, "every dead letter is there, once")
    raw = stack.scalar("SELECT count() FROM frwatch.searches_raw WHERE kafka_topic = {topic}")
    assert raw == len(ids), "a range was inserted twice"
    judged = stack.query(
        "SELECT policies_version, broken_rules, groupArray(v.rule_id) AS found, count()"
        " FROM frwatch.searches AS s LEFT JOIN frwatch.violations AS v ON v.event_id = s.event_id"
        " WHERE s.kafka_topic = {topic} GROUP BY s.event_id, policies_version, broken_rules"
    )
    assert len(judged) == len(ids)
    for version, broken, found, count in judged:
        rule = versions[version]
        assert (broken, found, count) == ([f"step/{rule}"], [rule], 1), "one version judged each search"


def test_a_worker_killed_between_two_tables_leaves_one_judgement_of_each_search(
    stack: Stack, make_search: MakeSearch
) -> None:
    killed_at(["inserted-violations"], stack, make_search)


def test_an_engine_with_too_many_parts_is_asked_again_until_it_has_room(
    stack: Stack, make_search: MakeSearch
) -> None:
    """What the engine refuses is not lost, and what part of it it took is not repeated."""
    stack.start_worker()
    ids = fresh(300)
    stack.produce("searches", [make_search(event_id=each, **CLEARVIEW) for each in ids[:100]])
    until(lambda: stored(stack, 100), "the first are rows")
    stack.command("ALTER TABLE frwatch.violations_raw MODIFY SETTING parts_to_throw_insert = 1")
    try:
        stack.produce("searches", [make_search(event_id=each, **CLEARVIEW) for each in ids[100:]])
        until(lambda: "code=252" in stack.worker_log(), "the worker says that it tries again")
    finally:
        stack.command("ALTER TABLE frwatch.violations_raw RESET SETTING parts_to_throw_insert")
    until(lambda: stored(stack, 300), "all are rows, once")
    found = (
        "SELECT count(), uniqExact(event_id) FROM frwatch.violations"
        " WHERE kafka_topic = {topic} AND rule_id = 'commercial-service'"
    )
    until(lambda: stack.query(found) == [(300, 300)], "so are their findings")
    assert stack.scalar("SELECT count() FROM frwatch.searches_raw WHERE kafka_topic = {topic}") == 300
    assert stack.scalar("SELECT count() FROM frwatch.search_arrivals WHERE kafka_topic = {topic}") == 300


def test_rows_that_the_engine_refuses_are_dead_letters_and_the_others_rows(
    kafka: str, tmp_path: Path, make_search: MakeSearch
) -> None:
    """A constraint of the operator's own; what it refuses can be sent again once it is gone."""
    with running_clickhouse(tmp_path / "clickhouse") as engine:
        asyncio.run(migrate(Settings(clickhouse=SecretStr(engine.url))))
        with stack_for(kafka, engine.url, tmp_path, f"t{uuid.uuid4().hex[:8]}.") as stack:
            asyncio.run(ensure_topics(stack.settings(), partitions=4))
            stack.command("ALTER TABLE frwatch.searches_raw ADD CONSTRAINT u CHECK ifNull(unit, '') != 'bad'")
            stack.start_worker()
            bad, good = fresh(3), fresh(500)
            values: list[bytes | None] = [make_search(event_id=each, **CLEARVIEW) for each in good]
            for at, each in zip((7, 150, 400), bad, strict=True):
                values.insert(at, make_search(event_id=each, unit="bad"))
            stack.produce("searches", values)
            until(lambda: stored(stack, 500), "the others are rows, once")
            dead = "SELECT reason, detail, hex(value) FROM frwatch.dead_letters WHERE kafka_topic = {topic}"
            until(lambda: len(stack.query(dead)) >= len(bad), "and then what was refused a dead letter")
            found = stack.query(dead)
            detail = (
                "table searches: VIOLATED_CONSTRAINT (469): a constraint of the operator's refuses a value"
            )
            originals = sorted(
                value.hex().upper() for value in (values[7], values[150], values[400]) if value
            )
            assert [row[:2] for row in found] == [("refused", detail)] * 3
            assert sorted(row[2] for row in found) == originals, "each with its bytes"
            assert len(stack.consume("dead")) == 3
            arrivals = "SELECT count() FROM frwatch.search_arrivals WHERE kafka_topic = {topic}"
            assert stack.scalar(arrivals) == 500, "no piece was stored twice"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_worker_killed_at_any_step_loses_and_repeats_nothing(stack: Stack, make_search: MakeSearch) -> None:
    killed_at(POINTS, stack, make_search)


@pytest.mark.slow
def test_an_engine_that_is_killed_loses_and_repeats_nothing(
    kafka: str, tmp_path: Path, make_search: MakeSearch
) -> None:
    data = tmp_path / "clickhouse"
    values = [make_search(**(CLEARVIEW if i % 50 == 0 else {})) for i in range(EVENTS)]

    def kill(engine: RunningClickHouse) -> int:
        engine.process.kill()
        engine.process.wait()
        return engine.port

    with running_clickhouse(data) as engine:
        asyncio.run(migrate(Settings(clickhouse=SecretStr(engine.url))))
        with stack_for(kafka, engine.url, tmp_path, f"t{uuid.uuid4().hex[:8]}.") as stack:
            asyncio.run(ensure_topics(stack.settings(), partitions=4))
            stack.start_worker()
            stack.produce("searches", values[: EVENTS // 2])
            sql = "SELECT count() FROM frwatch.searches_raw WHERE kafka_topic = {topic}"
            until(lambda: stack.scalar(sql) > 0, "rows are coming")
            port = kill(engine)
            stack.produce("searches", values[EVENTS // 2 :])
            with running_clickhouse(data, port) as again:
                kill_at = stack.scalar(sql)
                until(lambda: stack.scalar(sql) > kill_at, "rows are coming again")
                kill(again)
                with running_clickhouse(data, port):
                    once(stack)


@pytest.mark.slow
def test_a_worker_that_was_frozen_past_its_session_repeats_nothing(
    stack: Stack, feed: threading.Thread
) -> None:

    frozen = stack.start_worker()
    sql = "SELECT count() FROM frwatch.searches_raw WHERE kafka_topic = {topic}"
    until(lambda: stack.scalar(sql) > 0, "it stores")
    frozen.send_signal(signal.SIGSTOP)
    stack.start_worker()
    until(lambda: stored(stack, EVENTS), "the other worker stores all", 60)
    frozen.send_signal(signal.SIGCONT)
    once(stack)
