"""Roll-ups: documents that say how much there is of each agency and day, made anew after rows have come.

What was touched after the last watermark is counted from the tables (`frwatch.rollup_open`), the rest is read
from the documents. So answers are right whether this runs or not: it makes them fast. Several may run at one
time.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from importlib import resources
from typing import Any

from clickhouse_connect.driver import AsyncClient

from sinks.clickhouse.moments import utc
from sinks.clickhouse.passes import BOUNDED, READ, Turns, numbered

DAYS = 8
"""Days that are settled together: some million searches of a large state, in a second of one core."""

UNDER_WAY = timedelta(seconds=30)
"""For so long an insert may be under way, and its mark be older than what it inserts is seen."""

# Nothing where it would say no more than the last one, or nothing was touched since that.
_SETTLED = """
INSERT INTO frwatch.rollup_watermarks SELECT {through:DateTime64(6, 'UTC')}
WHERE least({through:DateTime64(6, 'UTC')}, (SELECT max(marked_at) FROM frwatch.rollup_marks))
    > (SELECT max(through) FROM frwatch.rollup_watermarks)
"""
# Outcomes of which the searches' days are not marked, up to a moment.
_OUTCOMES_OWED = """
SELECT count() FROM frwatch.rollup_outcome_marks
WHERE marked_at > (SELECT max(through) FROM frwatch.rollup_outcome_watermarks)
    AND marked_at <= {through:DateTime64(6, 'UTC')}
"""
# Later ones are marked too, and once more: the watermark says nothing of them.
_MARK_OUTCOMES = """
INSERT INTO frwatch.rollup_marks
SELECT DISTINCT agency_id, day, now64(6, 'UTC') FROM frwatch.rollup_outcome_days
"""
_OUTCOMES_MARKED = """
INSERT INTO frwatch.rollup_outcome_watermarks SELECT {through:DateTime64(6, 'UTC')}
"""


class Rollups:
    """Makes documents. `settle` until it says that nothing is left, or as often as there is time."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._statement = (resources.files("sinks.clickhouse") / "rollups.sql").read_text(encoding="utf-8")
        self._turns = Turns()

    async def settle(self, days: int = DAYS, *, quiet: bool = False) -> int:
        """Make the documents of the latest `days` days that lack some; return how many days that were.

        Fewer where the engine's memory holds no more at once. What was touched within the last 30 s waits,
        since an insert may be under way; not so if the caller knows that it is `quiet`. It may be cut off
        anywhere and run again; a day that failed comes after all others.

        Raises:
            clickhouse_connect's errors, OSError, TimeoutError: some documents may be made.
        """
        await self._mark_outcomes(quiet=quiet)
        return await self._turns.make(lambda most: self._make(most, quiet=quiet), days)

    async def _make(self, days: int, *, quiet: bool) -> int:
        owed, settled_at = await self._owed(days, quiet=quiet)
        self._turns.trying(owed)
        if owed:
            values = {"days": owed, **numbered(settled_at)}
            await self._client.command(self._statement, values, settings=BOUNDED)
        if len(owed) < days:
            # None was left out: what was touched up to then is in a document now, or was touched again.
            await self._client.command(_SETTLED, {"through": settled_at - UNDER_WAY}, settings=READ)
        return len(owed)

    async def _mark_outcomes(self, *, quiet: bool) -> None:
        """Have the days counted anew of the searches of which an outcome came."""
        through = await self._value(
            "SELECT if({quiet:Bool}, (SELECT max(marked_at) FROM frwatch.rollup_outcome_marks),"
            " now64(6, 'UTC') - toIntervalSecond(30))",
            {"quiet": quiet},
        )
        moment = {"through": utc(through)}
        if await self._value(_OUTCOMES_OWED, moment):
            await self._client.command(_MARK_OUTCOMES, settings=READ)
            await self._client.command(_OUTCOMES_MARKED, moment, settings=READ)

    async def _value(self, sql: str, values: dict[str, Any]) -> Any:
        return (await self._client.query(sql, values, settings=READ)).result_rows[0][0]

    async def _owed(self, days: int, *, quiet: bool) -> tuple[list[date], datetime]:
        """The latest days with documents to make, and as of when, UTC: all marks 30 s before are heeded."""
        answer = await self._client.query(
            "SELECT groupArray(day), if({quiet:Bool}, (SELECT max(marked_at) FROM frwatch.rollup_marks)"
            " + toIntervalSecond(30), now64(6, 'UTC')) FROM"
            " (SELECT DISTINCT day FROM frwatch.rollup_states WHERE NOT counts"
            " AND ({quiet:Bool} OR marked_at <= now64(6, 'UTC') - toIntervalSecond(30))"
            " ORDER BY has({failed:Array(Date32)}, day), day DESC LIMIT {days:UInt32})",
            {"days": days, "quiet": quiet, "failed": sorted(self._turns.failed)},
            settings=READ,
        )
        owed, moment = answer.result_rows[0]
        return owed, utc(moment)
