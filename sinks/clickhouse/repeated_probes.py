"""Documents of the probes that were searched more than once, made anew after searches have come.

What was touched after the last watermark is counted from the tables (`frwatch.rollup_probes_open`), so
answers are right whether this runs or not, as with `sinks.clickhouse.rollups`. Several may run at one time.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from importlib import resources
from typing import Any

from clickhouse_connect.driver import AsyncClient

from sinks.clickhouse.moments import utc

AT_ONCE = 2_000_000
"""Searches whose probes are looked at together: half a minute of two busy cores where fifty million are stored."""

# Up to when documents are made, and from when on an insert may be under way.
_BOUNDS = """
SELECT (SELECT max(through) FROM frwatch.rollup_probe_watermarks),
    now64(6, 'UTC') - toIntervalSecond(if({quiet:Bool}, 0, 30))
"""
# An insert has one moment, and is taken whole.
_NEXT = """
SELECT count(), max(marked_at) FROM
(
    SELECT marked_at FROM frwatch.rollup_probe_marks
    WHERE marked_at > {after:DateTime64(6, 'UTC')} AND marked_at <= {through:DateTime64(6, 'UTC')}
    ORDER BY marked_at LIMIT {rows:UInt64}
)
"""
# Also where nothing came: marks are not kept for ever.
_DAY_OLD = "SELECT {after:DateTime64(6, 'UTC')} < {through:DateTime64(6, 'UTC')} - toIntervalDay(1)"
_MADE = "INSERT INTO frwatch.rollup_probe_watermarks SELECT {through:DateTime64(6, 'UTC')}"
_READ = {"select_sequential_consistency": 1}


class RepeatedProbes:
    """Makes documents. `settle` until it says that nothing is left, or as often as there is time."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        package = resources.files("sinks.clickhouse")
        self._statement = (package / "repeated_probes.sql").read_text(encoding="utf-8")

    async def settle(self, rows: int = AT_ONCE, *, quiet: bool = False) -> int:
        """Heed the next `rows` searches that came, or a few more; return how many those were.

        What came within the last 30 s waits, as an insert may be under way; not so if the caller knows that
        it is `quiet`. It may be cut off anywhere and run again.

        Raises:
            clickhouse_connect's errors, OSError, TimeoutError: some documents may be made.
        """
        after, through = map(utc, await self._row(_BOUNDS, {"quiet": quiet}))
        span = {"after": after, "through": through}
        count, last = await self._row(_NEXT, {**span, "rows": rows})
        if count:
            if count >= rows:
                span["through"] = utc(last)
            run = (int(through.timestamp() * 1_000_000) << 12) | (secrets.randbelow(1 << 11) << 1)
            await self._client.command(self._statement, {**span, "run": run}, settings=_READ)
            await self._made(span["through"])
        elif (await self._row(_DAY_OLD, span))[0]:
            await self._made(through)
        return int(count)

    async def _made(self, through: datetime) -> None:
        await self._client.command(_MADE, {"through": through}, settings=_READ)

    async def _row(self, sql: str, values: dict[str, Any]) -> Any:
        return (await self._client.query(sql, values, settings=_READ)).result_rows[0]
