"""A report for people: in a terminal, and as Markdown."""

from __future__ import annotations

import io
import re

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from sinks.reports.cells import LONG, heading, shown, totals_of
from sinks.reports.model import Report, Table

WIDTH = 100
_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~&])")


def to_terminal(report: Report) -> str:
    """Return the report as tables of at most `WIDTH` columns, without colours."""
    out = io.StringIO()
    console = Console(file=out, width=WIDTH, no_color=True, highlight=False, force_terminal=False)
    console.print(Text(report.definition.title.upper()))
    for name, said in heading(report):
        console.print(Text(f"{name + ':':<16}").append(said))
    console.print(Text("\n" + report.definition.intro))
    for table in report.tables:
        console.print()
        if len(table.rows) > LONG:
            console.print(
                Text(f"{table.question.title}: {len(table.rows):,} lines; --format csv --table {table.id}")
            )
            continue
        console.print(Text(table.question.title))
        console.print(_grid(report, table))
        if table.question.note:
            console.print(Text(table.question.note))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def to_markdown(report: Report) -> str:
    """Return the report as Markdown, with whatever came from data escaped."""
    lines = [f"# {_escaped(report.definition.title)}", ""]
    lines += [f"- **{name}:** {_escaped(said)}" for name, said in heading(report)]
    lines += ["", _escaped(report.definition.intro)]
    for table in report.tables:
        lines += ["", f"## {_escaped(table.question.title)}", ""]
        lines += [_line([_escaped(column.title) for column in table.columns])]
        lines += [_line(["---:" if column.kind == "number" else "---" for column in table.columns])]
        lines += [_line([_escaped(cell) for cell in row]) for row in _cells(report, table)]
        if not table.rows:
            lines += ["", "None."]
        if table.question.note:
            lines += ["", _escaped(table.question.note)]
    return "\n".join(lines) + "\n"


def _grid(report: Report, table: Table) -> Grid:
    grid = Grid(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        show_footer=False,
    )
    for column in table.columns:
        right = column.kind == "number"
        grid.add_column(
            Text(column.title),
            justify="right" if right else "left",
            overflow="fold",
            no_wrap=column.name == "rule",
        )
    for row in _cells(report, table):
        grid.add_row(*(Text(cell) for cell in row))
    if not table.rows:
        grid.add_row("none")
    return grid


def _cells(report: Report, table: Table) -> list[list[str]]:
    rows = [
        [shown(report, column, value) for column, value in zip(table.columns, row, strict=True)]
        for row in table.rows
    ]
    return rows + ([totals_of(report, table.columns, table.totals)] if table.totals and rows else [])


def _escaped(text: str) -> str:
    return _MARKS.sub(r"\\\1", text)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
