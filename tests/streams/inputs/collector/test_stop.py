"""Told to end, the collector answers whoever has begun a request, and what it acknowledges is in Kafka."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time

import pytest

from streams.inputs.collector.service import PARTING_SECONDS
from tests.support.collector import Collector, Wire, search, stored_ids
from tests.support.worker import Stack, until

ENDS_WITHIN = 10.0


@pytest.fixture
def collector(topics: Stack) -> Collector:
    return Collector(topics)


@pytest.fixture
def process(collector: Collector) -> subprocess.Popen[bytes]:
    return collector.start()


def refuses(port: int) -> bool:
    """Whether nobody is let in any more."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return False
    except OSError:
        return True


def half_sent(collector: Collector, body: bytes) -> Wire:
    """A connection on which half of a body has been read."""
    wire = Wire(collector.port)
    wire.begin(len(body), Expect="100-continue")
    # The answer to Expect shows that the body is being read.
    assert wire.socket.recv(64).startswith(b"HTTP/1.1 100")
    wire.send(body[: len(body) // 2])
    return wire


def test_a_body_that_ends_after_sigterm_is_taken_and_is_in_kafka(
    collector: Collector, process: subprocess.Popen[bytes]
) -> None:
    event = search()
    body = json.dumps(event).encode()
    wire = half_sent(collector, body)
    process.terminate()
    until(lambda: refuses(collector.port), "nobody new is let in")
    wire.send(body[len(body) // 2 :])
    status, told, headers = wire.answer()
    assert (status, told["accepted"], headers["Connection"]) == (202, 1, "close")
    assert process.wait(ENDS_WITHIN) == 0
    assert stored_ids(collector.stack) == [event["event_id"]]


def test_a_body_that_never_ends_is_answered_503_and_not_waited_for(
    collector: Collector, process: subprocess.Popen[bytes]
) -> None:
    wires = [half_sent(collector, json.dumps(search()).encode()) for _ in range(20)]
    began = time.monotonic()
    process.terminate()
    for wire in wires:
        status, told, headers = wire.answer()
        assert (status, told["type"]) == (503, "urn:frwatch:problem:ending")
        assert int(headers["Retry-After"]) > 0
    assert time.monotonic() - began < PARTING_SECONDS
    assert process.wait(ENDS_WITHIN) == 0
    assert stored_ids(collector.stack) == []


def test_who_asks_nothing_is_not_waited_for(collector: Collector, process: subprocess.Popen[bytes]) -> None:
    silent, idle = Wire(collector.port), Wire(collector.port)
    body = json.dumps(search()).encode()
    idle.begin(len(body))
    idle.send(body)
    assert idle.answer()[0] == 202
    began = time.monotonic()
    process.terminate()
    assert process.wait(ENDS_WITHIN) == 0
    assert time.monotonic() - began < 3
    for wire in (silent, idle):
        with pytest.raises((http.client.HTTPException, OSError)):
            wire.answer()
