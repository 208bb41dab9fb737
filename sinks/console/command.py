"""`frwatch sql`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.errors import NotThere, WrongUse
from schemas.settings import Settings, load_settings
from sinks.console.book import Question, find_question, read_book
from sinks.console.outlet import Format, Outlet, format_for
from sinks.console.runner import run
from sinks.console.session import Session
from sinks.console.statement import Statement, statements
from sinks.console.table import WIDE

LONGEST = 16 << 20
"""Bytes of SQL that are taken from a file or a pipe."""


def sql(
    text: str | None = None,
    /,
    *,
    book: str | None = None,
    list_: Annotated[bool, Parameter("--list", negative=())] = False,
    file: Path | None = None,
    param: Annotated[tuple[str, ...], Parameter("--param", negative=(), consume_multiple=False)] = (),
    format_: Annotated[Format | None, Parameter("--format")] = None,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
    output: Path | None = None,
    limit: int = 1000,
    write: Annotated[bool, Parameter(negative=())] = False,
    database: str = "frwatch",
) -> None:
    """Ask ClickHouse in SQL: a prompt, one statement, a file, or a question of the query book.

        frwatch sql
        frwatch sql "SELECT provider_class, count() FROM counted_searches GROUP BY 1"
        frwatch sql --list
        frwatch sql --book commercial_people --param agency=lapd --format csv --output people.csv

    Parameters
    ----------
    text:
        Statements, apart by `;`. Without any, those of standard input; a prompt on a terminal.
    book:
        A question of the query book, by its name.
    list_:
        List the questions of the query book, with what may be chosen.
    file:
        A file of statements.
    param:
        NAME=VALUE for `{NAME:Type}` in the SQL; may be given several times. It is never part of the text.
    format_:
        table, csv, tsv, json, ndjson, markdown, parquet or arrow; by default what the file's name says.
    as_json:
        The same as --format json; with --list a JSON array.
    output:
        Write to this file, whole or not at all.
    limit:
        Rows of a table that are shown; 0 is all.
    write:
        Let statements change data. Without it the server refuses them.
    database:
        Where names without a database are looked for.
    """
    settings = load_settings()
    if sum((text is not None, book is not None, file is not None, list_)) > 1:
        raise WrongUse("SQL, --book, --file and --list are four ways to ask; give one")
    if as_json and format_ not in (None, "json"):
        raise WrongUse(f"--json and --format {format_} are two formats; give one")
    if limit < 0:
        raise WrongUse(f"--limit {limit} is below 0; 0 shows all rows")
    if list_:
        list_book(settings, as_json=as_json, out=_console())
        return
    form = format_for("json" if as_json else format_, output)
    values = parameters(param)
    if text is None and book is None and file is None and sys.stdin.isatty():
        from sinks.console.prompt import prompt

        prompt(settings, form=form, limit=limit, write=write, database=database)
        return
    source, asked = "", text or ""
    if book is not None:
        question = find_question(settings.queries, book)
        source, asked, values = f"{question.name}.sql", question.sql, question.values(values)
    elif text is None:
        source, asked = _read(file)
    _run_all(
        settings, asked, source, form, values, Outlet(_console(), output=output, limit=limit), write, database
    )


def parameters(given: tuple[str, ...]) -> dict[str, str]:
    """Return NAME=VALUE taken apart.

    Raises:
        WrongUse: one has no `=`, or its name comes twice.
    """
    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or not name.isidentifier():
            raise WrongUse(f"--param {each!r} is not NAME=VALUE, such as agency=lapd")
        if name in found:
            raise WrongUse(f"--param {name} is given twice; give one value")
        found[name] = value
    return found


def list_book(settings: Settings, *, as_json: bool, out: Console) -> None:
    """Print the questions of the query book."""
    questions = read_book(settings.queries).values()
    if as_json:
        print(json.dumps([_as_object(each) for each in questions], ensure_ascii=False))
        return
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for title in ("name", "question", "parameters"):
        grid.add_column(title, overflow="fold", no_wrap=title == "name")
    for each in questions:
        chosen = (
            name if default is None else f"{name}={default}" for name, default in each.parameters.items()
        )
        grid.add_row(each.name, Text(each.question), Text("\n".join(chosen), style="dim"))
    out.print(grid)


def _as_object(question: Question) -> dict[str, object]:
    return {
        "name": question.name,
        "question": question.question,
        "parameters": dict(question.parameters),
        "sql": question.sql,
    }


def _run_all(
    settings: Settings,
    text: str,
    source: str,
    form: Format,
    values: Mapping[str, str],
    outlet: Outlet,
    write: bool,
    database: str,
) -> None:
    asked = statements(text)
    if not asked:
        raise WrongUse('there is no statement; give one, such as frwatch sql "SELECT 1"')
    if outlet.output is not None and len(asked) > 1:
        raise WrongUse(f"--output takes one answer, and there are {len(asked)} statements; give one")
    _check_used(asked, values)
    notes = Console(stderr=True, highlight=False)
    session = Session(settings, write=write, database=database)
    try:
        for statement in asked:
            done = run(session, statement, outlet, form, values=values, notes=notes, source=source)
            if done.shown is not None and (
                note := done.shown.note("--limit 0, or --format csv --output FILE, has all")
            ):
                notes.print(note, soft_wrap=True)
    finally:
        session.close()


def _check_used(asked: list[Statement], values: Mapping[str, str]) -> None:
    for name in values:
        if not any(each.takes(name) for each in asked):
            raise WrongUse(
                f"--param {name} is in no statement; write {{{name}:String}} where its value belongs"
            )


def _read(file: Path | None) -> tuple[str, str]:
    try:
        raw = sys.stdin.buffer.read(LONGEST + 1) if file is None else file.read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise NotThere(f"{file} cannot be read ({error.strerror}); name another file") from None
    except UnicodeDecodeError:
        raise WrongUse(f"{file or 'standard input'} is not UTF-8; save it as such") from None
    if len(raw) > LONGEST:
        raise WrongUse(f"{file or 'standard input'} has more than {LONGEST >> 20} MiB; that is no SQL")
    return str(file or ""), text


def _console() -> Console:
    """What is no terminal gets each row on one line, however long it is."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
