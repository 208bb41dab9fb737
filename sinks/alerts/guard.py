"""Which addresses alerts may go to: none inside, where a destination's name could lead a request astray.

An alert's destination is a name, and names are in other hands. So it is the address that is judged, the one
that is then connected to: aiohttp asks `GuardedResolver`, and of what other libraries connect to Python's own
audit events tell, before it happens.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

REFUSED = "its address is not public; allow_private lets it be"

# Ways into IPv4 and into private networks that `is_global` does not tell, or not in every Python.
_HIDDEN = [
    ipaddress.ip_network(text)
    for text in (
        "::ffff:0:0/96",  # IPv4-mapped
        "::/96",  # IPv4-compatible
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "2002::/16",  # 6to4
        "2001::/32",  # Teredo
        "fec0::/10",  # site-local
        "100.64.0.0/10",  # shared by carriers
        "192.88.99.0/24",
    )
]


class AddressRefused(OSError):
    """An address is not public. It is an OSError so that libraries treat it as one they cannot reach."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet; False for what is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return (
        found.is_global
        and not found.is_multicast
        and not found.is_reserved
        and not any(found in network for network in _HIDDEN if network.version == found.version)
    )


class GuardedResolver(AbstractResolver):
    """Resolves for aiohttp; a name with any address that is not public is refused.

    aiohttp connects to the addresses that it returns, and resolves nothing again. It does not ask about hosts
    that are addresses: see `is_public`.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host.

        Raises:
            AddressRefused: one of them is not public.
            OSError: it has none.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        if not all(is_public(str(address[0])) for *_, address in found):
            raise AddressRefused(REFUSED)
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, proto, _, address in found
        ]

    async def close(self) -> None:
        """There is nothing to close."""


class Watch:
    """What a thread may connect to, and whether it tried anything else."""

    def __init__(self, *, allow_private: bool) -> None:
        self.allow_private = allow_private
        self.refused = False


_watch: ContextVar[Watch | None] = ContextVar("frwatch_alert_watch", default=None)
_state = {"hooked": False, "armed": False}


@contextmanager
def watching(*, allow_private: bool) -> Iterator[Watch]:
    """Refuse, within, every connection of this thread to an address that is not public, unless allowed."""
    _hook()
    watch = Watch(allow_private=allow_private)
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)


def arm() -> None:
    """From now on watch the threads of libraries too; for a process that does nothing but send alerts."""
    _hook()
    _state["armed"] = True


def _hook() -> None:
    if not _state["hooked"]:
        _state["hooked"] = True
        # It cannot be taken away again, by nobody.
        sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in ("socket.connect", "socket.sendto"):
        return
    watch = _watch.get()
    if watch is None:
        if not _state["armed"] or threading.current_thread() is threading.main_thread():
            return
    elif watch.allow_private:
        return
    address = arguments[1]
    host = str(address[0]) if isinstance(address, tuple) else ""
    if not is_public(host):
        if watch is not None:
            watch.refused = True
        raise AddressRefused(REFUSED)
