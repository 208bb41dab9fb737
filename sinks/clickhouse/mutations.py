"""Mutations: rows changed or removed for good, partition by partition, each waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
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

    What is inserted meanwhile is not looked at. Only partitions with such rows are written anew. The text of
    a mutation stays on the server's disk: `where` must hold nothing that is to be forgotten.
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
    for partition, _ in found:
        between = f"{assigned} IN PARTITION ID '{partition}'".strip()
        client.command(f"ALTER TABLE frwatch.{table} {verb} {between} WHERE {where}", settings=_SETTINGS)
    return sum(int(rows) for _, rows in found)


def await_old_parts(
    client: Any, tables: Iterable[str], seconds: float, told: Callable[[int], None] = lambda _: None
) -> dict[str, int]:
    """Wait until the disk has no part that a mutation replaced; return how many are left, by table.

    The engine removes them by itself, `old_parts_lifetime` and `cleanup_delay_period` after the mutation.
    `told` is called with the number of parts that are waited for, as it falls.
    """
    names = sorted(tables)
    deadline = time.monotonic() + seconds
    last = -1
    while True:
        rows = client.query(
            "SELECT table, count() FROM system.parts WHERE database = 'frwatch' AND NOT active"
            " AND has({tables:Array(String)}, table) GROUP BY table",
            {"tables": names},
        ).result_rows
        left = {str(table): int(parts) for table, parts in rows}
        if not left or time.monotonic() >= deadline:
            return left
        if sum(left.values()) != last:
            last = sum(left.values())
            told(last)
        time.sleep(POLL_SECONDS)
