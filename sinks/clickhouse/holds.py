"""Legal holds: what is known of a case is kept, whatever its time, until the hold is released."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from schemas.errors import FrwatchError
from schemas.settings import Settings
from sinks.clickhouse.asking import asking
from sinks.clickhouse.moments import utc

_NAMES = (
    "hold_id, agency_id, case_number, placed_at, placed_by, reason,"
    " released_at, released_by, released_because, in_force"
)


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold on a case of an agency; times are UTC. `released_at` is None while it is in force."""

    hold_id: UUID
    agency_id: str
    case_number: str
    placed_at: datetime
    placed_by: str
    reason: str
    released_at: datetime | None = None
    released_by: str = ""
    released_because: str = ""

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "hold_id": str(self.hold_id),
            "agency_id": self.agency_id,
            "case_number": self.case_number,
            "placed_at": self.placed_at.isoformat(),
            "placed_by": self.placed_by,
            "reason": self.reason,
            "released_at": self.released_at.isoformat() if self.released_at else None,
            "released_by": self.released_by or None,
            "released_because": self.released_because or None,
        }


def place_hold(settings: Settings, agency_id: str, case_number: str, by: str, reason: str) -> Hold:
    """Put a case on hold: from then on no statement removes anything of it. It may have several holds."""
    hold = Hold(uuid4(), agency_id, case_number, datetime.now(UTC), by, reason)
    _say(settings, hold, "placed", hold.placed_at, by, reason)
    return hold


def release_hold(settings: Settings, hold_id: UUID, by: str, reason: str) -> Hold:
    """Release a hold, and return it as it stands then.

    Raises:
        FrwatchError: there is no such hold, or it was released before.
    """
    found = [hold for hold in find_holds(settings, released=True) if hold.hold_id == hold_id]
    if not found:
        raise FrwatchError(f"there is no hold {hold_id}; `frwatch hold list` has them")
    if found[0].released_at is not None:
        raise FrwatchError(
            f"hold {hold_id} was released {found[0].released_at:%Y-%m-%d %H:%M} UTC"
            f" by {found[0].released_by}; nothing is changed"
        )
    _say(settings, found[0], "released", datetime.now(UTC), by, reason)
    return next(hold for hold in find_holds(settings, released=True) if hold.hold_id == hold_id)


def find_holds(
    settings: Settings,
    *,
    agency_id: str | None = None,
    case_number: str | None = None,
    released: bool = False,
) -> list[Hold]:
    """Return the holds in force, the oldest first; with `released` those that were released too."""
    given = {"agency_id": agency_id, "case_number": case_number}
    parameters = {name: value for name, value in given.items() if value is not None}
    terms = [f"{name} = {{{name}:String}}" for name in parameters] + ([] if released else ["in_force"])
    where = " AND ".join(terms) or "1"
    sql = f"SELECT {_NAMES} FROM frwatch.legal_holds WHERE {where} ORDER BY placed_at, hold_id"  # noqa: S608
    with asking(settings) as client:
        rows = client.query(sql, parameters, settings=UNLOGGED).result_rows
    return [_hold(row) for row in rows]


# A server's log of queries is no place for a case number.
UNLOGGED: dict[str, Any] = {"log_queries": 0, "select_sequential_consistency": 1}


def _say(settings: Settings, hold: Hold, action: str, at: datetime, by: str, reason: str) -> None:
    row = {
        "hold_id": str(hold.hold_id),
        "action": action,
        "agency_id": hold.agency_id,
        "case_number": hold.case_number,
        "at": f"{at:%Y-%m-%d %H:%M:%S.%f}",
        "said_by": by,
        "reason": reason,
    }
    with asking(settings) as client:
        client.raw_insert(
            "frwatch.legal_holds_raw",
            column_names=list(row),
            insert_block=json.dumps(row),
            fmt="JSONEachRow",
            settings={
                "insert_deduplicate": 1,
                "insert_deduplication_token": f"hold:{hold.hold_id}:{action}",
                "async_insert": 0,
            },
        )


def _hold(row: tuple[Any, ...]) -> Hold:
    hold_id, agency_id, case_number, placed_at, placed_by, reason, released_at, by, because, in_force = row
    return Hold(
        hold_id,
        agency_id,
        case_number,
        utc(placed_at),
        placed_by,
        reason,
        None if in_force else utc(released_at),
        by,
        because,
    )
