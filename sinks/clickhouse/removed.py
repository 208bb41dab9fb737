"""What has been removed or expunged, so that no copy of it comes back: read before rows are inserted."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from clickhouse_connect.driver import AsyncClient

from sinks.clickhouse.erasure import Name
from sinks.clickhouse.moments import utc

SECONDS = 1.0
"""For how long what was read holds."""
# A table's count is known without reading it, and rises with each word that is added.
_COUNTS = (
    "SELECT (SELECT count() FROM frwatch.retention_floors_raw),"
    " (SELECT count() FROM frwatch.legal_holds_raw),"
    " (SELECT count() FROM frwatch.expungements_raw),"
    " (SELECT count() FROM frwatch.expunged_rows)"
)


@dataclass(frozen=True, slots=True)
class Removed:
    """What is not to be stored, or not as it comes.

    `floors` has, by agency (empty for all others) and evidence, from when on events are kept, UTC; `held` the
    cases (agency and plain number) that are kept whatever their time. `names` are to be erased wherever they
    come, and in the events (16 bytes each) that an expungement has erased before.
    """

    floors: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    held: frozenset[tuple[str, str]] = frozenset()
    names: frozenset[Name] = frozenset()
    events: Mapping[bytes, frozenset[Name]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.floors or self.names)


class RemovedLog:
    """Reads what was removed, anew where it has changed; what was read holds for a second."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client
        self._until = 0.0
        self._counts: tuple[int, ...] = ()
        self._removed = Removed()

    async def now(self) -> Removed:
        """Return what was removed up to a second ago.

        Raises:
            clickhouse_connect's errors, OSError, TimeoutError: it cannot be read for now.
        """
        if time.monotonic() < self._until:
            return self._removed
        asked = time.monotonic()
        counts = tuple((await self._rows(_COUNTS))[0])
        if counts != self._counts:
            self._removed = await self._read()
            self._counts = counts
        self._until = asked + SECONDS
        return self._removed

    async def _read(self) -> Removed:
        floors = await self._rows("SELECT agency_id, evidence, before FROM frwatch.retention_floors")
        held = await self._rows("SELECT DISTINCT agency_id, case_number FROM frwatch.held_cases")
        rows = await self._rows("SELECT expungement_id, kind, agency_id, named FROM frwatch.expungements")
        names = {each: Name(kind, agency_id, named) for each, kind, agency_id, named in rows}
        events: defaultdict[bytes, set[Name]] = defaultdict(set)
        listed = await self._rows(
            "SELECT DISTINCT id, expungement_id FROM frwatch.expunged_rows WHERE kind = 'search'"
        )
        for event_id, expungement_id in listed:
            if expungement_id in names:
                events[UUID(event_id).bytes].add(names[expungement_id])
        return Removed(
            {(agency_id, evidence): utc(before) for agency_id, evidence, before in floors},
            frozenset((agency_id, case) for agency_id, case in held),
            frozenset(names.values()),
            {event_id: frozenset(its) for event_id, its in events.items()},
        )

    async def _rows(self, sql: str) -> Any:
        return (await self._client.query(sql, settings={"select_sequential_consistency": 1})).result_rows
