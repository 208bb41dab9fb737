from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from schemas.settings import Settings
from sinks.clickhouse.migrate import migrate
from sinks.kafka.topics import ensure_topics
from tests.streams.conftest import make_search as make_search
from tests.support.clickhouse import RunningClickHouse, running_clickhouse
from tests.support.kafka import fresh_prefix as fresh_prefix
from tests.support.registry import running_registry
from tests.support.worker import Stack, stack_for


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClickHouse]:
    with running_clickhouse(tmp_path_factory.mktemp("clickhouse")) as engine:
        asyncio.run(migrate(Settings(clickhouse=SecretStr(engine.url))))
        yield engine


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_registry(tmp_path_factory.mktemp("registry")) as url:
        yield url


@pytest.fixture
def stack(kafka: str, clickhouse: RunningClickHouse, tmp_path: Path) -> Iterator[Stack]:
    """A broker and an engine, with topics that only this test writes to, and no worker yet."""
    with stack_for(kafka, clickhouse.url, tmp_path, fresh_prefix()) as stack:
        asyncio.run(ensure_topics(stack.settings(), partitions=4))
        yield stack


@pytest.fixture(scope="module")
def running(
    kafka: str, clickhouse: RunningClickHouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The same with one worker that the tests of a module share."""
    home = tmp_path_factory.mktemp("running")
    with stack_for(kafka, clickhouse.url, home, fresh_prefix()) as stack:
        asyncio.run(ensure_topics(stack.settings(), partitions=4))
        stack.start_worker()
        yield stack
