"""Lists of what was searched most: cases, and probes, counted anew now and then.

They only make answers fast (migration 0024 says how): without them, or where they prove nothing, all is
counted. Several workers may make them at one time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources
from typing import Any

from clickhouse_connect.driver import AsyncClient

from sinks.clickhouse.moments import utc
from sinks.clickhouse.mutations import remove
from sinks.clickhouse.named_rows import is_there
from sinks.clickhouse.passes import BOUNDED, READ, numbered

EVERY = timedelta(hours=6)
"""How old a list may be. To make those of fifty million searches takes two cores for three minutes, a
hundredth of this; and of what was touched meanwhile a question counts five days in half a second."""

TABLES = ("rollup_case_lists", "rollup_probe_lists")


@dataclass(frozen=True, slots=True)
class Kind:
    """What is listed in slices, each with room for so many searches; `slices` as in migration 0024.

    Who asks reads all cases that are listed, some million, and of probes the searches themselves, by agency
    and day.
    """

    name: str
    slices: int
    room: int


KINDS = (Kind("case", 16, 250_000), Kind("probe", 8, 25_000))

# A slice to make: there is none, or it is old, or it may name what was expunged meanwhile. Of several
# any one is taken, so that two workers seldom make the same.
_DUE = """
WITH
(SELECT max(marked_at) FROM frwatch.rollup_search_marks) AS touched_at,
(SELECT max(at) + toIntervalSecond(30) FROM frwatch.expungements_raw) AS expunged_at
SELECT kind, slice, if({quiet:Bool}, touched_at + toIntervalSecond(30), now64(6, 'UTC'))
FROM
(
    SELECT kind, slice, max(settled_at) AS made_at
    FROM
    (
        SELECT 'case' AS kind, toUInt8(number) AS slice, toDateTime64(0, 6, 'UTC') AS settled_at
        FROM numbers({case:UInt64})
        UNION ALL
        SELECT 'probe' AS kind, toUInt8(number) AS slice, toDateTime64(0, 6, 'UTC') AS settled_at
        FROM numbers({probe:UInt64})
        UNION ALL
        SELECT 'case' AS kind, slice, settled_at FROM frwatch.rollup_case_lists
        UNION ALL
        SELECT 'probe' AS kind, slice, settled_at FROM frwatch.rollup_probe_lists
    )
    GROUP BY kind, slice
)
WHERE touched_at > toDateTime64(0, 6, 'UTC') AND touched_at > made_at - toIntervalSecond(30)
    AND ({quiet:Bool} OR made_at < expunged_at
        OR made_at < now64(6, 'UTC') - toIntervalSecond({every:UInt32}))
ORDER BY rand() LIMIT 1
"""
# A look that its keeper gives up ends here too.
_LIMITS = {**BOUNDED, "max_execution_time": 60}


class MostSearched:
    """Makes lists. `settle` as often as there is time."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        package = resources.files("sinks.clickhouse")
        self._statements = {
            kind.name: (package / f"{kind.name}_lists.sql").read_text(encoding="utf-8") for kind in KINDS
        }

    async def settle(self, kinds: tuple[Kind, ...] = KINDS, *, quiet: bool = False) -> int:
        """Make one slice of a list that is missing or old; return how many were made, 0 or 1.

        What was touched within the last 30 s stays touched, since an insert may be under way; not so if the
        caller knows that it is `quiet`, and then all that is older than what was touched last is made. It may
        be cut off anywhere and run again.

        Raises:
            clickhouse_connect's errors, OSError, TimeoutError: nothing is made.
        """
        values: dict[str, Any] = {"quiet": quiet, "every": int(EVERY.total_seconds())}
        values |= {kind.name: kind.slices for kind in kinds}
        due = (await self._client.query(_DUE, values, settings=READ)).result_rows
        for name, slice_, moment in due:
            kind = next(each for each in kinds if each.name == name)
            await self._make(kind, int(slice_), utc(moment))
        return len(due)

    async def _make(self, kind: Kind, slice_: int, settled_at: datetime) -> None:
        values = {"slice": slice_, "room": kind.room, **numbered(settled_at)}
        await self._client.command(self._statements[kind.name], values, settings=_LIMITS)


def forget(client: Any) -> None:
    """Remove all lists: they may name what was erased or removed. They are made anew within the hour."""
    for table in TABLES:
        if is_there(client, table):
            remove(client, table, "true")
