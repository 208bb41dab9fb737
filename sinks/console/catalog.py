"""What a server has that a statement may name: tables, their columns, functions and keywords."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sinks.console.session import Session


@dataclass(frozen=True, slots=True)
class Catalog:
    """`tables` has the columns of each table with their types; those of `system` are named with it.

    `functions` says of each whether it is an aggregate.
    """

    tables: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    functions: Mapping[str, bool] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()

    def columns(self, table: str) -> Mapping[str, str]:
        """Return the columns of a table; a name with its database is found too."""
        return self.tables.get(table) or self.tables.get(table.rpartition(".")[2]) or {}


def read_catalog(session: Session) -> Catalog:
    """Return what the server has; what the user may not see is missing."""
    tables: dict[str, dict[str, str]] = {}
    for database, table, name, kind in session.rows(
        "SELECT database, table, name, type FROM system.columns"
        " WHERE database IN (currentDatabase(), 'system') ORDER BY database, table, position"
    ):
        full = f"system.{table}" if database == "system" else str(table)
        tables.setdefault(full, {})[str(name)] = str(kind)
    functions = session.rows("SELECT name, is_aggregate FROM system.functions ORDER BY name")
    keywords = session.rows("SELECT keyword FROM system.keywords ORDER BY keyword")
    return Catalog(
        tables=tables,
        functions={str(name): bool(aggregate) for name, aggregate in functions},
        keywords=tuple(str(keyword) for (keyword,) in keywords),
        databases=tuple(
            str(name) for (name,) in session.rows("SELECT name FROM system.databases ORDER BY name")
        ),
    )
