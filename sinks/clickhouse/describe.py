"""Comments of views: a column of a view says what the column of the same name says where it is read from.

Columns have one meaning under one name in all tables. A view that is made anew loses its comments, so this
runs after each migration.
"""

from __future__ import annotations

import re

from clickhouse_connect.driver import AsyncClient

Column = tuple[str, str]
"""A table or view, and a column of it."""

_READ = re.compile(r"\bfrwatch\.(\w+)")


async def describe_views(client: AsyncClient) -> int:
    """Give each column of a view without a comment that of its source; return how many were given.

    Of several sources the first in the view's text that has the column decides. What a column says itself
    stays.
    """
    views = await _views(client)
    answer = await client.query("SELECT table, name, comment FROM system.columns WHERE database = 'frwatch'")
    said = {(table, column): comment for table, column, comment in answer.result_rows}
    source: dict[Column, Column] = {}
    for view, column in (each for each, comment in said.items() if not comment and each[0] in views):
        if found := next(((each, column) for each in views[view] if (each, column) in said), None):
            source[view, column] = found
    given: dict[Column, str] = {}
    # Views read views: whatever one of them learns, those above it may learn next.
    while learnt := {each: said[of] for each, of in source.items() if said[of] and each not in given}:
        given |= learnt
        said |= learnt
    for view in sorted({view for view, _ in given}):
        parts = [
            f"COMMENT COLUMN `{column}` {_quoted(comment)}"
            for (of, column), comment in sorted(given.items())
            if of == view
        ]
        await client.command(f"ALTER TABLE frwatch.`{view}` {', '.join(parts)}")
    return len(given)


async def _views(client: AsyncClient) -> dict[str, list[str]]:
    """The tables and views that each view names, in the order of its text; a target of it comes first."""
    answer = await client.query(
        "SELECT name, create_table_query FROM system.tables"
        " WHERE database = 'frwatch' AND engine IN ('View', 'MaterializedView')"
    )
    return {
        name: [each for each in dict.fromkeys(_READ.findall(text)) if each != name]
        for name, text in answer.result_rows
    }


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
