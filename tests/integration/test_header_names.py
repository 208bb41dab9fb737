"""A record whose header has a name that is no UTF-8 stops nobody."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from tests.integration.test_whole_way import fresh, stored
from tests.streams.conftest import MakeSearch
from tests.support.worker import Stack, until

PLACE = b"name-of-a-header"


def batch(values: list[bytes], codec: int) -> bytes:
    """A record batch; each record has a header whose name is bytes that begin no character."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, 1 << 20)
    for offset, value in enumerate(values):
        builder.append(offset, 1_700_000_000_000, b"k", value, [(PLACE.decode(), b"v")])
    builder._buffer = bytearray(bytes(builder._buffer).replace(PLACE, b"\xff" * len(PLACE)))
    return bytes(builder.build())


async def send(stack: Stack, topic: str, records: bytes) -> None:
    """Write a batch to partition 0, byte by byte as it is."""
    client = AIOKafkaClient(bootstrap_servers=stack.kafka)
    await client.bootstrap()
    try:
        await client.force_metadata_update()
        node = client.cluster.brokers().copy().pop().nodeId
        assert await client.ready(node)
        answer = await client.send(node, ProduceRequest(None, -1, 5_000, [(topic, [(0, records)])]))
        assert answer.topics[0][1][0][1] == 0, answer
    finally:
        await client.close()


@pytest.mark.parametrize("codec", [0, 1], ids=["plain", "gzip"])
def test_a_header_name_that_is_no_text_stops_no_partition(
    stack: Stack, make_search: MakeSearch, codec: int
) -> None:
    stack.start_worker()
    ids = fresh(300)
    values = [make_search(event_id=each) for each in ids]
    stack.produce("searches", values[:100], partition=0)
    asyncio.run(send(stack, f"{stack.prefix}searches", batch([*values[100:200], b"damaged"], codec)))
    stack.produce("searches", values[200:], partition=0)
    until(lambda: stored(stack, 300), "every search is a row, once")
    dead = "SELECT count() FROM frwatch.dead_letters WHERE kafka_topic = {topic}"
    until(lambda: stack.scalar(dead) == 1, "the damaged one is a dead letter")
    arrivals = "SELECT count() FROM frwatch.search_arrivals WHERE kafka_topic = {topic}"
    assert stack.scalar(arrivals) == 300
