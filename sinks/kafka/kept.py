"""For how long Kafka keeps records of each topic."""

from __future__ import annotations

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

from schemas.settings import Settings

TIMEOUT = 5.0
NAMES = ("searches", "outcomes", "violations", "dead", "alert-state", "alert-commands")
"""Topics whose records may name a case or a person."""


def kept_by_kafka(settings: Settings) -> dict[str, int | None]:
    """Return the days for which each topic keeps a record; None where it keeps all, or the last of each key.

    Empty where the broker does not answer.
    """
    client = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 0, "client.id": "frwatch-kept"})
    resources = [ConfigResource(ResourceType.TOPIC, settings.topic(name)) for name in NAMES]
    found: dict[str, int | None] = {}
    try:
        for resource, future in client.describe_configs(resources, request_timeout=TIMEOUT).items():
            configs = future.result(TIMEOUT)
            milliseconds = int(configs["retention.ms"].value)
            compacted = configs["cleanup.policy"].value == "compact"
            found[resource.name] = None if compacted or milliseconds < 0 else -(-milliseconds // 86_400_000)
    except (KafkaException, KeyError, ValueError, TimeoutError):
        return {}
    return found
