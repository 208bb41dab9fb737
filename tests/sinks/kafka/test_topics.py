import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource

from schemas.errors import NotThere
from schemas.settings import load_settings
from sinks.kafka.topics import ensure_topics
from tests.support.kafka import running_kafka


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_kafka(tmp_path_factory.mktemp("kafka")) as address:
        yield address


def _counts(broker: str) -> dict[str, int]:
    topics = AdminClient({"bootstrap.servers": broker}).list_topics(timeout=10).topics
    return {name: len(topic.partitions) for name, topic in topics.items() if not name.startswith("__")}


async def test_topics_are_made_once_and_stay_as_they_are(broker: str, tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, kafka=broker)
    await ensure_topics(settings)
    await ensure_topics(settings, partitions=3)
    assert _counts(broker) == {
        "fr.searches": 4,
        "fr.outcomes": 4,
        "fr.violations": 4,
        "fr.dead": 4,
        "fr.policies": 1,
        "fr.alert-state": 1,
        "fr.alert-commands": 1,
    }


async def test_two_at_once_agree(broker: str, tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, kafka=broker, topic_prefix="race.")
    await asyncio.gather(*(ensure_topics(settings, partitions=2) for _ in range(4)))
    assert _counts(broker)["race.searches"] == 2


async def test_policies_are_compacted_and_leaders_elected(broker: str, tmp_path: Path) -> None:
    await ensure_topics(load_settings(home=tmp_path, kafka=broker))
    client = AdminClient({"bootstrap.servers": broker})
    for name in ("fr.policies", "fr.alert-state"):
        resource = ConfigResource(ConfigResource.Type.TOPIC, name)
        assert client.describe_configs([resource])[resource].result()["cleanup.policy"].value == "compact"
    described = client.describe_topics(TopicCollection(["fr.searches"]))["fr.searches"].result()
    assert all(partition.leader is not None for partition in described.partitions)


async def test_a_broker_that_is_away_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinks.kafka.topics.TIMEOUT", 0.5)
    with pytest.raises(NotThere, match=r"Kafka at 127\.0\.0\.1:1 .*frwatch up"):
        await ensure_topics(load_settings(home=tmp_path, kafka="127.0.0.1:1"))
