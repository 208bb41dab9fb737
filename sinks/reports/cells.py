"""Cells as people read them."""

from __future__ import annotations

import unicodedata
from datetime import timedelta
from typing import Any

from sinks.reports.model import WITHHELD, Column, Report

PSEUDONYM = 12
"""How many digits of a pseudonym people are shown: enough to tell officers apart."""
LONG = 2_000
"""Rows of a table that people are shown; where there are more, they are told where to find all."""
NOT_STATED = "not stated"
HIDDEN = "withheld"
_EMPTY = {"provider": "in no catalogue", "agency": "unknown", "person": "nobody named", "text": NOT_STATED}


def shown(report: Report, column: Column, value: Any) -> str:
    """Return a cell as words, without control characters."""
    if value is WITHHELD:
        return HIDDEN
    if column.kind == "number":
        return f"{value:,}" if isinstance(value, int) else str(value)
    if value == "":
        return _EMPTY[column.kind]
    if column.kind in ("agency", "provider"):
        return plain(report.names.get(value, value))
    return plain(value[:PSEUDONYM] if column.kind == "person" else value)


def plain(text: str) -> str:
    """Return a text of one line, in which no character moves, hides or reorders others."""
    return "".join(
        " " if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") else each for each in text
    )


def totals_of(report: Report, columns: tuple[Column, ...], totals: tuple[Any, ...]) -> list[str]:
    """Return the cells of a last row; those that add up nothing are empty."""
    return [
        shown(report, column, value) if value is None or column.kind == "number" and value != "" else value
        for column, value in zip(columns, totals, strict=True)
    ]


def heading(report: Report) -> list[tuple[str, str]]:
    """Return what stands above every report: its statute, period, whose it is, what it counts, what it cannot."""
    scope, definition = report.scope, report.definition
    whose = report.names.get(scope.agency, scope.agency) if scope.agency else "all agencies that report"
    last = scope.end - timedelta(days=1)
    counted = f"{count_of(report.counted)} searches"
    if report.counted == 0:
        counted = "0: no search is recorded in this period"
    lines = [
        ("Asked for by", definition.statute),
        ("Due", definition.due),
        ("Period", f"{scope.first} to {last}, both included, by the clock of {scope.zone}"),
        ("About", plain(whose)),
        (
            "Counted",
            f"{counted}. A search is what a client of a face recognition service says was run (SEARCH); "
            "a site that was reached (ACCESS) or looked up (LOOKUP) is none.",
        ),
        (
            "Not attributed",
            f"{count_of(report.unattributed)} events: of agencies in no register, or unreadable.",
        ),
    ]
    if scope.as_of:
        lines.append(("As of", f"what was taken in before {scope.as_of}"))
    if scope.suppress:
        lines.append(
            ("Withheld", "counts below ten that tell of people, and others from which they would follow")
        )
    return lines


def count_of(number: int | None) -> str:
    """Return a number of events as words."""
    return "fewer than ten" if number is WITHHELD else f"{number:,}"
