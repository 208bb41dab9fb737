"""Which provider a host or URL belongs to, and how much reaching it says."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import unquote

from schemas.catalogue import Host, Provider
from schemas.hostname import normalise_host

MAX_ENDPOINT = 2048
"""How many characters of an endpoint are looked at."""

_SCHEME = re.compile(r"(?:(?:https?|wss?):(?=/)|[A-Za-z][A-Za-z0-9+.\-]*:(?=//))", re.IGNORECASE)
_BREAKS = str.maketrans("", "", "\t\r\n")


class Endpoint(NamedTuple):
    """A host in normal form and the path that follows it, `/` where there is none."""

    host: str
    path: str


class HostMatch(NamedTuple):
    """The provider whose host an endpoint is, and whether reaching that very place is weak evidence."""

    provider_id: str
    weak: bool


def parse_endpoint(text: str) -> Endpoint | None:
    """Return the host and path of a host, host:port or URL, or None where no host can be read.

    As browsers do: a backslash is a slash, what stands before the last `@` is no host, tabs and line breaks
    are nothing. The path comes in lower case, unescaped once, without dot segments.
    """
    text = as_browsers_do(text)
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :].lstrip("/") if scheme else text.lstrip("/")
    authority, path = _split(rest)
    host = normalise_host(authority)
    return None if host is None else Endpoint(host, _path(path))


def as_browsers_do(text: str) -> str:
    """Return what of an endpoint is looked at: a backslash is a slash, tabs and line breaks are nothing."""
    return text[:MAX_ENDPOINT].strip().translate(_BREAKS).replace("\\", "/")


class HostMatcher:
    """Matches hosts by whole labels from the right; of several entries the longest decides."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        self._entries: dict[str, tuple[str, Host]] = {
            host.host: (provider.id, host) for provider in providers for host in provider.hosts
        }

    @property
    def depth(self) -> int:
        """The number of path segments that matching looks at, at most."""
        pages = (page for _, host in self._entries.values() for page in host.public_pages)
        return max((page.count("/") for page in pages), default=0)

    def match(self, endpoint: Endpoint) -> HostMatch | None:
        """Return the provider of an endpoint, or None: `clearview.ai.example.com` is not `clearview.ai`."""
        found = self.find(endpoint)
        if found is None:
            return None
        entry, page = found
        return HostMatch(self._entries[entry.host][0], entry.strength == "weak" or page is not None)

    def find(self, endpoint: Endpoint) -> tuple[Host, str | None] | None:
        """Return the catalogue's host that decides on an endpoint, and which of its public pages it is."""
        host = endpoint.host
        while host:
            if host in self._entries:
                entry = self._entries[host][1]
                pages = (page for page in entry.public_pages if _is_under(endpoint.path, page))
                return entry, next(pages, None)
            host = host.partition(".")[2]
        return None


def _split(rest: str) -> tuple[str, str]:
    for index, character in enumerate(rest):
        if character in "/?#":
            return rest[:index], rest[index:]
    return rest, ""


def _path(text: str) -> str:
    path = unquote(text.partition("?")[0].partition("#")[0]).lower()
    return posixpath.normpath("/" + path.lstrip("/"))


def _is_under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")
