"""The broker loses count of a producer's batches: what aiokafka never gets over, frwatch does."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, OutOfOrderSequenceNumber

from sinks.kafka.alert_log import AlertLog, Fenced
from sinks.kafka.steady_producer import SteadyProducer
from tests.support.worker import Stack


def lose_count(producer: object, partition: TopicPartition) -> None:
    """Let the producer be ahead of the broker, as it is after it gave up a batch."""
    producer._txn_manager.increment_sequence_number(partition, 7)  # type: ignore[attr-defined]


async def test_after_a_refused_batch_records_are_written_by_a_new_producer(stack: Stack) -> None:
    topic = f"{stack.prefix}violations"
    producer = SteadyProducer(bootstrap_servers=stack.kafka)
    await producer.start()
    try:
        await producer.send([(topic, b"k", b"before", None)])
        for number in range(4):
            lose_count(producer._producer, TopicPartition(topic, number))
        with pytest.raises(OutOfOrderSequenceNumber):
            await producer.send([(topic, b"k", b"refused", None)])
        await producer.send([(topic, b"k", b"after", None), (topic, b"other", b"beside", None)])
    finally:
        await producer.stop()
    values = [message.value() or b"" for message in stack.consume("violations")]
    assert sorted(values) == [b"after", b"before", b"beside"]


async def test_of_calls_side_by_side_each_is_told_of_its_own_and_one_producer_follows(stack: Stack) -> None:
    topic = f"{stack.prefix}violations"
    producer = SteadyProducer(bootstrap_servers=stack.kafka)
    await producer.start()
    try:
        await producer.send([(topic, b"k", b"before", None)])
        for number in range(4):
            lose_count(producer._producer, TopicPartition(topic, number))
        calls = [producer.send([(topic, str(n).encode(), b"refused", None)]) for n in range(20)]
        ended = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 30)
        assert any(isinstance(each, KafkaError) for each in ended)
        assert all(each is None or isinstance(each, KafkaError) for each in ended)
        await producer.send([(topic, str(n).encode(), b"after", None) for n in range(20)])
    finally:
        await producer.stop()
    assert sum(message.value() == b"after" for message in stack.consume("violations")) == 20


async def test_a_producer_stops_within_seconds_of_a_broker_that_answers_nothing(stack: Stack) -> None:
    producer = SteadyProducer(bootstrap_servers=stack.kafka, request_timeout_ms=60_000)
    await producer.start()
    # A partition that no broker leads: what is sent there waits for ever.
    partition = TopicPartition(f"{stack.prefix}violations", 0)
    producer._producer._sender._muted_partitions.add(partition)  # type: ignore[union-attr]
    waiting = asyncio.create_task(producer._producer.send_and_wait(*partition[:1], b"v", partition=0))  # type: ignore[union-attr]
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        await producer.stop()
    waiting.cancel()


async def test_an_alert_log_that_the_broker_lost_count_of_is_opened_anew(stack: Stack) -> None:
    state = TopicPartition(f"{stack.prefix}alert-state", 0)
    async with AlertLog(stack.settings()) as log:
        await log.commit([("a", b"1")], {})
        lose_count(log._producer, state)
        with pytest.raises(Fenced, match="lost count"):
            await log.commit([("b", b"2")], {})
    async with AlertLog(stack.settings()) as log:
        await log.commit([("c", b"3")], {})
        assert await log.read() == [("a", b"1"), ("c", b"3")]
