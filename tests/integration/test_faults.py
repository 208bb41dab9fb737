"""The short form of the fault suite: things are killed, and nothing is lost or counted twice."""

from __future__ import annotations

import asyncio
import signal
import threading
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr

from schemas.settings import Settings
from sinks.clickhouse.migrate import migrate
from sinks.kafka.topics import ensure_topics
from tests.integration.test_whole_way import CLEARVIEW, stored
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
