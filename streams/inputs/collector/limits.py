"""How much a client may send, and how much the collector holds in hand."""

from __future__ import annotations

import math
import time

BURST_SECONDS = 10.0
"""A client that was silent may send so many seconds' worth at once."""


class Allowance:
    """A token bucket of events. A request is let in while there is a token, and may leave a debt behind.

    So a batch of any size passes, and over time no client sends more than its rate.
    """

    def __init__(self, rate: float, now: float | None = None) -> None:
        """`rate` is events a second."""
        self._rate = rate
        self._most = max(1.0, rate * BURST_SECONDS)
        self._tokens = self._most
        self._at = time.monotonic() if now is None else now

    def wait(self, now: float | None = None) -> int:
        """Return 0 where a request may come in, else the seconds until one may."""
        self._fill(now)
        return 0 if self._tokens > 0 else max(1, math.ceil((1e-9 - self._tokens) / self._rate))

    def take(self, events: int, now: float | None = None) -> None:
        """Take an event's token each."""
        self._fill(now)
        self._tokens -= events

    def _fill(self, now: float | None) -> None:
        now = time.monotonic() if now is None else now
        self._tokens = min(self._most, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now


class InHand:
    """Bytes of bodies that are being read, judged or sent, of all requests together."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.bytes = 0

    def take(self, size: int) -> bool:
        """Take in so many bytes; False, and none taken, where that is more than there is room for."""
        if self.bytes + size > self.most:
            return False
        self.bytes += size
        return True

    def give_back(self, size: int) -> None:
        """Make room again."""
        self.bytes -= size
