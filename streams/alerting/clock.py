"""The clocks of the alerter's edges."""

from __future__ import annotations

import time


def now_micros() -> int:
    """Return the time in microseconds since 1970, UTC."""
    return time.time_ns() // 1000
