"""The broker loses count of a producer's batches: what aiokafka never gets over, frwatch does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, OutOfOrderSequenceNumber

from sinks.kafka.alert_log import AlertLog, Fenced
from sinks.kafka.steady_producer import SteadyProducer
from tests.support.worker import Stack

PARTITIONS = 4


def lose_count(producer: Any, topic: str, partitions: int) -> None:
    """Let the producer be ahead of the broker, as it is after it gave up a batch."""
    for number in range(partitions):
        producer._txn_manager.increment_sequence_number(TopicPartition(topic, number), 7)


@pytest.fixture
def topic(stack: Stack) -> str:
    return f"{stack.prefix}violations"


@pytest.fixture
async def producer(stack: Stack, topic: str) -> AsyncIterator[SteadyProducer]:
    """A producer whose first record is written."""
    producer = SteadyProducer(bootstrap_servers=stack.kafka, request_timeout_ms=60_000)
    await producer.start()
    await producer.send([(topic, b"k", b"before", None)])
    yield producer
    async with asyncio.timeout(20):
        await producer.stop()


async def test_after_a_refused_batch_records_are_written_by_a_new_producer(
    stack: Stack, topic: str, producer: SteadyProducer
) -> None:
    lose_count(producer._producer, topic, PARTITIONS)
    with pytest.raises(OutOfOrderSequenceNumber):
        await producer.send([(topic, b"k", b"refused", None)])
    await producer.send([(topic, b"k", b"after", None), (topic, b"other", b"beside", None)])
    values = [message.value() or b"" for message in stack.consume("violations")]
    assert sorted(values) == [b"after", b"before", b"beside"]


async def test_of_calls_side_by_side_each_is_told_of_its_own_and_one_producer_follows(
    stack: Stack, topic: str, producer: SteadyProducer
) -> None:
    lose_count(producer._producer, topic, PARTITIONS)
    calls = [producer.send([(topic, str(n).encode(), b"refused", None)]) for n in range(20)]
    ended = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 30)
    assert any(isinstance(each, KafkaError) for each in ended)
    assert all(each is None or isinstance(each, KafkaError) for each in ended)
    await producer.send([(topic, str(n).encode(), b"after", None) for n in range(20)])
    assert sum(message.value() == b"after" for message in stack.consume("violations")) == 20


async def test_who_waits_for_what_never_left_is_told_when_the_producer_is_given_up(
    topic: str, producer: SteadyProducer
) -> None:
    held: Any = producer._producer
    lose_count(held, topic, PARTITIONS)
    # The partition that has a record refuses the next; of a muted one no batch leaves meanwhile.
    keys = [b"k", b"a", b"b", b"c", b"d", b"e", b"f", b"g"]
    by_key = {key: held._partition(topic, None, None, None, key, b"") for key in keys}
    waiting = next(key for key, partition in by_key.items() if partition != by_key[b"k"])
    held._sender._muted_partitions.add(TopicPartition(topic, by_key[waiting]))
    calls = [producer.send([(topic, key, b"v", None)]) for key in (waiting, b"k")]
    ended = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 30)
    assert [isinstance(each, KafkaError) for each in ended] == [True, True]


async def test_a_producer_stops_within_seconds_though_what_it_holds_is_never_acknowledged(
    topic: str, producer: SteadyProducer
) -> None:
    held: Any = producer._producer
    # No batch of a muted partition leaves: what is sent there waits for ever.
    held._sender._muted_partitions.add(TopicPartition(topic, 0))
    waiting = await held.send(topic, b"v", partition=0)
    async with asyncio.timeout(20):
        await producer.stop()
    assert not waiting.done()


async def test_an_alert_log_that_the_broker_lost_count_of_is_opened_anew(stack: Stack) -> None:
    async with AlertLog(stack.settings()) as log:
        await log.commit([("a", b"1")], {})
        lose_count(log._producer, f"{stack.prefix}alert-state", 1)
        with pytest.raises(Fenced, match="lost count"):
            await log.commit([("b", b"2")], {})
    async with AlertLog(stack.settings()) as log:
        await log.commit([("c", b"3")], {})
        assert await log.read() == [("a", b"1"), ("c", b"3")]
