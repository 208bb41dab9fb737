"""Moments as numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros_of(moment: datetime) -> int:
    """Return an aware time as microseconds since 1970, UTC, exactly; less than 0 before then."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
