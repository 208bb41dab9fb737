"""Fields of log lines: times, numbers and addresses, as several formats write them."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime

from schemas.moments import micros_of
from streams.inputs.importers.lines import BadLine

_SECONDS = re.compile(r"(\d{1,11})(?:\.(\d{1,9}))?")
# 1970 to 2199, in seconds.
_LAST = 7_258_118_400


def epoch(text: str) -> int:
    """Return seconds since 1970, as decimals, as microseconds, without going through a float.

    Raises:
        BadLine: it is no such number, or beyond 2199.
    """
    match = _SECONDS.fullmatch(text)
    if match is None or int(match[1]) >= _LAST:
        raise BadLine("its time is not seconds since 1970")
    return int(match[1]) * 1_000_000 + int(((match[2] or "") + "000000")[:6])


def micros(moment: datetime) -> int:
    """Return an aware time as microseconds since 1970, UTC.

    Raises:
        BadLine: it is before 1970 or beyond 2199.
    """
    found = micros_of(moment)
    if not 0 <= found < _LAST * 1_000_000:
        raise BadLine("its time is before 1970 or after 2199")
    return found


def iso(text: str) -> int:
    """Return an ISO 8601 time (UTC where it has no offset, as Zeek writes it) as microseconds.

    Raises:
        BadLine: it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadLine("its time is no ISO 8601 time") from None
    return micros(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def address(text: str | None) -> str | None:
    """Return an IP address in its shortest form, or None where the text is none.

    One of IPv4 that is written as IPv6 has, as a server for both families does, is one of IPv4.
    """
    if not text:
        return None
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(found.version == 6 and found.ipv4_mapped or found)


def clean(text: str | None, longest: int = 512) -> str | None:
    """Return a text that an event may hold: no control characters or lone surrogates, not too long."""
    if not text:
        return None
    kept = "".join(each for each in text[:longest] if each.isprintable())
    return kept.strip() or None
