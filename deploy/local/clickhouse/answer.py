"""Answers: headers, progress, and how an error that comes late still reaches the client."""

from __future__ import annotations

import json
import secrets
import string
import time
from dataclasses import dataclass, field
from typing import Any

_TYPES = {
    "json": "application/json; charset=UTF-8",
    "csv": "text/csv; charset=UTF-8; header=absent",
    "csvwithnames": "text/csv; charset=UTF-8; header=present",
    "csvwithnamesandtypes": "text/csv; charset=UTF-8; header=present",
    "jsoneachrow": "application/x-ndjson; charset=UTF-8",
    "jsoncompacteachrow": "application/x-ndjson; charset=UTF-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.file",
    "arrowstream": "application/vnd.apache.arrow.stream",
    "xml": "application/xml; charset=UTF-8",
    "native": "application/octet-stream",
    "orc": "application/octet-stream",
    "avro": "application/octet-stream",
    "msgpack": "application/msgpack",
    "npy": "application/octet-stream",
    "markdown": "text/markdown; charset=UTF-8",
}


def content_type(name: str) -> str:
    """Return the Content-Type of a format."""
    lower = name.lower()
    if lower in _TYPES:
        return _TYPES[lower]
    if lower.startswith("rowbinary"):
        return "application/octet-stream"
    if lower.startswith(("tabseparated", "tsv")):
        return "text/tab-separated-values; charset=UTF-8"
    if lower.startswith("json"):
        return "application/json; charset=UTF-8"
    return "text/plain; charset=UTF-8"


def exception_tag() -> str:
    """Return a tag that data cannot foresee: an error behind it is not mistaken for data."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))


def late_error(tag: str, message: str) -> bytes:
    """Return what follows the data where a query fails after they have begun (ClickHouse 25.11 and later)."""
    text = f"{message}\n"
    size = len(text.encode())
    return f"\r\n__exception__\r\n{tag}\r\n{text}{size} {tag}\r\n__exception__\r\n".encode()


@dataclass(slots=True)
class Progress:
    """What a query has read and written so far; `summary` is the header's value."""

    began: float = field(default_factory=time.perf_counter_ns)
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0

    def add(self, result: Any) -> None:
        """Count one result of chDB, a chunk of a stream or a whole one."""
        self.result_rows += int(result.rows_read())
        self.result_bytes += int(result.bytes_read())
        self.read_rows = max(self.read_rows, int(result.storage_rows_read()))
        self.read_bytes = max(self.read_bytes, int(result.storage_bytes_read()))
        self.written_rows += int(result.rows_written())
        self.written_bytes += int(result.bytes_written())

    def summary(self) -> str:
        """JSON with numbers as strings, as ClickHouse writes it."""
        counts = {
            "read_rows": max(self.read_rows, self.written_rows),
            "read_bytes": max(self.read_bytes, self.written_bytes),
            "written_rows": self.written_rows,
            "written_bytes": self.written_bytes,
            "total_rows_to_read": self.read_rows,
            "result_rows": self.result_rows or self.written_rows,
            "result_bytes": self.result_bytes or self.written_bytes,
            "elapsed_ns": int(time.perf_counter_ns() - self.began),
        }
        return json.dumps({name: str(count) for name, count in counts.items()}, separators=(",", ":"))
