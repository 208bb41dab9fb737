"""What a destination is spared: too many messages at once, and any while it does not answer. Pure.

Times are seconds of one clock that never goes back.
"""

from __future__ import annotations

OPENS_AFTER = 5
"""Failures in a row after which a destination is left in peace."""
FIRST_REST = 1.0
LONGEST_REST = 60.0


class TokenBucket:
    """Lets `per_minute` messages through a minute, and a tenth of them at once."""

    def __init__(self, per_minute: int, now: float) -> None:
        self._rate = per_minute / 60
        self._size = max(1.0, per_minute / 10)
        self._tokens = self._size
        self._at = now

    def wait(self, now: float) -> float:
        """Return in how many seconds one may be sent; 0 takes it as sent."""
        self._tokens = min(self._size, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate


class Circuit:
    """Closed while messages are delivered. After failures in a row it opens, and rests, longer each time.

    After a rest it lets one message through: delivered, it closes; failed, it rests again.
    """

    def __init__(self) -> None:
        self._failures = 0
        self._rest = FIRST_REST
        self._until = 0.0
        self._probing = False

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open`."""
        if self._failures < OPENS_AFTER:
            return "closed"
        return "half-open" if self._probing else "open"

    def wait(self, now: float) -> float | None:
        """Return in how many seconds one may be sent; None while the outcome of a probe is awaited.

        0 where it is open takes it as the probe.
        """
        if self.state == "half-open":
            return None
        wait = max(0.0, self._until - now)
        if self.state == "open" and wait == 0:
            self._probing = True
        return wait

    def rest(self, until: float) -> None:
        """Send nothing before then: the destination has said so."""
        self._until = max(self._until, until)

    def note(self, *, delivered: bool, now: float, probe: bool = False) -> None:
        """Note what came of a message, and whether it was the probe.

        While it is open, failures of what was on its way before say nothing new.
        """
        if probe:
            self._probing = False
        if delivered:
            self._failures, self._rest = 0, FIRST_REST
            return
        if self._failures < OPENS_AFTER:
            self._failures += 1
            probe = self._failures == OPENS_AFTER
        if probe:
            self.rest(now + self._rest)
            self._rest = min(self._rest * 2, LONGEST_REST)

    def let_go(self) -> None:
        """Note that the probe that `wait` let through was not sent after all."""
        self._probing = False
