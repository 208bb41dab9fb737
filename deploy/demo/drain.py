"""Waiting until the tables hold what was sent."""

from __future__ import annotations

import time
from collections.abc import Callable

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

Lag = Callable[[], int | None]
"""How many records the workers are behind, all partitions together; None where nobody tells."""


def stored_counts(client: Client) -> dict[str, int]:
    """Return how many rows analysts see of each of `TABLES`."""
    counts = client.query(_COUNTS).result_rows[0]
    return dict(zip(TABLES, map(int, counts), strict=True))


def wait_stored(
    client: Client, wanted: dict[str, int], lag: Lag, tick: Callable[[int], None], patience: float = PATIENCE
) -> bool:
    """Wait until the workers lag by nothing and the tables have at least `wanted`; True if so.

    False after `patience` seconds in which neither moved. Without the lag, a copy that is still to come could
    be counted twice after the check. `tick` is given the lag, whenever it is known.
    """
    before: object = None
    moved = time.monotonic()
    while True:
        behind = lag()
        if behind is not None:
            tick(behind)
        # Counting costs the engine, which has enough to do while records are still on their way.
        counts = stored_counts(client) if behind == 0 else {}
        if counts and all(counts[table] >= wanted[table] for table in wanted):
            return True
        if (now := (counts, behind)) != before:
            before, moved = now, time.monotonic()
        elif time.monotonic() - moved > patience:
            return False
        time.sleep(POLL_SECONDS)
