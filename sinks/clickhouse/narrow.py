"""An insert that the engine refuses for a value in it, halved until the bad rows are alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import polars as pl

from sinks.clickhouse.faults import Then, reason_of, what_then

Insert = Callable[[pl.DataFrame, str], Awaitable[None]]
"""Inserts rows under a token."""


class Refused(NamedTuple):
    """A row that the engine does not take: its index in the frame, and why, without any of its values."""

    row: int
    reason: str


Known = dict[str, list[Refused]]
"""What became of the pieces that were tried, by their tokens: what was cut off goes on from it."""


async def insert_what_can_be(insert: Insert, rows: pl.DataFrame, token: str, known: Known) -> list[Refused]:
    """Insert all rows but those that the engine refuses for a value, and return these.

    The whole goes under `token`, a piece under the token and its place in the whole. So the same rows, tried
    again by whoever, are cut alike, and no piece is stored twice.

    Raises:
        Exception: what `insert` raises and no value is to blame for. Call again with the same arguments.
    """
    return await _attempt(insert, rows, token, known, 0, rows.height)


# No closure: one that calls itself is a cycle, and would keep the rows until the collector looks for cycles.
async def _attempt(
    insert: Insert, rows: pl.DataFrame, token: str, known: Known, first: int, end: int
) -> list[Refused]:
    whole = end - first == rows.height
    name = token if whole else f"{token}/{first}-{end}"
    if name in known:
        return known[name]
    try:
        await insert(rows if whole else rows.slice(first, end - first), name)
    except Exception as error:
        if what_then(error) is not Then.NARROW:
            raise
        if end - first == 1:
            known[name] = [Refused(first, reason_of(error))]
        else:
            middle = (first + end) // 2
            left = await _attempt(insert, rows, token, known, first, middle)
            known[name] = left + await _attempt(insert, rows, token, known, middle, end)
    else:
        known[name] = []
    return known[name]
