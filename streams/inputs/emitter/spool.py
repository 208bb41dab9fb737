"""The spool of one process: events that were accepted and not yet acknowledged, in a file of SQLite.

A row is the Kafka key and value of one event, as its contract encodes it. The key and the value name the
officer in clear, as the topic does: the file is its owner's alone (mode 0600, in a folder of mode 0700), what
is deleted is overwritten, and a file that is drained at the end is removed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from schemas.errors import FrwatchError, NotThere

VERSION = 1
PATIENCE = 0.25
"""Seconds for which an event waits for others of its process to be written, before it is refused."""
_CHECKPOINT = 4 << 20
_TABLES = """
CREATE TABLE IF NOT EXISTS events(
    n INTEGER PRIMARY KEY, kind TEXT, event_id TEXT, key BLOB, value BLOB, accepted_at INTEGER);
CREATE TABLE IF NOT EXISTS refused(
    n INTEGER PRIMARY KEY, kind TEXT, event_id TEXT, key BLOB, value BLOB, accepted_at INTEGER, reason TEXT);
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one file may hold: events, and bytes of their keys and values."""

    events: int = 1_000_000
    bytes: int = 1 << 30


class Spooled(NamedTuple):
    """An event in the spool: `n` is its place, rising in the order in which events were accepted.

    `accepted_at` is in microseconds since 1970, UTC.
    """

    n: int
    kind: str
    event_id: str
    key: bytes
    value: bytes
    accepted_at: int


class Held(NamedTuple):
    """What a file holds: events that wait, their bytes, when the oldest was accepted, and the refused ones.

    `refused` are those that Kafka will never take; `oldest` is in microseconds since 1970, None where none
    waits.
    """

    events: int
    bytes: int
    oldest: int | None
    refused: int


class SpoolFull(FrwatchError):
    """The spool holds as much as it may: the newest event is refused, and those before it are kept."""


class SpoolFault(NotThere):
    """The spool's file cannot be read or written, such as for a full disk."""


class SpoolClosed(SpoolFault):
    """The spool was closed meanwhile; nothing was kept."""


class Spool:
    """Events in the order in which they were accepted.

    What `add` has returned for survives the death of the process, SIGKILL too. With `power_safe` it survives
    the loss of power too, and `add` waits for the disk (milliseconds, not microseconds); without, the last
    moments before the power is lost may be missing, and the file is whole.
    One process has the file at a time; of its threads any may call. `add` never waits longer than `PATIENCE`
    for another thread, and never for Kafka.
    """

    def __init__(self, file: Path, limits: Limits, *, power_safe: bool = False) -> None:
        """Open the file, or make it; one that is no spool is put aside as `NAME.damaged-TIME`.

        Raises:
            SpoolFault: it can be neither opened nor made, or a newer frwatch wrote it.
        """
        self.file = file
        self._limits = limits
        self._lock = threading.Lock()
        self._closed = False
        try:
            self._writer = self._open(power_safe)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise SpoolFault(_unusable(file, error)) from None
            file.rename(file.with_name(f"{file.name}.damaged-{time.time_ns() // 1_000_000_000}"))
            for end in ("-wal", "-shm"):
                file.with_name(file.name + end).unlink(missing_ok=True)
            self._writer = self._open(power_safe)
        self._reader = _connect(file)
        self.count: int
        self._bytes: int
        self.count, self._bytes = self._writer.execute(
            "SELECT count(*), coalesce(sum(length(key) + length(value)), 0) FROM events"
        ).fetchone()

    def add(self, kind: str, event_id: str, key: bytes, value: bytes) -> None:
        """Keep one event.

        Raises:
            SpoolClosed: it was closed meanwhile.
            SpoolFull: it would be more than the limits allow; nothing was kept.
            SpoolFault: the file cannot be written, or other threads wait for the disk already.
        """
        size = len(key) + len(value)
        with self._locked():
            if self._closed:
                raise SpoolClosed(f"the spool {self.file} was closed")
            if self.count >= self._limits.events or self._bytes + size > self._limits.bytes:
                raise SpoolFull(
                    f"the spool {self.file} is full ({self.count} events, {self._bytes} bytes): see whether "
                    "Kafka takes events; FRWATCH_SPOOL_EVENTS and FRWATCH_SPOOL_BYTES let it hold more"
                )
            with self._translated():
                self._writer.execute(
                    "INSERT INTO events(kind, event_id, key, value, accepted_at) VALUES (?, ?, ?, ?, ?)",
                    (kind, event_id, key, value, time.time_ns() // 1000),
                )
            self.count += 1
            self._bytes += size

    def first(self, most: int, most_bytes: int = 4 << 20) -> list[Spooled]:
        """Return the events that wait longest, in order: `most` at most, of so many bytes, or one."""
        found: list[Spooled] = []
        size = 0
        with self._translated():
            rows = self._reader.execute(
                "SELECT n, kind, event_id, key, value, accepted_at FROM events ORDER BY n LIMIT ?", (most,)
            )
            for row in rows:
                event = Spooled(*row)
                size += len(event.key) + len(event.value)
                if found and size > most_bytes:
                    break
                found.append(event)
            rows.close()
        return found

    def done(self, events: Sequence[Spooled]) -> None:
        """Forget events that Kafka has acknowledged."""
        self._remove(events, None)

    def refuse(self, events: Sequence[Spooled], reason: str) -> None:
        """Put events aside that Kafka will never take; they are kept, and no longer sent."""
        self._remove(events, reason)

    def tidy(self) -> None:
        """Bring what was written from the log into the file, where that has grown; waits for the disk."""
        with contextlib.suppress(OSError, SpoolFault):
            log = self.file.with_name(self.file.name + "-wal")
            if log.stat().st_size >= _CHECKPOINT:
                with self._translated():
                    self._reader.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> bool:
        """Close the file, and remove it where it holds nothing; return whether it was removed."""
        empty = False
        with self._lock:
            self._closed = True
            with contextlib.suppress(sqlite3.Error):
                empty = not self._writer.execute(
                    "SELECT EXISTS(SELECT 1 FROM events) OR EXISTS(SELECT 1 FROM refused)"
                ).fetchone()[0]
            self._reader.close()
            self._writer.close()
            if empty:
                for end in ("", "-wal", "-shm"):
                    self.file.with_name(self.file.name + end).unlink(missing_ok=True)
        return empty

    def _remove(self, events: Sequence[Spooled], reason: str | None) -> None:
        if not events:
            return
        places = [(event.n,) for event in events]
        with self._lock, self._translated():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                if reason is not None:
                    self._writer.executemany(
                        "INSERT INTO refused(kind, event_id, key, value, accepted_at, reason)"
                        " VALUES (?, ?, ?, ?, ?, ?)",
                        [(*event[1:], reason) for event in events],
                    )
                if places[-1][0] - places[0][0] + 1 == len(places):
                    self._writer.execute(
                        "DELETE FROM events WHERE n BETWEEN ? AND ?", (places[0][0], places[-1][0])
                    )
                else:
                    self._writer.executemany("DELETE FROM events WHERE n = ?", places)
                self._writer.execute("COMMIT")
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self.count -= len(events)
            self._bytes -= sum(len(event.key) + len(event.value) for event in events)

    def _open(self, power_safe: bool) -> sqlite3.Connection:
        try:
            # Its log and its index take the file's mode.
            os.close(os.open(self.file, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise SpoolFault(_unusable(self.file, error)) from None
        connection = _connect(self.file)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            connection.close()
            raise SpoolFault(f"the spool {self.file} is a newer frwatch's; drain it with that one")
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute(f"PRAGMA synchronous = {'FULL' if power_safe else 'NORMAL'}")
        connection.execute("PRAGMA secure_delete = ON").fetchall()
        connection.executescript(f"{_TABLES} PRAGMA user_version = {VERSION};")
        return connection

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=PATIENCE):
            raise SpoolFault(f"the disk of the spool {self.file} does not keep up; put it on a local disk")
        try:
            yield
        finally:
            self._lock.release()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise SpoolFault(_unusable(self.file, error)) from None


def look(file: Path) -> Held:
    """Return what a file holds, whoever has it.

    Raises:
        SpoolFault: it cannot be read.
    """
    try:
        with contextlib.closing(
            sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
        ) as connection:
            row = connection.execute(
                "SELECT count(*), coalesce(sum(length(key) + length(value)), 0), min(accepted_at),"
                " (SELECT count(*) FROM refused) FROM events"
            ).fetchone()
    except sqlite3.Error as error:
        raise SpoolFault(_unusable(file, error)) from None
    return Held(*row)


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=PATIENCE)
    # Bringing the log into the file waits for the disk; the thread that sends does that.
    connection.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    return connection


def _unusable(file: Path, error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) else error
    return f"the spool {file} cannot be used ({said}); free the disk, or name another folder in FRWATCH_SPOOL"
