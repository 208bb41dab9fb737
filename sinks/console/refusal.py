"""What ClickHouse says when it refuses a statement, as one line: code, place in the text, and reason."""

from __future__ import annotations

import re

from schemas.errors import FrwatchError, NotThere, WrongUse
from sinks.clickhouse.faults import error_code
from sinks.console.statement import Statement, bare

_HEAD = re.compile(r"Code: (\d+)\. DB::Exception: ")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)\s*(?:\(version [^)]*\)|\(for url|$)")
_POSITION = re.compile(r"failed at position (\d+)")
_LINE = re.compile(r"\(line (\d+), col (\d+)\)")
_CULPRIT = re.compile(r"(?:identifier|[Ff]unction with name|Substitution|Table|setting) [`']?([\w.]+)[`']?")
_LONGEST = 300

_OF_THE_TEXT = frozenset(
    {6, 27, 36, 38, 41, 42, 43, 44, 46, 47, 50, 53, 57, 60, 62, 63, 69, 70, 72, 73, 81, 115, 164, 179, 184}
    | {190, 215, 352, 376, 386, 395, 403, 452, 456, 457, 497}
)
"""Codes of what whoever wrote the statement can mend; what remains is the server's: time, memory, quota."""
_OF_THE_LOGIN = frozenset({192, 193, 194, 516})


def refusal(error: BaseException | str, statement: Statement, source: str = "") -> FrwatchError:
    """Return the error that a person reads; `source` is the file that the statement came from."""
    said = str(error)
    if isinstance(error, BaseException) and error_code(error) is None:
        return NotThere(
            f"ClickHouse does not answer any more ({type(error).__name__}); start it with `frwatch up`, "
            "or set FRWATCH_CLICKHOUSE"
        )
    code = error_code(error) if isinstance(error, BaseException) else _code(said)
    name = _NAME.search(said)
    where = _place(said, statement)
    place = f"{source}:{where[0]}:{where[1]}" if source and where else source
    if where and not source:
        place = f"line {where[0]}, column {where[1]}"
    title = f"ClickHouse error {code}" + (f" {name[1]}" if name else "") if code else "ClickHouse"
    text = f"{title}{f' at {place}' if place else ''}: {_reason(said)}{_remedy(code)}"
    if code in _OF_THE_LOGIN:
        return NotThere(f"{text}; correct FRWATCH_CLICKHOUSE")
    return WrongUse(text) if code in _OF_THE_TEXT else FrwatchError(text)


def _code(said: str) -> int | None:
    found = _HEAD.search(said)
    return int(found[1]) if found else None


def _reason(said: str) -> str:
    """The engine's own words, without what only its developers need."""
    text = said[found.end() :] if (found := _HEAD.search(said)) else said
    for tail in (" In scope ", ". Expected one of: ", ": In scope ", ": while executing", " (version "):
        text = text.split(tail, 1)[0]
    text = re.sub(r"\s*\([A-Z0-9_]+\)\s*$", "", " ".join(text.split())).rstrip(" .:")
    text = re.sub(
        r"Syntax error: failed at position \d+ \((.*?)\)(?: \(line \d+, col \d+\))?.*",
        r"syntax error at: \1",
        text,
    )
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _place(said: str, statement: Statement) -> tuple[int, int] | None:
    if found := _LINE.search(said):
        return statement.place(int(found[1]), int(found[2]))
    if found := _POSITION.search(said):
        before = statement.text.encode()[: int(found[1]) - 1].decode(errors="ignore")
        return statement.place(before.count("\n") + 1, len(before) - before.rfind("\n"))
    if found := _CULPRIT.search(said):
        word = found[1].rsplit(".", 1)[-1]
        hits = list(re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", bare(statement.text)))
        if len(hits) == 1:
            before = statement.text[: hits[0].start()]
            return statement.place(before.count("\n") + 1, len(before) - before.rfind("\n"))
    return None


def _remedy(code: int | None) -> str:
    return {
        60: "; `tables` or SHOW TABLES lists what there is",
        81: "; `frwatch migrate` makes the database",
        164: "; the console only reads: --write lets it change data",
        456: "; give it: --param NAME=VALUE",
        457: "; correct the value of --param",
        497: "; ask for the right, or ask something else",
        159: "; ask for less, or SET max_execution_time",
        241: "; ask for less: fewer columns, a shorter time",
    }.get(code or 0, "")
