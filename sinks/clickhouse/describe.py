"""Comments of views: a column of a view says what the column of the same name says where it is read from.

Columns have one meaning under one name in all tables. A view that is made anew loses its comments, so this
runs after each migration.
"""

from __future__ import annotations

import re

from clickhouse_connect.driver import AsyncClient

_READ = re.compile(r"\bfrwatch\.(\w+)")


async def describe_views(client: AsyncClient) -> int:
    """Give each column of a view without a comment that of its source; return how many were given.

    Of several sources the first that the view's text names decides. What a column says itself stays.
    """
    sources = await _sources(client)
    said, silent = await _comments(client, sources)
    given: dict[tuple[str, str], str] = {}
    # Views read views: whatever one of them learns, those above it may learn next.
    while found := {
        (view, column): comment
        for view, column in silent - given.keys()
        if (comment := next((said[each, column] for each in sources[view] if (each, column) in said), ""))
    }:
        given |= found
        said |= found
    for view in sorted({view for view, _ in given}):
        parts = [
            f"COMMENT COLUMN `{column}` {_quoted(comment)}"
            for (of, column), comment in sorted(given.items())
            if of == view
        ]
        await client.command(f"ALTER TABLE frwatch.`{view}` {', '.join(parts)}")
    return len(given)


async def _sources(client: AsyncClient) -> dict[str, list[str]]:
    """The tables and views that each view names, in the order of its text; a target of it comes first."""
    answer = await client.query(
        "SELECT name, create_table_query FROM system.tables"
        " WHERE database = 'frwatch' AND engine IN ('View', 'MaterializedView')"
    )
    return {
        name: [each for each in dict.fromkeys(_READ.findall(text)) if each != name]
        for name, text in answer.result_rows
    }


async def _comments(
    client: AsyncClient, views: dict[str, list[str]]
) -> tuple[dict[tuple[str, str], str], set[tuple[str, str]]]:
    """The comments that there are, and the columns of views that have none, by table and column."""
    answer = await client.query("SELECT table, name, comment FROM system.columns WHERE database = 'frwatch'")
    said = {(table, column): comment for table, column, comment in answer.result_rows if comment}
    silent = {(table, column) for table, column, comment in answer.result_rows if not comment}
    return said, {each for each in silent if each[0] in views}


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
