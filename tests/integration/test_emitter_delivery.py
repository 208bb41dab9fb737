"""What the emitter's deliveries do with a real broker's and registry's answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas.settings import Settings
from streams.inputs.emitter import Emitter
from streams.inputs.emitter.slots import Slots
from streams.inputs.emitter.spool import Limits
from tests.integration.conftest import fresh_prefix
from tests.support.worker import Stack, stack_for, until

PLAIN = {"source": "test", "agency_id": "lapd"}


@pytest.fixture
def bare(kafka: str, tmp_path: Path) -> Iterator[Stack]:
    """A broker, and no topics yet."""
    with stack_for(kafka, "http://127.0.0.1:1", tmp_path, fresh_prefix()) as stack:
        yield stack


def make_topic(stack: Stack, **config: str) -> None:
    client = AdminClient({"bootstrap.servers": stack.kafka, "log_level": 0})
    topic = NewTopic(f"{stack.prefix}searches", 1, 1, config=config)
    client.create_topics([topic])[topic.topic].result(15)


def settings_of(stack: Stack, **more: object) -> Settings:
    return stack.settings().model_copy(update=more)


def test_what_the_broker_will_never_take_is_put_aside_and_stops_no_other(
    bare: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    make_topic(bare, **{"max.message.bytes": "600"})
    settings = settings_of(bare)
    with Emitter(settings=settings, strict=True, **PLAIN) as emitter:
        for number in range(60):
            emitter.emit(case_number=str(number), purpose="long words " * 200 if number % 20 == 5 else None)
        assert emitter.drain(30)
        assert emitter.counts().unsendable == 3
    # Batches of small ones are split by the client, or sent one by one; none of them is lost.
    assert len({record.value() for record in bare.consume("searches", 1)}) == 57
    assert "will never take" in caplog.text
    [state] = Slots(settings.spool_folder, Limits()).states()
    assert (state.held.events, state.held.refused) == (0, 3)


def test_events_wait_for_a_topic_that_is_not_there_yet(bare: Stack) -> None:
    with Emitter(settings=settings_of(bare), strict=True, **PLAIN) as emitter:
        emitter.emit(case_number="1")
        assert not emitter.drain(0.5)
        make_topic(bare)
        assert emitter.drain(60)
    assert len(bare.consume("searches", 1)) == 1


def test_values_are_framed_for_a_registry_where_one_is_configured(bare: Stack, registry: str) -> None:
    make_topic(bare)
    away = settings_of(bare, schema_registry="http://127.0.0.1:1/apis/ccompat/v7")
    emitter = Emitter(settings=away, strict=True, **PLAIN)
    emitter.emit(case_number="1")
    began = time.monotonic()
    until(lambda: time.monotonic() - began > 0.3, "it has tried")
    assert emitter.counts().sent == 0, "without the registry it waits"
    emitter.close(0)
    with Emitter(settings=settings_of(bare, schema_registry=registry), strict=True, **PLAIN) as emitter:
        emitter.emit(case_number="2")
        assert emitter.drain(30)
    heads = [(record.value() or b"")[:1] for record in bare.consume("searches", 1)]
    assert heads == [b"\0", b"\0"]
