"""The questions of the demo, each a file `queries/NAME.sql` that runs as it stands, and their answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver import Client

from schemas.settings import Settings
from sinks.clickhouse.client import clickhouse_address


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a query, under the names of its columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def records(self) -> list[dict[str, Any]]:
        """The rows as dictionaries."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def open_client(settings: Settings) -> Client:
    """Return a client of ClickHouse; close it."""
    return clickhouse_connect.get_client(**clickhouse_address(settings), autogenerate_session_id=False)


@cache
def query_text(name: str) -> str:
    """Return the SQL of `queries/NAME.sql`."""
    return (resources.files("deploy.demo") / "queries" / f"{name}.sql").read_text(encoding="utf-8").strip()


def ask(client: Client, name: str) -> Answer:
    """Run `queries/NAME.sql`."""
    result = client.query(query_text(name))
    return Answer(tuple(result.column_names), tuple(tuple(row) for row in result.result_rows))
