"""Squid's native access log: `%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import numpy as np

from streams.inputs.importers.fields import address, epoch
from streams.inputs.importers.lines import Bad, BadLine, Lines
from streams.inputs.importers.sighting import Attempt, Status
from streams.inputs.importers.zeek import http_status

FIELDS = 10
_SPACE, _POINT = 0x20, 0x2E
_TIME = 10
"""Where the decimal point of a time stands, from 2001 to 2286."""
_LINE = re.compile(
    r"(\d{10,11}\.\d{3}) +-?\d+ (\S+) ([A-Z][A-Z_]*)/(\d{3}|-) -?\d+ (\S+) (\S+) (\S+) \S+/\S+ \S+"
)
_FAILED = ("ABORTED", "TIMEDOUT", "TIMEOUT", "FAIL")
HINT = re.compile(rb"\d{10,11}\.\d{3} +-?\d+ \S+ [A-Z][A-Z_]*/(?:\d{3}|-) ")
"""What a line of this log begins with."""


class Squid:
    """The native format; a line is malformed where it has not ten fields or no time at its beginning."""

    name = "squid"
    # The URL may hold credentials, and a field a person's name: which one, nobody can tell any more.
    withholds = True
    state: Mapping[str, Any] = {}

    def shape(self, lines: Lines) -> tuple[int, list[Bad]]:
        """Return how many lines are empty, and the malformed ones."""
        array = lines.array
        begins = np.flatnonzero((array[1:] > _SPACE) & (array[:-1] == _SPACE)) + 1
        counts = lines.counts(begins) + 1
        point = np.minimum(lines.starts + _TIME, len(array) - 1)
        late = np.minimum(point + 1, len(array) - 1)
        timed = (array[point] == _POINT) | (array[late] == _POINT)
        bad = [
            Bad(int(row), f"has {int(counts[row])} fields, and Squid's native log has {FIELDS}")
            if counts[row] != FIELDS
            else Bad(int(row), "does not begin with a time as Squid writes it")
            for row in np.flatnonzero(lines.filled & ((counts != FIELDS) | ~timed))
        ]
        return int(len(lines) - lines.filled.sum()), bad

    def cuts(self, lines: Lines) -> list[int]:
        """None: the log has no header."""
        return []

    def read(self, line: bytes) -> Attempt | None:
        """Return what a line says, or None where it is about no host.

        Raises:
            BadLine: it is malformed.
        """
        match = _LINE.fullmatch(line.decode("utf-8", "replace"))
        if match is None:
            raise BadLine("is not as Squid writes its native log")
        time, client, result, code, method, url, user = match.groups()
        if url.startswith(("error:", "cache_object:", "/")) or url == "-":
            return None
        endpoint = url if method == "CONNECT" or "://" in url else f"http://{url}"
        status = _status(result, int(code) if code != "-" else 0)
        return Attempt(
            "squid",
            epoch(time),
            endpoint,
            "ACCESS",
            status,
            f"{result}/{code}" if status else None,
            address(client),
            user=None if user == "-" else unquote(user),
        )


def _status(result: str, code: int) -> Status | None:
    if "DENIED" in result:
        return "denied" if code in (401, 407) else "blocked"
    # A stale answer that was served since the server did not answer is an answer: FAIL_OLD.
    if code == 0 or any(word in result.replace("FAIL_OLD", "") for word in _FAILED):
        return "failed"
    return http_status(code)
