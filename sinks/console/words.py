"""Words of the prompt that are no SQL: what there is, how answers are shown, and how to leave."""

from __future__ import annotations

import re
from collections.abc import Mapping

from schemas.errors import WrongUse
from sinks.console.session import Session
from sinks.console.statement import is_whole
from sinks.console.table import Shown

HELP = """\
Statements end with `;` and may have many lines. Tab completes, Up and Ctrl-R go back, Ctrl-C cancels.

  tables                        what may be asked, with what each is
  describe NAME   (or \\d NAME)  columns of a table, with their types and what they mean
  book                          the questions of the query book; book NAME agency=lapd asks one
  format NAME                   table, csv, tsv, json, ndjson, markdown
  limit N                       rows of a table that are shown; 0 is all
  SET name = value              a setting of the engine, for what is asked from then on
  USE name                      another database
  quit            (or Ctrl-D)   leave

Only evidence SEARCH is a search: counted_searches has those. What begins with a space, or may hold a secret,
is not kept in the history.
"""
WORDS = ("help", "tables", "describe", "book", "format", "limit", "quit", "exit")
_WORD = re.compile(r"(help|\?|tables|book|format|limit|quit|exit|\\[qd?l])(?:\s+(.*?))?\s*;?\s*", re.DOTALL)
_DESCRIBE = re.compile(r"(?:describe|desc|\\d)\s+([\w.]+)\s*;?\s*", re.IGNORECASE)
_SAME = {"?": "help", "\\?": "help", "exit": "quit", "\\q": "quit", "\\d": "tables", "\\l": "tables"}
_SET = re.compile(r"SET\s+(.+)", re.IGNORECASE | re.DOTALL)
_ONE_SETTING = re.compile(r"\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|[^,\s]+)\s*(?:,|\Z)")


def word_of(text: str) -> tuple[str, str] | None:
    """Return a word of the prompt and what stands behind it; None where the text is SQL."""
    stripped = text.strip()
    if found := _DESCRIBE.fullmatch(stripped):
        return "describe", found[1]
    if found := _WORD.fullmatch(stripped):
        return _SAME.get(found[1], found[1]), (found[2] or "").strip()
    return None


def settings_of(text: str) -> dict[str, str] | None:
    """Return what a SET statement sets; None where the text is none.

    Raises:
        WrongUse: it is one, and cannot be read, or would let the console write.
    """
    said = _SET.fullmatch(text.strip().rstrip(";").strip())
    if said is None:
        return None
    found, at = {}, 0
    while at < len(said[1]):
        one = _ONE_SETTING.match(said[1], at)
        if one is None:
            raise WrongUse("write SET name = value, or SET name = 'text', name = value")
        found[one[1]] = one[2].strip("'")
        at = one.end()
    if "readonly" in found:
        raise WrongUse("the console only reads; leave it, and come back with `frwatch sql --write`")
    return found


def tables(session: Session) -> Shown:
    """Return what may be asked in the database: views, and tables that have none; with their comments."""
    rows = session.rows(
        "SELECT name, comment FROM system.tables WHERE database = currentDatabase()"
        " AND engine != 'MaterializedView' AND NOT endsWith(name, '_raw') ORDER BY name"
    )
    return _shown(("name", "what it has"), rows)


def describe(session: Session, table: str) -> Shown:
    """Return the columns of a table. One without a comment has that of the column that a view takes it from.

    Raises:
        WrongUse: there is no such table.
    """
    database, _, name = table.rpartition(".")
    rows = session.rows(
        "SELECT name, type, comment FROM system.columns WHERE table = {table:String}"
        " AND database = if({database:String} = '', currentDatabase(), {database:String}) ORDER BY position",
        {"table": name, "database": database},
    )
    if not rows:
        raise WrongUse(f"there is no table {table}; `tables` lists what there is")
    meant = _comments(session, name)
    return _shown(
        ("column", "type", "what it means"),
        [(column, kind, comment or meant.get(column, "")) for column, kind, comment in rows],
    )


def _comments(session: Session, name: str) -> Mapping[str, str]:
    rows = session.rows(
        "SELECT name, comment FROM system.columns WHERE database = currentDatabase() AND comment != ''"
        " AND table IN ('searches_raw', {raw:String}) ORDER BY table = {raw:String}",
        {"raw": f"{name}_raw"},
    )
    return {str(column): str(comment) for column, comment in rows}


def _shown(names: tuple[str, ...], rows: list[tuple[object, ...]]) -> Shown:
    cells = tuple(tuple(str(cell) for cell in row) for row in rows)
    return Shown(names, ("String",) * len(names), cells)


def is_typed_out(text: str) -> bool:
    """Whether Enter ends what is typed: a word of the prompt, nothing, or statements up to their `;`."""
    return not text.strip() or word_of(text) is not None or is_whole(text)
