"""The ids of topics: one that is deleted and made anew has the same name and another id.

aiokafka speaks versions of Metadata that have no ids, so version 10 (KIP-516, Kafka 2.8) is written down here
in its terms. librdkafka's admin client has them too, but tries a broker that is away again without a pause,
which costs a worker half a core for as long as it is away.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, NodeNotReadyError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from schemas.errors import NotThere
from schemas.settings import Settings

_NAME = CompactString("utf-8")
_NO_ID = bytes(16)


class _Uuid(AbstractType):  # type: ignore[misc]
    """16 bytes."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32), ("host", _NAME), ("port", Int32), ("rack", _NAME), ("tags", TaggedFields)
            ),
        ),
        ("cluster_id", _NAME),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", _NAME),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition_index", Int32),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("replica_nodes", CompactArray(Int32)),
                        ("isr_nodes", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("topic_authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataRequest(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", _NAME), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _Metadata(Request[_MetadataRequest]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics: list[Any] = [(_NO_ID, topic, {}) for topic in topics]

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._topics, False, False, False, {})


async def ask_topic_ids(settings: Settings, topics: Iterable[str]) -> dict[str, bytes]:
    """Return the same by a client of its own.

    Raises:
        NotThere: no broker answers, or there is no such topic.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka, client_id="frwatch-topics")
    try:
        await admin.start()
        return await topic_ids(admin, topics)
    except (KafkaError, OSError) as error:
        raise NotThere(
            f"Kafka at {settings.kafka} does not tell of {', '.join(topics)} ({type(error).__name__}); "
            "start it with `frwatch up`, or set FRWATCH_KAFKA"
        ) from error
    finally:
        await admin.close()


async def topic_ids(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> dict[str, bytes]:
    """Return the 16-byte id of each topic.

    Raises:
        KafkaError: no broker answers, or there is no such topic.
    """
    client = admin._client
    nodes = [broker.nodeId for broker in client.cluster.brokers()]
    random.shuffle(nodes)
    for node in nodes:
        if await client.ready(node):
            answer = await client.send(node, _Metadata(sorted(topics)))
            break
    else:
        # Perhaps they have moved.
        await client.force_metadata_update()
        raise NodeNotReadyError("no broker answers")
    found = {}
    for error_code, name, topic_id, *_ in answer.topics:
        error = for_code(error_code)
        if error_code or topic_id == _NO_ID:
            raise (error if error_code else UnknownTopicOrPartitionError)(name)
        found[name] = bytes(topic_id)
    return found
