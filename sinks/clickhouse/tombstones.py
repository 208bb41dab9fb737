"""Tombstones: that something was expunged, when and on whose authority; not what it was."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from sinks.clickhouse.erasure import Name

_SPACE = UUID("3f0d8f3e-52a1-5c56-9d3b-6f2f6f2b7c11")


@dataclass(frozen=True, slots=True)
class Order:
    """What a court has ordered to be forgotten, on whose authority, and who carries it out.

    `demographics` says whether age, race and gender of outcomes are to go too.
    """

    name: Name
    court_order: str
    by: str
    demographics: bool = False

    @property
    def id(self) -> UUID:
        """The same for the same name under the same order."""
        return uuid5(_SPACE, f"{self.name.hashed}/{self.court_order}")


def note(client: Any, order: Order, step: str, rows: dict[str, int]) -> None:
    """Write down a step: begun (once), finished, or again; `rows` counts what has been erased, by kind."""
    at = datetime.now(UTC)
    row = {
        "expungement_id": str(order.id),
        "step": step,
        "at": f"{at:%Y-%m-%d %H:%M:%S.%f}",
        "said_by": order.by,
        "court_order": order.court_order,
        "kind": order.name.kind,
        "agency_id": order.name.agency_id,
        "named": order.name.hashed,
        "demographics": order.demographics,
        "rows": rows,
    }
    once = f"expunge:{order.id}:{step}"
    client.raw_insert(
        "frwatch.expungements_raw",
        column_names=list(row),
        insert_block=json.dumps(row),
        fmt="JSONEachRow",
        settings={
            "insert_deduplicate": 1,
            "insert_deduplication_token": once if step == "begun" else f"{once}:{at.timestamp()}",
            "async_insert": 0,
        },
    )


def orders(client: Any, by: str) -> list[Order]:
    """Return what was ordered so far, the oldest first, for `by` to see to it again."""
    rows = client.query(
        "SELECT kind, agency_id, named, court_order, demographics FROM frwatch.expungements ORDER BY begun_at"
    ).result_rows
    return [
        Order(Name(kind, agency_id, named), court_order, by, demographics=bool(demographics))
        for kind, agency_id, named, court_order, demographics in rows
    ]


def is_finished(client: Any, order: Order) -> bool:
    """Whether a run of it came to its end."""
    sql = "SELECT isNotNull(finished_at) FROM frwatch.expungements WHERE expungement_id = {id:UUID}"
    return bool(client.query(sql, {"id": order.id}).result_rows[0][0])
