from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

from tests.support.clickhouse import RunningClickHouse, running_clickhouse


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]


@dataclass
class Asker:
    """Plain HTTP, as curl would speak it."""

    port: int

    def __call__(
        self,
        body: bytes | str = b"",
        *,
        method: str = "POST",
        headers: dict[str, str] | None = None,
        **url: str,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            data = body.encode() if isinstance(body, str) else body
            connection.request(method, f"/?{urlencode(url)}", body=data, headers=headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), dict(answer.getheaders()))
        finally:
            connection.close()

    def chunks(self, parts: Sequence[bytes], query: str = "", *, hang_up: bool = False) -> bytes:
        """Send a body piece by piece, each as an HTTP chunk of its own; `hang_up` before its end."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as line:
            target = f"/?{urlencode({'query': query})}" if query else "/"
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            line.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            for part in parts:
                line.sendall(b"%x\r\n%s\r\n" % (len(part), part))
            if hang_up:
                return b""
            line.sendall(b"0\r\n\r\n")
            out = b""
            while piece := line.recv(65536):
                out += piece
            return out


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClickHouse]:
    with running_clickhouse(tmp_path_factory.mktemp("clickhouse-http")) as running:
        yield running


@pytest.fixture
def ask(server: RunningClickHouse) -> Asker:
    asker = Asker(server.port)
    asker("DROP TABLE IF EXISTS t")
    window = "non_replicated_deduplication_window = 9"
    answer = asker(f"CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS {window}")
    assert answer.status == 200, answer.body
    return asker
