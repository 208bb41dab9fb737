"""A report as one HTML file: it loads nothing, runs nothing, and is read on a telephone and on paper."""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2

from sinks.reports.cells import heading, shown, totals_of
from sinks.reports.model import Report, Table

BAR = 100
COLUMNS_HEIGHT = 120


def to_html(report: Report) -> str:
    """Return the report as HTML; whatever came from data is escaped."""
    return _template().render(
        title=report.definition.title,
        intro=report.definition.intro,
        heading=heading(report),
        public=report.definition.audience == "public",
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
        for row in table.rows
    ]
    at = table.at(question.charted) if question.chart else 0
    values = [row[at] or 0 for row in table.rows] if question.chart else []
    top = max(values, default=0) or 1
    return {
        "id": question.id,
        "title": question.title,
        "note": question.note,
        "columns": [(column.title, column.kind == "number") for column in table.columns],
        "rows": rows,
        "totals": totals_of(report, table.columns, table.totals) if table.totals and rows else [],
        "bars": _bars(rows, values, top) if question.chart == "bars" else [],
        "chart": _columns(rows, values, top) if question.chart == "months" and values else None,
        "bar_at": at,
        "charted": table.columns[at].title if question.chart else "",
        "wide": len(table.columns) > 3,
    }


def _bars(rows: list[list[str]], values: list[int], top: int) -> list[float]:
    """The length of each row's bar, of `BAR`."""
    return [round(BAR * value / top, 2) for _, value in zip(rows, values, strict=True)]


def _columns(rows: list[list[str]], values: list[int], top: int) -> dict[str, Any]:
    """A column for each row, from left to right; `top` is what the highest stands for."""
    return {
        "width": 10 * len(values),
        "height": COLUMNS_HEIGHT,
        "columns": [
            {
                "x": 10 * number + 1,
                "y": round(COLUMNS_HEIGHT * (1 - value / top), 2),
                "height": round(COLUMNS_HEIGHT * value / top, 2),
                "label": f"{row[0]}: {value:,}",
            }
            for number, (row, value) in enumerate(zip(rows, values, strict=True))
        ],
        "first": rows[0][0],
        "last": rows[-1][0],
        "top": f"{top:,}",
    }
