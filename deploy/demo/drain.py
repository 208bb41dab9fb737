"""Waiting until the tables hold what was sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from clickhouse_connect.driver import Client

PATIENCE = 45.0
"""Seconds without any progress after which waiting ends, and the check says what is missing."""
POLL_SECONDS = 0.25
TABLES = ("searches", "outcomes", "dead_letters")
_COUNTS = """
    SELECT
        (SELECT count() FROM frwatch.searches),
        (SELECT count() FROM frwatch.outcomes),
        (SELECT count() FROM frwatch.dead_letters)"""


class Lag(Protocol):
    """How many records the workers are behind, all partitions together; None where nobody tells."""

    def __call__(self) -> int | None:
        """Return it."""


def stored_counts(client: Client) -> dict[str, int]:
    """Return how many rows analysts see of each of `TABLES`."""
    counts = client.query(_COUNTS).result_rows[0]
    return dict(zip(TABLES, map(int, counts), strict=True))


def wait_stored(
    client: Client,
    wanted: dict[str, int],
    lag: Lag,
    tick: Callable[[dict[str, int]], None],
    patience: float = PATIENCE,
) -> bool:
    """Wait until the tables have at least `wanted` and the workers lag by nothing; True if so.

    False after `patience` seconds in which neither the tables nor the lag moved. Without the lag, a copy that
    is still to come could be counted twice after the check.
    """
    before: object = None
    moved = time.monotonic()
    while True:
        counts = stored_counts(client)
        tick(counts)
        enough = all(counts[table] >= wanted[table] for table in wanted)
        behind = lag() if enough else None
        if enough and behind == 0:
            return True
        if (now := (counts, behind)) != before:
            before, moved = now, time.monotonic()
        elif time.monotonic() - moved > patience:
            return False
        time.sleep(POLL_SECONDS)
