"""Records with header names that are no UTF-8: read all the same.

Kafka takes any bytes as a header's name. aiokafka decodes names strictly as it walks a batch, so one such
record would raise at every fetch and stop its partition for ever. Where that happens, its own reader in
Python is put in the place of the compiled one for a while, over bytes that decode without raising.
"""

from __future__ import annotations

import time
from typing import Any, SupportsIndex

from aiokafka.consumer import fetcher
from aiokafka.record import memory_records
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

SECONDS = 30.0
"""How long records are read so, after the last that needed it."""

_compiled = (fetcher.MemoryRecords, memory_records.DefaultRecordBatch)
_until = 0.0


class _Bytes(bytearray):
    """Bytes whose parts are read as UTF-8, each that is none as U+FFFD."""

    def __getitem__(self, at: SupportsIndex | slice) -> Any:
        found = super().__getitem__(at)
        return _Bytes(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, "replace")


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """A batch as aiokafka reads it, over such bytes."""

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: bytearray = _Bytes(self._buffer)


def read_leniently() -> None:
    """Read what is fetched from now on so, for `SECONDS`; in all consumers of this process."""
    global _until
    _until = time.monotonic() + SECONDS
    fetcher.MemoryRecords = _MemoryRecordsPy
    memory_records.DefaultRecordBatch = _Batch


def read_quickly_again() -> None:
    """Go back to the compiled reader, where the time is over."""
    global _until
    if _until and time.monotonic() >= _until:
        _until = 0.0
        fetcher.MemoryRecords, memory_records.DefaultRecordBatch = _compiled
