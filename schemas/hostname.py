"""Host names in one form: lower case, A-labels, no port, no trailing dot."""

from __future__ import annotations

import ipaddress
import re
from functools import cache
from typing import Any
from urllib.parse import unquote

import idna
from publicsuffixlist import PublicSuffixList

MAX_AUTHORITY = 1024
"""The length, in characters, beyond which the part of a URL that names the host names none."""

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_PORT = re.compile(r":[0-9]*$")


def normalise_host(authority: str) -> str | None:
    """Return the host of `[user[:password]@]host[:port]`, or None where there is none that DNS could have.

    A name comes back in lower case as A-labels (IDNA 2008 after UTS 46 mapping), without a trailing dot; an
    address in its shortest form, IPv6 without brackets. An underscore is kept: DNS has such names.
    """
    if len(authority) > MAX_AUTHORITY:
        return None
    host = authority.rpartition("@")[2].strip()
    if host.startswith("["):
        inside, bracket, after = host[1:].partition("]")
        return _ipv6(inside) if bracket and (not after or _PORT.fullmatch(after)) else None
    if host.count(":") > 1:
        return _ipv6(host)
    host = _PORT.sub("", host)
    if "%" in host:
        host = unquote(host, errors="strict") if _is_utf8_escaped(host) else ""
    if host.isascii():
        host = host.lower()
    else:
        try:
            host = idna.encode(host, uts46=True, transitional=False).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    host = host.removesuffix(".")
    if not host or len(host) > 253 or not all(map(_LABEL.fullmatch, host.split("."))):
        return None
    return host


def is_address(host: str) -> bool:
    """Whether a normalised host is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether a host to listen on is reached from this machine alone; the one name is `localhost`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_public_suffix(host: str) -> bool:
    """Whether anybody may register names under a normalised host, by the Public Suffix List.

    So it is with `co.uk`, `ai`, `github.io`, and with a top-level domain that the list does not know.
    """
    return bool(_suffixes().is_public(host))


@cache
def _suffixes() -> Any:
    # Its own copy of the list: nothing is fetched.
    return PublicSuffixList()


def _ipv6(text: str) -> str | None:
    try:
        return str(ipaddress.IPv6Address(text.partition("%")[0]))
    except ValueError:
        return None


def _is_utf8_escaped(text: str) -> bool:
    try:
        unquote(text, errors="strict")
    except UnicodeDecodeError:
        return False
    return True
