"""The alerter's state: what was decided, what is counted, what must still be sent. No I/O and no clock.

Every entry has a key, under which it is written to a compacted topic whenever it has changed; `restore` of
all that was written gives the same book again. Keys begin with what they are:

| key | entry |
|---|---|
| `v/VIOLATION` | a violation that was decided, and the day on which |
| `w/…` | a group's window |
| `a/ALERT` | an alert that must still be sent, or that was given up |
| `r/…` | a row that ClickHouse has not taken yet |
| `m/watermark` | the latest `occurred_at` |
| `m/reign` | how often an alerter has become the active one |
| `c/SOURCE` | the last canary of a source |
"""

from __future__ import annotations

import hashlib
import heapq
import json
from bisect import bisect_right, insort
from collections.abc import Iterable
from typing import Any

from streams.alerting.alert import Alert, Window

DAY = 86_400_000_000
MAX_SEEN = 1_000_000
"""Violations that are remembered at most, the latest; some 80 bytes each."""
MAX_ROWS = 100_000
"""Rows that wait for ClickHouse at most; of failed attempts beyond them only the count is kept."""
WATERMARK, REIGN = "m/watermark", "m/reign"

Change = tuple[str, bytes | None]


class Book:
    """All of the state. `changed` has the keys of what is not yet written."""

    def __init__(self) -> None:
        # By the 16 bytes of the id, with the day of the decision: there may be many.
        self.seen: dict[bytes, int] = {}
        self._days: dict[int, int] = {}
        self.alerts: dict[str, Alert] = {}
        self.rows: dict[str, dict[str, Any]] = {}
        self.canaries: dict[str, dict[str, int]] = {}
        self.watermark = 0
        self.reign = 0
        self.rows_dropped = 0
        self.swept = 0
        self.changed: dict[str, None] = {}
        self._windows: dict[tuple[str, str], list[Window]] = {}
        self._window_keys: dict[str, Window] = {}
        # When something may have to be done: by event time, and by the clock. Entries that no longer hold are
        # dropped when their time comes.
        self.by_event: list[tuple[int, str]] = []
        self.by_clock: list[tuple[int, str]] = []
        self.escalations: list[tuple[int, str]] = []

    # -- violations --------------------------------------------------------------------------------

    def see(self, violation_id: str, now: int) -> bool:
        """Note a violation as decided today; False where it was before."""
        key = bytes.fromhex(violation_id.replace("-", ""))
        if key in self.seen:
            return False
        self._see(key, now // DAY)
        self.changed[f"v/{key.hex()}"] = None
        return True

    def _see(self, key: bytes, day: int) -> None:
        # One number for all of a day.
        self.seen[key] = self._days.setdefault(day, day)

    def forget_seen(self, before_day: int) -> None:
        """Forget violations decided before a day, and the oldest beyond `MAX_SEEN`."""
        old: list[bytes] = []
        for key, day in self.seen.items():
            if day >= before_day and len(self.seen) - len(old) <= MAX_SEEN:
                break
            old.append(key)
        for key in old:
            del self.seen[key]
            self.changed[f"v/{key.hex()}"] = None

    def advance(self, occurred_at: int) -> None:
        """Let the watermark follow."""
        if occurred_at > self.watermark:
            self.watermark = occurred_at
            self.changed[WATERMARK] = None

    def begin_reign(self) -> None:
        """Count one more alerter that has become active."""
        self.reign += 1
        self.changed[REIGN] = None

    # -- windows -----------------------------------------------------------------------------------

    def window(self, route: str, group: str, occurred_at: int) -> Window | None:
        """Return the window of a group that covers a time: the one that began before it, if both do."""
        windows = self._windows.get((route, group), [])
        at = bisect_right(windows, occurred_at, key=_anchor)
        for window in (*windows[max(0, at - 1) : at], *windows[at : at + 1]):
            if window.covers(occurred_at):
                return window
        return None

    def by_key(self, key: str) -> Window | None:
        """Return the window of that key."""
        return self._window_keys.get(key)

    def open(self, window: Window) -> None:
        """Take a new window."""
        key = window_key(window)
        insort(self._windows.setdefault((window.route, window.group), []), window, key=_anchor)
        self._window_keys[key] = window
        self.touch(window)
        if not window.over:
            heapq.heappush(self.by_event, (window.anchor + window.span, key))
        self.look_at(window, window.due)

    def look_at(self, window: Window, at: int) -> None:
        """Let `tick` look at a window at that time, by the clock, and not before."""
        window.check = at
        heapq.heappush(self.by_clock, (at, window_key(window)))

    def touch(self, window: Window) -> None:
        """Note that a window has changed."""
        self.changed[window_key(window)] = None

    def close(self, window: Window) -> None:
        """Forget a window."""
        key = window_key(window)
        windows = self._windows[window.route, window.group]
        windows.remove(window)
        if not windows:
            del self._windows[window.route, window.group]
        del self._window_keys[key]
        self.changed[key] = None

    @property
    def windows(self) -> Iterable[Window]:
        """All windows."""
        return self._window_keys.values()

    # -- alerts ------------------------------------------------------------------------------------

    def add(self, alert: Alert) -> None:
        """Take a new alert."""
        self.alerts[alert.id] = alert
        self.note(alert)
        if alert.escalate_at is not None:
            heapq.heappush(self.escalations, (alert.escalate_at, alert.id))

    def note(self, alert: Alert) -> None:
        """Note that an alert has changed; one that needs nothing more is let go."""
        if not alert.pending and not alert.failed:
            self.alerts.pop(alert.id, None)
        self.changed[f"a/{alert.id}"] = None

    def drop(self, alert: Alert) -> None:
        """Forget an alert."""
        self.alerts.pop(alert.id, None)
        self.changed[f"a/{alert.id}"] = None

    # -- rows --------------------------------------------------------------------------------------

    def add_row(self, key: str, row: dict[str, Any], *, needed: bool = True) -> None:
        """Keep a row for ClickHouse; one that is not `needed` is dropped where too many wait."""
        if not needed and len(self.rows) >= MAX_ROWS:
            self.rows_dropped += 1
            return
        self.rows[f"r/{key}"] = row
        self.changed[f"r/{key}"] = None

    def rows_stored(self, keys: Iterable[str]) -> None:
        """Let rows go that ClickHouse has taken."""
        for key in keys:
            if self.rows.pop(key, None) is not None:
                self.changed[key] = None

    def canary(self, source: str, occurred_at: int, arrived_at: int) -> None:
        """Note that a canary came through."""
        self.canaries[source] = {"occurred_at": occurred_at, "arrived_at": arrived_at}
        self.changed[f"c/{source}"] = None

    # -- writing and reading -----------------------------------------------------------------------

    def take_changes(self) -> list[Change]:
        """Return what has changed, as keys with values, None for what is gone; and hold it for written."""
        changes = [(key, self._value(key)) for key in self.changed]
        self.changed.clear()
        return changes

    def not_written(self, changes: Iterable[Change]) -> None:
        """Take back that these changes were written."""
        for key, _ in changes:
            self.changed[key] = None

    def _value(self, key: str) -> bytes | None:
        kind, _, rest = key.partition("/")
        found: Any = None
        if kind == "v":
            day = self.seen.get(bytes.fromhex(rest))
            return None if day is None else str(day).encode()
        if kind == "a":
            found = self.alerts.get(rest)
        elif kind == "w":
            found = self._window_keys.get(key)
        elif kind == "r":
            row = self.rows.get(key)
            return None if row is None else _json(row)
        elif kind == "c":
            return _json(self.canaries[rest])
        else:
            return str(self.reign if key == REIGN else self.watermark).encode()
        return None if found is None else _json(found.to_json())

    @classmethod
    def restore(cls, records: Iterable[tuple[str, bytes | None]]) -> Book:
        """Return the book that was written, from records in their order."""
        last: dict[str, bytes] = {}
        for key, value in records:
            # Anew at the end, so that violations stay in the order in which they were decided.
            last.pop(key, None)
            if value is not None:
                last[key] = value
        book = cls()
        for key, value in last.items():
            book._take(key, value)
        book.changed.clear()
        return book

    def _take(self, key: str, value: bytes) -> None:
        kind, _, rest = key.partition("/")
        if kind == "v":
            self._see(bytes.fromhex(rest), int(value))
        elif kind == "a":
            self.add(Alert.from_json(json.loads(value)))
        elif kind == "w":
            self.open(Window.from_json(json.loads(value)))
        elif kind == "r":
            self.rows[key] = json.loads(value)
        elif kind == "c":
            self.canaries[rest] = json.loads(value)
        elif key == WATERMARK:
            self.watermark = int(value)
        elif key == REIGN:
            self.reign = int(value)


def window_key(window: Window) -> str:
    """The key of a window: its route, its group and its first alert's time."""
    digest = hashlib.sha256(window.group.encode()).hexdigest()[:32]
    return f"w/{window.route}/{digest}/{window.anchor}"


def _anchor(window: Window) -> int:
    return window.anchor


def _json(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()
