"""No alert goes to an address inside, whatever its destination is called, unless that is allowed."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.alerts.apprise import AppriseChannel
from sinks.alerts.guard import REFUSED, is_public
from sinks.alerts.webhook import WebhookChannel
from tests.sinks.alerts.test_webhook import SECRET, message
from tests.support.receiver import Receiver, receiving

INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "hooks.example",
    "",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111"])
def test_an_address_of_the_internet_is(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4).filter(lambda address: not address.is_global))
def test_no_private_address_hides_in_another(address: Any) -> None:
    number = int(address)
    for prefix in ("::ffff:", "::", "64:ff9b::"):
        assert not is_public(f"{prefix}{number >> 16:x}:{number & 0xFFFF:x}")
    assert not is_public(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::")


@pytest.fixture
def inside() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def names(receiver: Receiver) -> list[str]:
    port = receiver.url.rpartition(":")[2]
    hosts = ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "[::ffff:127.0.0.1]"]
    return [f"{host}:{port}" for host in hosts]


async def test_a_webhook_reaches_nothing_inside_by_any_name(inside: Receiver) -> None:
    for host in names(inside):
        channel = WebhookChannel(f"https://{host}/x", SECRET, timeout=5, at_once=1)
        outcome = await channel.send(message())
        await channel.close()
        assert (outcome.result, outcome.error) == ("failed", REFUSED), host
    assert inside.requests == []


async def test_apprise_reaches_nothing_inside_by_any_name(inside: Receiver) -> None:
    for host in names(inside)[:2]:
        channel = AppriseChannel(f"json://{host}/x", timeout=20, at_once=1)
        outcome = await channel.send(message())
        await channel.close()
        assert (outcome.result, outcome.error) == ("failed", REFUSED), host
    assert inside.requests == []


async def test_both_reach_it_where_it_is_allowed(inside: Receiver) -> None:
    host = inside.url.removeprefix("http://")
    for channel in (
        WebhookChannel(f"http://{host}/x", SECRET, timeout=5, at_once=1, allow_private=True),
        AppriseChannel(f"json://{host}/x", timeout=20, at_once=1, allow_private=True),
    ):
        assert (await channel.send(message())).result == "delivered"
        await channel.close()
    assert len(inside.taken) == 2


async def test_a_name_that_changes_its_address_after_it_was_looked_at_gains_nothing(
    inside: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was checked is what is connected to; a name that answers otherwise later is checked again."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def rebinding(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        if host != "rebind.example":
            return real(host, port, *rest, **options)
        asked.append(host)
        address = "8.8.8.8" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port)))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    port = inside.url.rpartition(":")[2]
    webhook = WebhookChannel(f"https://rebind.example:{port}/x", SECRET, timeout=1, at_once=1)
    for _ in range(2):
        assert (await webhook.send(message())).result == "failed"
    assert len(asked) == 2, "once for each attempt"
    await webhook.close()
    service = AppriseChannel(f"json://rebind.example:{port}/x", timeout=20, at_once=1)
    assert (await service.send(message())).error == REFUSED
    assert inside.requests == []


async def test_a_redirect_is_not_followed(inside: Receiver) -> None:
    with receiving(lambda _: (307, {"location": f"{inside.url}/inside"}, 0.0)) as outside:
        webhook = WebhookChannel(f"{outside.url}/x", SECRET, timeout=5, at_once=1, allow_private=True)
        outcome = await webhook.send(message())
        assert (outcome.result, outcome.http_status) == ("failed", 307)
        await webhook.close()
        host = outside.url.removeprefix("http://")
        service = AppriseChannel(f"json://{host}/x", timeout=20, at_once=1, allow_private=True)
        assert (await service.send(message())).result == "failed"
        assert len(outside.requests) == 2
    assert inside.requests == []


def test_a_thread_of_a_librarys_own_is_watched_too_once_armed() -> None:
    """In a process of its own: what is armed stays armed."""
    code = """
import socket, threading
from sinks.alerts.guard import AddressRefused, arm
server = socket.create_server(("127.0.0.1", 0))
found = []
def reach():
    try:
        socket.create_connection(server.getsockname(), 5)
    except AddressRefused:
        found.append("refused")
arm()
thread = threading.Thread(target=reach); thread.start(); thread.join()
socket.create_connection(server.getsockname(), 5)
print(found)
"""
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "['refused']", done.stderr


def test_what_is_not_watched_connects_as_ever(inside: Receiver) -> None:
    port = int(inside.url.rpartition(":")[2])
    thread = threading.Thread(target=lambda: socket.create_connection(("127.0.0.1", port), 5).close())
    thread.start()
    thread.join()
    assert asyncio.iscoroutinefunction(WebhookChannel.send)
