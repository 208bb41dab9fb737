"""The topics of frwatch, made before anyone subscribes to them."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas.errors import NotThere
from schemas.settings import Settings

TIMEOUT = 15.0
SEARCH_PARTITIONS = 4
SIDE_PARTITIONS = 4
MESSAGE_BYTES = 2 * 1024 * 1024


async def ensure_topics(settings: Settings, partitions: int = SEARCH_PARTITIONS) -> None:
    """Make the topics that are missing, with three replicas or as many as there are brokers.

    Searches get `partitions` partitions; outcomes, violations and dead letters 4; policies and the state of
    alerts 1, compacted, and people's words on alerts 1.
    Topics that exist stay as they are. When this returns, every topic has a leader and can be written to.

    Raises:
        NotThere: the broker does not answer, or refuses; the text quotes it.
    """
    await asyncio.to_thread(_ensure, settings, partitions)


def _ensure(settings: Settings, partitions: int) -> None:
    client = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 0, "client.id": "frwatch-topics"})
    try:
        known = client.list_topics(timeout=TIMEOUT)
        replicas = min(3, len(known.brokers))
        wanted = _topics(settings, partitions, replicas)
        missing = [topic for topic in wanted if topic.topic not in known.topics]
        if missing:
            _await_created(client.create_topics(missing, request_timeout=TIMEOUT))
        _await_leaders(client, {topic.topic for topic in wanted})
    except KafkaException as error:
        reason = error.args[0].str()
        raise NotThere(
            f"Kafka at {settings.kafka} has not the topics of frwatch and they cannot be made: {reason}; "
            "check FRWATCH_KAFKA, or run `frwatch up` for a local one"
        ) from None


def _topics(settings: Settings, partitions: int, replicas: int) -> list[NewTopic]:
    counts = {
        "searches": partitions,
        "outcomes": SIDE_PARTITIONS,
        "violations": SIDE_PARTITIONS,
        "dead": SIDE_PARTITIONS,
        "policies": 1,
        "alert-state": 1,
        "alert-commands": 1,
    }
    # A dead letter carries the record it is about and headers beside it, so all take the largest record.
    sizes = {"max.message.bytes": str(MESSAGE_BYTES)}
    compacted = {name: {"cleanup.policy": "compact"} for name in ("policies", "alert-state")}
    return [
        NewTopic(
            settings.topic(name),
            num_partitions=count,
            replication_factor=replicas,
            config={**sizes, **compacted.get(name, {})},
        )
        for name, count in counts.items()
    ]


def _await_created(futures: dict[str, Future[None]]) -> None:
    for future in futures.values():
        try:
            future.result()
        except KafkaException as error:
            # Another process was making it at the same time.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def _await_leaders(client: AdminClient, names: set[str]) -> None:
    """A broker answers for a topic a moment after the controller made it."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        topics = client.list_topics(timeout=TIMEOUT).topics
        led = {
            name
            for name, topic in topics.items()
            if topic.partitions and all(partition.leader >= 0 for partition in topic.partitions.values())
        }
        if names <= led:
            return
        if time.monotonic() > deadline:
            raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
        time.sleep(0.02)
