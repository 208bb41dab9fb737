"""Mutations: rows changed or removed for good, and waited for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

_SETTINGS: dict[str, Any] = {
    # All replicas are waited for.
    "mutations_sync": 2,
    # A subquery over tables that change: that is the point, what a hold keeps is looked up when rows go.
    "allow_nondeterministic_mutations": 1,
    "max_query_size": 1 << 22,
}
POLL_SECONDS = 0.5


def remove(client: Any, table: str, where: str) -> int:
    """Remove the rows of a table of database frwatch that a condition selects; return how many there were.

    What is inserted meanwhile is not looked at. Only parts with such rows are written anew. The text of a
    mutation stays on the server's disk: `where` must hold nothing that is to be forgotten.
    """
    return _mutate(client, table, "DELETE", where)


def change(client: Any, table: str, values: Mapping[str, str], where: str) -> int:
    """Set columns to expressions in the rows that a condition selects; return how many there were.

    As `remove`; the expressions, too, stay on the server's disk.
    """
    assigned = ", ".join(f"{column} = {expression}" for column, expression in values.items())
    return _mutate(client, table, f"UPDATE {assigned}", where)


def _mutate(client: Any, table: str, action: str, where: str) -> int:
    counted = f"SELECT _partition_id, count() FROM frwatch.{table} WHERE {where} GROUP BY 1 ORDER BY 1"
    found = client.query(counted, settings={"select_sequential_consistency": 1}).result_rows
    verb, _, assigned = action.partition(" ")
    if found:
        # A mutation is a task for every part of the table (0.1 s each on two busy cores), even where it is
        # about one partition: so there is one for all of them.
        place = f"IN PARTITION ID '{found[0][0]}'" if len(found) == 1 else ""
        between = " ".join(filter(None, (assigned, place)))
        client.command(f"ALTER TABLE frwatch.{table} {verb} {between} WHERE {where}", settings=_SETTINGS)
    return sum(int(rows) for _, rows in found)


def await_old_parts(client: Any, tables: Iterable[str], seconds: float) -> dict[str, int]:
    """Wait until the disk has none of the parts that are replaced by now; return how many are left, by table.

    The engine removes them by itself, `old_parts_lifetime` and `cleanup_delay_period` after the mutation.
    """
    deadline = time.monotonic() + seconds
    first = _old_parts(client, tables)
    while True:
        left = first & _old_parts(client, tables)
        if not left or time.monotonic() >= deadline:
            return dict(Counter(table for table, _ in left))
        time.sleep(POLL_SECONDS)


def _old_parts(client: Any, tables: Iterable[str]) -> set[tuple[str, str]]:
    rows = client.query(
        "SELECT table, name FROM system.parts WHERE database = 'frwatch' AND NOT active"
        " AND has({tables:Array(String)}, table)",
        {"tables": sorted(tables)},
    ).result_rows
    return {(str(table), str(name)) for table, name in rows}
