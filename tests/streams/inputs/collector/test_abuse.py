"""Bombs, floods and clients that never come to the point are refused; the others notice nothing."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import socket
import threading
import time
import zlib
from collections.abc import Iterator

import psutil
import pytest

from deploy.local.ports import HOST
from streams.inputs.collector.arrival import ARRIVAL_SECONDS, MAX_BODY
from streams.inputs.collector.connection import GREETING_SECONDS, MAX_CONNECTIONS
from streams.inputs.collector.door import LINGER_SECONDS
from tests.streams.inputs.collector.conftest import topics_in
from tests.support.collector import Collector, Wire, search, stored_ids
from tests.support.worker import until

GIB = 1 << 30
MOST_MEMORY = 256 << 20
"""Bytes by which the service may grow: what all bodies may hold in hand is 64 MiB, packed and unpacked."""
PATIENT = 2.0
"""Seconds within which a good client is answered meanwhile, on a machine that does other things too."""


class Watch(threading.Thread):
    """A good client that reports all the time, and the service's memory meanwhile."""

    def __init__(self, collector: Collector, pid: int) -> None:
        super().__init__(daemon=True)
        self._collector = collector
        self._process = psutil.Process(pid)
        self._before = self._process.memory_info().rss
        self._over = threading.Event()
        self.accepted: list[str] = []
        self.slowest = 0.0
        self.grown = 0
        self.fault: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._over.wait(0.05):
                event, began = search(), time.monotonic()
                status, told, _ = self._collector.post(event)
                assert status == 202, told
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.accepted.append(event["event_id"])
                self.grown = max(self.grown, self._process.memory_info().rss - self._before)
        except BaseException as error:  # The test tells it.
            self.fault = error

    def end(self) -> None:
        """Check that nothing was noticed."""
        self._over.set()
        self.join(30)
        assert self.fault is None, self.fault
        assert self.accepted
        assert self.grown < MOST_MEMORY
        assert self.slowest < PATIENT
        found = stored_ids(self._collector.stack)
        assert set(self.accepted) <= set(found)
        print(
            f"\n{len(self.accepted)} good requests, the slowest {1000 * self.slowest:.0f} ms; "
            f"memory grew by {self.grown >> 20} MiB"
        )


@pytest.fixture(scope="module")
def abused(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Collector, int]]:
    """A collector that these tests share, and its pid."""
    with topics_in(broker, tmp_path_factory.mktemp("abused")) as stack:
        collector = Collector(stack)
        yield collector, collector.start().pid


@pytest.fixture
def collector(abused: tuple[Collector, int]) -> Collector:
    return abused[0]


@pytest.fixture
def watch(abused: tuple[Collector, int]) -> Iterator[Watch]:
    """A good client meanwhile; the test's end checks what it saw."""
    watch = Watch(*abused)
    watch.start()
    until(lambda: watch.accepted or watch.fault, "it is served")
    yield watch
    watch.end()


def bomb(size: int) -> bytes:
    """A gzip of so many zeros."""
    packer, zeros = zlib.compressobj(9, wbits=31), bytes(1 << 20)
    return b"".join(packer.compress(zeros) for _ in range(size >> 20)) + packer.flush()


@pytest.mark.usefixtures("watch")
def test_bombs_are_refused(collector: Collector) -> None:
    packed = bomb(GIB // 8)
    members = gzip.compress(bytes(MAX_BODY // 4)) * 1024
    for _ in range(5):
        assert collector.post(packed, Content_Encoding="gzip")[0] == 413
        assert collector.post(members, Content_Encoding="gzip")[0] == 413
    nested = gzip.compress(gzip.compress(packed))
    assert collector.post(nested, Content_Encoding="gzip")[0] == 400
    assert collector.post(nested, Content_Encoding="gzip, gzip")[0] == 415
    for deep in (b"[" * 10_000, b'{"attributes":' * 10_000, b"[" * 10_000 + b"]" * 10_000):
        assert collector.post(deep)[0] == 400
        status, told, _ = collector.post(deep + b"\n" + deep, content_type="application/x-ndjson")
        assert (status, told["refused"]) == (400, 2)


@pytest.mark.usefixtures("watch")
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_without_end_is_refused_and_cut_off(collector: Collector, chunked: bool) -> None:
    wire = Wire(collector.port)
    if chunked:
        wire.begin(0, Content_Length=None, Transfer_Encoding="chunked")
    else:
        wire.begin(GIB)
    block = bytes(1 << 20)
    block = b"100000\r\n" + block + b"\r\n" if chunked else block
    for _ in range(2 + MAX_BODY // len(block)):
        wire.send(block)
    assert wire.answer()[0] == 413
    began = time.monotonic()
    with contextlib.suppress(ConnectionError):
        # It goes on all the same, as fast as loopback takes it.
        while time.monotonic() - began < 10:
            wire.send(block)
    assert time.monotonic() - began < LINGER_SECONDS + 3


@pytest.mark.timeout(180)
def test_who_never_comes_to_the_point_is_let_go(collector: Collector, watch: Watch) -> None:
    heads = [Wire(collector.port, 1) for _ in range(100)]
    bodies = [Wire(collector.port, 1) for _ in range(100)]
    for wire in heads:
        wire.send(b"POST /v1/searches HTTP/1.1\r\nHost: x\r\n")
    for wire in bodies:
        wire.begin(1000)
    began = time.monotonic()
    ended: dict[int, float] = {}
    statuses: list[int] = []
    while len(ended) < len(heads) + len(bodies):
        assert time.monotonic() - began < ARRIVAL_SECONDS + 10
        for number, wire in enumerate([*heads, *bodies]):
            if number in ended:
                continue
            with contextlib.suppress(BlockingIOError, TimeoutError):
                try:
                    wire.send(b"X" if number < 100 else b" ")
                    wire.socket.setblocking(False)
                    if not wire.socket.recv(1, socket.MSG_PEEK):
                        raise ConnectionResetError
                    wire.socket.settimeout(1)
                    statuses.append(wire.answer()[0])
                    ended[number] = time.monotonic() - began
                except (ConnectionError, http.client.HTTPException):
                    ended[number] = time.monotonic() - began
                finally:
                    wire.socket.settimeout(1)
        time.sleep(0.2)
    assert max(ended[number] for number in range(100)) < GREETING_SECONDS + 5
    assert min(ended[number] for number in range(100)) > GREETING_SECONDS - 2
    assert statuses == [408] * len(bodies)
    assert watch.is_alive()


def test_a_flood_of_connections_keeps_no_client_out(collector: Collector, watch: Watch) -> None:
    flood = [Wire(collector.port) for _ in range(MAX_CONNECTIONS + 200)]
    before = len(watch.accepted)
    until(lambda: watch.fault or len(watch.accepted) > before + 20, "good clients are served")
    open_now = [
        each
        for each in psutil.Process(watch._process.pid).net_connections("tcp")
        if each.laddr and each.laddr.port == collector.port and each.status == psutil.CONN_ESTABLISHED
    ]
    assert len(open_now) <= MAX_CONNECTIONS + 2
    assert collector.log().count("connections turned away") < 12
    for wire in flood:
        wire.close()


def test_who_has_a_key_is_never_turned_away_for_a_newcomer(collector: Collector, watch: Watch) -> None:
    body = b"[]"
    known = Wire(collector.port)
    known.begin(len(body))
    known.send(body)
    assert known.answer()[0] == 400
    known.close()
    known = Wire(collector.port)
    known.begin(2, Content_Type="application/x-ndjson")
    known.send(b"7\n")
    assert known.answer()[0] == 422
    flood = [socket.create_connection((HOST, collector.port), 10) for _ in range(MAX_CONNECTIONS + 50)]
    known.begin(2, Content_Type="application/x-ndjson")
    known.send(b"7\n")
    assert known.answer()[0] == 422
    assert watch.is_alive()
    for each in flood:
        each.close()


@pytest.mark.usefixtures("watch")
def test_large_bodies_at_once_wait_for_room_or_are_told_to_come_again(collector: Collector) -> None:
    text = b'{"purpose": "' + b"x" * (MAX_BODY - 100) + b'"}'
    answers: list[tuple[int, int]] = []

    def one() -> None:
        status, told, headers = collector.post(text)
        answers.append((status, int(headers.get("Retry-After", 0))))

    threads = [threading.Thread(target=one) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == 24
    assert {status for status, _ in answers} <= {422, 503}
    assert all(after for status, after in answers if status == 503)
