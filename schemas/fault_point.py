"""Places where a test may kill a worker: at each step between Kafka and ClickHouse.

`FRWATCH_FAULT_POINT=name` ends the process by SIGKILL when it reaches the place of that name, `name:3` the
third time. Where the variable is not set a place costs a comparison and does nothing.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "FRWATCH_FAULT_POINT"
POINTS = (
    "fetched",
    "judged",
    "published",
    "announced",
    "inserted-violations",
    "inserted-dead_letters",
    "inserted-searches",
    "inserted",
    "committed",
)
"""The places, in the order in which a batch comes to them."""
RETENTION_POINTS = (
    "retention-floors",
    "retention-listed",
    "retention-searches",
    "retention-violations_raw",
    "retention-search_differences_raw",
    "retention-search_decisions",
    "retention-search_arrivals",
    "retention-noted",
)
"""Those of `frwatch retention apply`."""
EXPUNGE_POINTS = (
    "expunge-begun",
    "expunge-listed",
    "expunge-searches_raw",
    "expunge-violations_raw",
    "expunge-outcomes_raw",
    "expunge-erased",
)
"""Those of `frwatch expunge`."""
ALERT_POINTS = ("alert-fetched", "alert-decided", "alert-attempted", "alert-committed")
"""Those of the alerter."""

_name, _, _count = os.environ.get(VARIABLE, "").partition(":")
_left = int(_count) if _count.isdigit() else 1


def reach(name: str) -> None:
    """Say that a place was reached."""
    global _left
    if name != _name:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
