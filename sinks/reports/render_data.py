"""A report for programs: JSON and CSV, with ids and whole pseudonyms."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from sinks.reports.cells import HIDDEN
from sinks.reports.model import WITHHELD, Report, Table

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def to_json(report: Report) -> str:
    """Return the report as one JSON object; a number that is withheld is null."""
    scope, definition = report.scope, report.definition
    data = {
        "report": definition.name,
        "title": definition.title,
        "statute": definition.statute,
        "due": definition.due,
        "audience": definition.audience,
        "from": scope.first.isoformat(),
        "to": scope.end.isoformat(),
        "zone": scope.zone,
        "agency": scope.agency,
        "as_of": scope.as_of or None,
        "counts": "evidence SEARCH in a service that matches faces; never ACCESS or LOOKUP",
        "counted": report.counted,
        "unattributed": report.unattributed,
        "suppressed": scope.suppress,
        "tables": [_as_object(table) for table in report.tables],
        "names": dict(sorted(report.names.items())),
    }
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def to_csv(report: Report, table_id: str | None = None) -> str:
    """Return one table, or all: each with a line of its id before it and an empty one behind.

    A cell of words that a spreadsheet would take for a formula begins with an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for table in report.tables:
        if table_id is None:
            writer.writerow([f"table: {table.id}"])
        elif table.id != table_id:
            continue
        writer.writerow([column.name for column in table.columns])
        writer.writerows([_safe(value) for value in row] for row in table.rows)
        if table_id is None:
            writer.writerow([])
    return out.getvalue()


def _as_object(table: Table) -> dict[str, Any]:
    names = [column.name for column in table.columns]
    return {
        "id": table.id,
        "title": table.question.title,
        "note": table.question.note,
        "rows": [dict(zip(names, row, strict=True)) for row in table.rows],
    }


def _safe(value: Any) -> Any:
    if value is WITHHELD:
        return HIDDEN
    if isinstance(value, str) and (value.startswith(_FORMULA) or value.lstrip().startswith(_FORMULA)):
        return f"'{value}"
    return value
