from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sinks.kafka.topics import ensure_topics
from tests.support.collector import Collector
from tests.support.kafka import running_kafka
from tests.support.worker import Stack, stack_for

NO_ENGINE = "http://127.0.0.1:1"


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_kafka(tmp_path_factory.mktemp("kafka")) as address:
        yield address


@contextmanager
def topics_in(broker: str, home: Path) -> Iterator[Stack]:
    with stack_for(broker, NO_ENGINE, home, f"t{uuid.uuid4().hex[:8]}.") as stack:
        asyncio.run(ensure_topics(stack.settings(), partitions=4))
        yield stack


@pytest.fixture
def topics(broker: str, tmp_path: Path) -> Iterator[Stack]:
    """A broker with topics of this test; no engine and no worker."""
    with topics_in(broker, tmp_path) as stack:
        yield stack


@pytest.fixture(scope="package")
def running(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector that the tests share, with topics of its own."""
    home = tmp_path_factory.mktemp("running")
    with topics_in(broker, home) as stack:
        collector = Collector(stack)
        collector.start()
        yield collector
