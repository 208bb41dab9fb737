"""Zeek's ssl, http and dns logs: TSV with declared separators and escapes, and JSON, a line each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from streams.inputs.importers.fields import address, clean, epoch, iso
from streams.inputs.importers.lines import HASH, Bad, BadLine, Lines
from streams.inputs.importers.sighting import Attempt, Status

LOGS = ("ssl", "http", "dns")
HEADER = (b"#separator", b"#fields", b"#path")
"""What tells a header from other comments, such as the `#close` at the end of a log."""
MANY = "#separator is more than one character"
"""Why a log is not read; also in the place of its kind, which nobody can tell then."""
_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|\\)")
_BRACE, _CLOSE = 0x7B, 0x7D
# What tells a log in JSON that does not name itself.
_MARKS = (
    ("ssl", {"server_name", "cipher", "ssl_history", "next_protocol"}),
    ("http", {"uri", "status_code", "user_agent", "trans_depth"}),
    ("dns", {"query", "qtype", "qtype_name", "rcode", "rcode_name"}),
)
Row = Mapping[str, Any]


class ZeekTsv:
    """A log in Zeek's own form. `state` is its header, by which reading can go on in the middle of a file."""

    name = "zeek"
    sensitive = ("password", "username", "client_subject")

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        given = dict(state or {})
        self._separator = bytes(given.get("separator", [9]))
        self._unset = str(given.get("unset", "-"))
        self._empty = str(given.get("empty", "(empty)"))
        self._path = str(given.get("path", ""))
        self._fields = [str(each) for each in given.get("fields", [])]

    @property
    def state(self) -> dict[str, Any]:
        """The header, as JSON."""
        return {
            "separator": list(self._separator),
            "unset": self._unset,
            "empty": self._empty,
            "path": self._path,
            "fields": self._fields,
        }

    @property
    def withholds(self) -> bool:
        """Whether lines may hold passwords or names, so that not even malformed ones may be kept."""
        return any(name in self._fields for name in self.sensitive)

    def shape(self, lines: Lines) -> tuple[int, list[Bad]]:
        """Return how many lines say nothing, and the malformed ones; take a header over.

        It holds for all lines, and stands before them; see `cuts`. Where it is one of a log that is not read,
        it is malformed, and no line is: `read` leaves them out.
        """
        comments = lines.first_bytes() == HASH
        bad = self.begin(lines.line(row) for row in range(_leading(comments)))
        bad = [each for each in bad if not lines.damaged[each.row]]
        told = ~comments & lines.filled
        passed = int(len(lines) - told.sum()) - len(bad)
        if self._is_left_out:
            return passed, bad
        counts = lines.counts(np.flatnonzero(lines.array == self._separator[0]))
        rows = np.flatnonzero(told & (counts != len(self._fields) - 1))
        return passed, bad + [Bad(int(row), self._miscounted(int(counts[row]) + 1)) for row in rows]

    def cuts(self, lines: Lines) -> list[int]:
        """The rows at which a header begins, so that what stands before is read by the header before."""
        comments = lines.first_bytes() == HASH
        if not comments.any():
            return []
        begins = np.flatnonzero(comments & ~np.concatenate([[False], comments[:-1]]))
        keys = [int(row) for row in np.flatnonzero(comments) if lines.line(int(row)).startswith(HEADER)]
        return sorted({int(begins[at - 1]) for at in np.searchsorted(begins, keys, "right")})

    def begin(self, lines: Iterable[bytes]) -> list[Bad]:
        """Take over what comment lines in a row say, and return the one after which lines are left out.

        A header replaces the one before as a whole: what it does not name is not what that one named.
        """
        bad: list[Bad] = []
        named = False
        for row, line in enumerate(lines):
            key, _, rest = line.partition(self._separator)
            if line.startswith(b"#separator "):
                self._separated(_ESCAPE.sub(_unescaped, line[len(b"#separator ") :]))
                named = False
                bad = [Bad(row, f"{MANY}: the lines of this log are left out")] if self._path == MANY else []
            elif self._path == MANY:
                continue
            elif key == b"#path":
                self._path = rest.decode("utf-8", "replace")
                self._fields = self._fields if named else []
                if self._is_left_out:
                    bad = [Bad(row, f"{wrong_path(self._path)}; its lines are left out")]
            elif key == b"#fields":
                self._fields = [each.decode("utf-8", "replace") for each in rest.split(self._separator)]
                named = True
            elif key == b"#unset_field":
                self._unset = rest.decode("utf-8", "replace")
            elif key == b"#empty_field":
                self._empty = rest.decode("utf-8", "replace")
        return bad

    def read(self, line: bytes) -> Attempt | None:
        """Return what a line says, or None where it names no host.

        Raises:
            BadLine: it is malformed.
        """
        if line.startswith(b"#") or self._is_left_out:
            return None
        cells = line.split(self._separator)
        if len(cells) != len(self._fields) or not self._path:
            raise BadLine(self._miscounted(len(cells)))
        row = {name: self._text(cell) for name, cell in zip(self._fields, cells, strict=True)}
        return _READERS[self._path](row, epoch_or_iso(row.get("ts")))

    @property
    def _is_left_out(self) -> bool:
        return self._path not in LOGS and self._path != ""

    def _miscounted(self, count: int) -> str:
        if not self._fields or not self._path:
            return "has no header that says what its columns are"
        return f"has {count} fields, and its header names {len(self._fields)}"

    def _separated(self, separator: bytes) -> None:
        """Begin a header by its separator."""
        self._unset, self._empty, self._fields = "-", "(empty)", []
        self._path = "" if len(separator) == 1 else MANY
        if len(separator) == 1:
            self._separator = separator

    def _text(self, cell: bytes) -> str | None:
        text = cell.decode("utf-8", "replace")
        if text == self._unset:
            return None
        if text == self._empty:
            return ""
        if b"\\" in cell:
            return _ESCAPE.sub(_unescaped, cell).decode("utf-8", "replace")
        return text


class ZeekJson:
    """A log as JSON lines; of a stream of several logs (`_path`) those that are not read are left out."""

    name = "zeek"
    withholds = True
    state: Mapping[str, Any] = {}

    def shape(self, lines: Lines) -> tuple[int, list[Bad]]:
        """Return how many lines are empty, and those that are no JSON object from end to end."""
        whole = (lines.first_bytes() == _BRACE) & (lines.last_bytes() == _CLOSE)
        rows = np.flatnonzero(lines.filled & ~whole)
        return int(len(lines) - lines.filled.sum()), [Bad(int(row), "is no JSON object") for row in rows]

    def cuts(self, lines: Lines) -> list[int]:
        """None: a line of JSON needs no header."""
        return []

    def read(self, line: bytes) -> Attempt | None:
        """Return what a line says, or None where it names no host or is of another log.

        Raises:
            BadLine: it is malformed.
        """
        row = json_object(line)
        path = json_path(row)
        if path not in _READERS:
            return None
        return _READERS[path](row, _json_time(row.get("ts")))


def _leading(marks: npt.NDArray[np.bool_]) -> int:
    """How many marks stand before the first that is not set."""
    return int(np.argmin(marks)) if not marks.all() else len(marks)


def json_object(line: bytes) -> dict[str, Any]:
    """Return a line as a JSON object.

    Raises:
        BadLine: it is none.
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise BadLine("is no JSON") from None
    if not isinstance(row, dict):
        raise BadLine("is no JSON object")
    return row


def json_path(row: Row) -> str | None:
    """Return which log a line of JSON belongs to: by `_path`, else by the fields that it has."""
    path = row.get("_path")
    if isinstance(path, str):
        return path
    if "id.orig_h" not in row:
        return None
    scores = [(len(marks & row.keys()), name) for name, marks in _MARKS]
    best = max(scores)
    return best[1] if best[0] else None


def wrong_path(path: str) -> str:
    """Say that a log is not one of those that are read."""
    shown = path if re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", path) else "of no known kind"
    return f"this Zeek log is {shown}; frwatch imports {', '.join(LOGS)}"


def epoch_or_iso(text: str | None) -> int:
    """Return a time as Zeek writes it, as microseconds.

    Raises:
        BadLine: it is none.
    """
    if not text:
        raise BadLine("has no time")
    return iso(text) if "-" in text else epoch(text)


def _json_time(value: Any) -> int:
    if isinstance(value, str):
        return epoch_or_iso(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadLine("has no time")
    if not 0 <= value < 10**15:
        raise BadLine("its time is not seconds since 1970")
    # Zeek writes seconds, or with JSON::TS_MILLIS milliseconds, in which this is the year 1973.
    return epoch(f"{value / 1000:.6f}" if value > 100_000_000_000 else f"{value:.6f}")


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)]) if match[1] else b"\\"


def _str(row: Row, name: str) -> str | None:
    value = row.get(name)
    return value if isinstance(value, str) and value else None


def _number(row: Row, name: str) -> int:
    try:
        return int(row.get(name) or 0)
    except (TypeError, ValueError, OverflowError):
        return 0


def _true(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"T": True, "F": False}.get(value) if isinstance(value, str) else None


def _ssl(row: Row, moment: int) -> Attempt | None:
    host = _str(row, "server_name")
    if host is None:
        return None
    established = _true(row.get("established"))
    status: Status | None = "failed" if established is False else None
    said = "handshake failed" if status else None
    return Attempt("zeek/ssl", moment, host, "ACCESS", status, said, address(_str(row, "id.orig_h")))


def _http(row: Row, moment: int) -> Attempt | None:
    endpoint, uri = _http_endpoint(row)
    if endpoint is None:
        return None
    code = _number(row, "status_code")
    status = http_status(code)
    if code == 0 and uri is None:
        status = "failed"
    return Attempt(
        "zeek/http",
        moment,
        endpoint,
        "ACCESS",
        status,
        str(code) if status else None,
        address(_str(row, "id.orig_h")),
        user=_str(row, "username"),
        user_agent=clean(_str(row, "user_agent")),
    )


def _http_endpoint(row: Row) -> tuple[str | None, str | None]:
    host, uri = _str(row, "host"), _str(row, "uri")
    if uri and (row.get("method") == "CONNECT" or re.match(r"(?i)[a-z][a-z0-9+.-]*://", uri)):
        return uri, uri
    if host is None:
        return None, uri
    return f"http://{host}{uri if uri and uri.startswith('/') else '/'}", uri


def _dns(row: Row, moment: int) -> Attempt | None:
    query = _str(row, "query")
    if query is None or row.get("qtype_name") == "PTR" or row.get("qtype") in (12, "12"):
        return None
    code = (_str(row, "rcode_name") or "").upper()
    number = _number(row, "rcode")
    status: Status | None = None
    if code == "NXDOMAIN" or (not code and number == 3):
        status = "nxdomain"
    elif _true(row.get("rejected")) or code == "REFUSED" or (not code and number == 5):
        status = "denied"
    elif (code and code != "NOERROR") or number:
        status = "failed"
    said = (code or f"rcode {number}") if status else None
    return Attempt(
        "zeek/dns", moment, query, "LOOKUP", status, clean(said, 40), address(_str(row, "id.orig_h"))
    )


def http_status(code: int) -> Status | None:
    """Return why an HTTP answer is no access: a login or right was missing, or the server failed."""
    if code in (401, 403, 407, 451, 511):
        return "denied"
    return "failed" if code >= 500 else None


_READERS = {"ssl": _ssl, "http": _http, "dns": _dns}


def first_rows(head: bytes) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects at the beginning of a file; what is cut off or no object is left out."""
    for line in head.split(b"\n")[:50]:
        try:
            yield json_object(line)
        except BadLine:
            continue
