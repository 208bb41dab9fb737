"""A report as one HTML file: it loads nothing, runs nothing, and is read on a telephone and on paper."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import jinja2

from sinks.reports.cells import LONG, count_of, heading, shown, totals_of
from sinks.reports.chart import chart_of
from sinks.reports.model import Report, Table
from sinks.reports.words import WITHHELD_WORD, WORDS

CARDS = 3
"""Tables of more columns, one of bars among them, are shown on a telephone as a card a row."""
WORD = 24
"""Letters of the longest word that is kept whole."""
_BETWEEN_JOINTS = re.compile(r"[^\s/_.-]+")
_AFTER_JOINT = re.compile(r"(?<=[/_.])(?=\w)")


def to_html(report: Report) -> str:
    """Return the report as HTML; whatever came from data is escaped."""
    return _template().render(
        title=report.definition.title,
        intro=report.definition.intro,
        heading=heading(report),
        public=report.definition.audience == "public",
        words=_words(report),
        tables=[_view(report, table) for table in report.tables],
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("sinks.reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html.j2")


def _view(report: Report, table: Table) -> dict[str, Any]:
    question = table.question
    rows = [
        [shown(report, column, value) for column, value in zip(table.columns, row, strict=True)]
        for row in table.rows[:LONG]
    ]
    charted = table.at(question.charted) if question.chart else 0
    values: list[int | None] = [row[charted] for row in table.rows] if question.chart else []
    return {
        "id": question.id,
        "title": question.title,
        "note": question.note,
        "columns": [(column.title, column.kind == "number") for column in table.columns],
        "rows": [[(_parts(cell), _is_long(cell)) for cell in row] for row in rows],
        "left_out": f"{len(table.rows) - LONG:,}" if len(table.rows) > LONG else "",
        "totals": totals_of(report, table.columns, table.totals) if table.totals and rows else [],
        "bars": _bars(values) if question.chart == "bars" else [],
        "figures": _figures(report, rows) if question.chart == "figures" else [],
        "chart": chart_of([row[0] for row in table.rows], values)
        if question.chart == "periods" and rows
        else None,
        "charted": table.columns[charted].title,
        "cards": len(table.columns) + (question.chart == "bars") > CARDS,
    }


def _bars(values: list[int | None]) -> list[float]:
    """The length of each row's bar, of a hundred; one that is withheld has none."""
    top = max((value or 0 for value in values), default=0) or 1
    return [round(100 * (value or 0) / top, 2) for value in values[:LONG]]


def _figures(report: Report, rows: list[list[str]]) -> list[tuple[str, str]]:
    """Figures and what they count; the searches first."""
    return [(count_of(report.counted), "searches"), *((row[1], row[0]) for row in rows)]


def _is_long(cell: str) -> bool:
    """Whether a cell has a word that may break anywhere, or it would widen the page."""
    return any(len(word) > WORD for word in _BETWEEN_JOINTS.findall(cell))


def _parts(cell: str) -> list[str]:
    """A cell in parts between which a line may break: where an id or a file's name has its joints."""
    return _AFTER_JOINT.split(cell)


def _words(report: Report) -> list[tuple[str, str]]:
    if report.definition.audience != "public":
        return []
    return [*WORDS, WITHHELD_WORD] if report.scope.suppress else [*WORDS]
