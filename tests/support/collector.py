"""A real collector, as `frwatch collect` runs it, and clients that it knows."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime
from typing import Any

from deploy.local.ports import free_ports
from schemas.collector_clients import new_key, sha256_of_key
from schemas.contracts import TOPICS, contract
from streams.decode import decode
from streams.values import Values
from tests.support.openapi import check_answer
from tests.support.worker import Stack, until

Answer = tuple[int, dict[str, Any], dict[str, str]]
"""Status, answer and headers."""
KEYS = {name: new_key(name) for name in ("lacris-web", "county-hub", "slow-one")}
CLIENTS = f"""
clients:
  - id: lacris-web
    keys: [sha256:{sha256_of_key(KEYS["lacris-web"])}]
    agencies: [lapd]
    sources: [lacris-web, zeek/*]
    outcomes: true
    rate: 100000
  - id: county-hub
    keys: [sha256:{sha256_of_key(KEYS["county-hub"])}]
    agencies: "*"
    sources: [county-hub]
    rate: 100000
  - id: slow-one
    keys: [sha256:{sha256_of_key(KEYS["slow-one"])}]
    agencies: [lapd]
    sources: [slow-one]
    rate: 0.1
"""


def search(**fields: Any) -> dict[str, Any]:
    """A search of the LAPD as a client writes it, with an id of its own; whatever is said overrides it."""
    return {
        "event_id": str(uuid.uuid4()),
        "occurred_at": datetime.now(UTC).isoformat(),
        "source": "lacris-web",
        "agency_id": "lapd",
        "officer_id": "P12345",
        "provider": "LACRIS",
        **fields,
    }


def post(
    url: str,
    body: Any,
    path: str = "/v1/searches",
    *,
    client: str | None = "lacris-web",
    content_type: str = "application/json",
    tls: ssl.SSLContext | None = None,
    **headers: str,
) -> Answer:
    """Post bytes, or anything else as JSON, and return status, answer and headers.

    Every answer must be one that the OpenAPI document has.
    """
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}{path}", data, method="POST")
    request.add_header("Content-Type", content_type)
    if client is not None:
        request.add_header("Authorization", f"Bearer {KEYS[client]}")
    for name, value in headers.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=30, context=tls) as answer:
            given = answer.status, json.load(answer), dict(answer.headers)
    except urllib.error.HTTPError as error:
        given = error.code, json.load(error), dict(error.headers)
    check_answer(path, *given)
    return given


class Wire:
    """A connection on which a test says when each byte leaves."""

    def __init__(self, port: int, seconds: float = 30) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), seconds)

    def begin(
        self, length: int, path: str = "/v1/searches", client: str = "lacris-web", **more: str | None
    ) -> None:
        """Send the head of a request whose body has so many bytes; a header that is None is left out."""
        head = {
            "Host": "collector",
            "Content-Type": "application/json",
            "Content-Length": str(length),
            "Authorization": f"Bearer {KEYS[client]}",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items() if value is not None)
        self.send(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode())

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)

    def answer(self) -> Answer:
        """Wait for the answer; status, answer and headers.

        Raises:
            OSError, http.client.HTTPException: there is none.
        """
        answer = http.client.HTTPResponse(self.socket, method="POST")
        answer.begin()
        given = answer.status, json.loads(answer.read()), dict(answer.headers)
        check_answer("/v1/searches", *given)
        return given

    def close(self) -> None:
        """Let go."""
        self.socket.close()


class Collector:
    """One collector on a free port of loopback, and what it answers; with `tls`, what its callers show."""

    def __init__(self, stack: Stack, *, tls: ssl.SSLContext | None = None, **variables: str) -> None:
        self.tls = tls
        self.stack = stack
        self.port = free_ports(1)[0]
        self.clients = stack.home / "clients.yaml"
        self.clients.write_text(CLIENTS)
        self.variables = {
            "FRWATCH_COLLECT_LISTEN": f"127.0.0.1:{self.port}",
            "FRWATCH_COLLECT_CLIENTS": str(self.clients),
            **variables,
        }

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> subprocess.Popen[bytes]:
        """Start it and wait until it is ready."""
        process = self.stack.spawn("collect.log", ["collect"], **self.variables)

        sign = self.stack.home / "collector" / f"{process.pid}.json"

        def ready() -> bool:
            assert process.poll() is None, f"the collector ended with {process.returncode}: {self.log()}"
            return sign.exists() and bool(json.loads(sign.read_text())["ready"])

        until(ready, "the collector is ready")
        return process

    def post(
        self,
        body: Any,
        path: str = "/v1/searches",
        *,
        client: str | None = "lacris-web",
        content_type: str = "application/json",
        **headers: str,
    ) -> Answer:
        """Return status, answer and headers."""
        return post(self.url, body, path, client=client, content_type=content_type, tls=self.tls, **headers)

    def log(self) -> str:
        """All that it said."""
        return (self.stack.home / "collect.log").read_text(errors="replace")


def stored(stack: Stack, kind: str = "search") -> list[dict[str, Any]]:
    """What the topic of searches, or of outcomes, has, as workers read it; nothing of it may be damaged."""
    records = stack.consume(TOPICS[kind])
    if not records:
        return []
    decoded = decode(Values([record.value() for record in records]), contract(kind), {})
    assert not decoded.bad
    return decoded.frame.to_dicts()


def stored_ids(stack: Stack, kind: str = "search") -> list[str]:
    """The ids of what the topic has."""
    name = "event_id" if kind == "search" else "outcome_id"
    return [str(uuid.UUID(bytes=row[name])) for row in stored(stack, kind)]
