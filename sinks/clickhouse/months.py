"""Roll-ups of months: documents that say who searched how often of each agency and month, made once it rests.

What was touched after its document was made is counted from the table (`frwatch.rollup_months_open`). So
answers are right whether this runs or not: it makes them fast. Several may run at one time.
"""

from __future__ import annotations

from datetime import timedelta
from importlib import resources
from typing import Any

from clickhouse_connect.driver import AsyncClient

from sinks.clickhouse.moments import utc
from sinks.clickhouse.passes import BOUNDED, READ, Turns, numbered

REST = timedelta(hours=1)
"""How long nothing may have touched a month: the one that lasts would be made anew all day."""
AGENCIES = 200
"""Agencies that are settled together: all of a large state, with some four million searches a month."""

_OWED = """
SELECT month, groupArray(agency_id),
    if({quiet:Bool}, max(marked_at) + toIntervalSecond(30), now64(6, 'UTC'))
FROM
(
    SELECT month, agency_id, marked_at FROM frwatch.rollup_month_states
    WHERE NOT counts AND ({quiet:Bool} OR marked_at <= now64(6, 'UTC') - toIntervalSecond({rest:UInt32}))
    ORDER BY month DESC, agency_id LIMIT {agencies:UInt32} BY month
)
GROUP BY month ORDER BY has({failed:Array(UInt32)}, month), month DESC LIMIT 1
"""


class Months:
    """Makes documents of months. `settle` until it says that nothing is left, or when there is time."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._statement = (resources.files("sinks.clickhouse") / "months.sql").read_text(encoding="utf-8")
        self._turns = Turns()

    async def settle(self, agencies: int = AGENCIES, *, quiet: bool = False) -> int:
        """Make the documents of the latest month that lacks some, and rests; return of how many agencies.

        At most `agencies` at once, fewer where the engine's memory holds no more. A month rests where nothing
        touched it for an hour; at once, if the caller knows that it is `quiet`. It may be cut off anywhere
        and run again; a month that failed comes after all others.

        Raises:
            clickhouse_connect's errors, OSError, TimeoutError: some documents may be made.
        """
        return await self._turns.make(lambda most: self._make(most, quiet=quiet), agencies)

    async def _make(self, most: int, *, quiet: bool) -> int:
        values: dict[str, Any] = {"quiet": quiet, "rest": int(REST.total_seconds()), "agencies": most}
        values["failed"] = sorted(self._turns.failed)
        found = (await self._client.query(_OWED, values, settings=READ)).result_rows
        if not found:
            return 0
        month, agencies, moment = found[0]
        self._turns.trying([month])
        made = {"month": month, "agencies": agencies, **numbered(utc(moment))}
        await self._client.command(self._statement, made, settings=BOUNDED)
        return len(agencies)
