"""What is shared by the tests of several rooms; it starts when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.demo.scenario import Scenario
from tests.support.kafka import fresh_prefix, running_kafka
from tests.support.played import playing
from tests.support.worker import Stack


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_kafka(tmp_path_factory.mktemp("kafka")) as address:
        yield address


@pytest.fixture(scope="session")
def played(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Scenario]]:
    """The demo's scenario, sent and stored: what is asked of it may not change by what is sent again."""
    with playing(kafka, tmp_path_factory.mktemp("played"), fresh_prefix()) as played:
        yield played
