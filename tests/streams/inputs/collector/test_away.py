"""Kafka away: clients are told to come again, and what was acknowledged is there."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sinks.kafka.intake import PATIENCE
from sinks.kafka.topics import ensure_topics
from tests.streams.inputs.collector.conftest import NO_ENGINE
from tests.support.cluster import Cluster, running_cluster
from tests.support.collector import Collector, search, stored_ids
from tests.support.worker import stack_for, until


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with running_cluster(tmp_path / "brokers", brokers=1) as cluster:
        yield cluster


def test_clients_are_told_to_come_again_until_kafka_is_back(cluster: Cluster, tmp_path: Path) -> None:
    with stack_for(cluster.address, NO_ENGINE, tmp_path, "away.") as stack:
        asyncio.run(ensure_topics(stack.settings(), partitions=4))
        collector = Collector(stack)
        collector.start()
        events = [search() for _ in range(4)]
        assert collector.post(events[0])[0] == 202
        with cluster.frozen(1):
            began = time.monotonic()
            status, told, _ = collector.post([events[1], search(candidates=-1)])
            assert PATIENCE - 0.5 < time.monotonic() - began < PATIENCE + 2
            assert (status, told["type"]) == (503, "urn:frwatch:problem:kafka_away")
            assert [item["status"] for item in told["items"]] == ["unacknowledged", "refused"]
            began = time.monotonic()
            status, told, headers = collector.post(events[2])
            assert (status, int(headers["Retry-After"]) >= 1) == (503, True)
            assert time.monotonic() - began < 1, "who comes next is told at once"
            assert "nothing was taken" in told["detail"]
        until(lambda: collector.post(events[3])[0] == 202, "Kafka is back", 20)
        found = Counter(stored_ids(stack))
        accepted = {event["event_id"] for event in (events[0], events[3])}
        assert accepted <= set(found)
        assert set(found) <= accepted | {events[1]["event_id"]}, "what was refused at once is nowhere"
        assert found[events[1]["event_id"]] <= 1
        assert collector.log().count("Kafka does not acknowledge") == 1
        assert collector.log().count("Kafka acknowledges again") == 1
