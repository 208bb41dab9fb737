"""A report asked of ClickHouse: the same data and the same scope give the same report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from schemas.settings import Settings
from sinks.clickhouse.asking import asking
from sinks.reports.model import WITHHELD, Definition, Question, Report, Scope, Table
from sinks.reports.shared import ATTRIBUTION, UNATTRIBUTED
from sinks.reports.suppress import BELOW, suppress

NEVER = "2299-01-01 00:00:00.000000"
"""Later than anything that is taken in."""


def answer(settings: Settings, definition: Definition, scope: Scope, names: Mapping[str, str]) -> Report:
    """Return a report; `names` has what agencies and services are called, by their ids.

    Nothing is written, and no clock is read.

    Raises:
        NotThere: ClickHouse does not answer.
        FrwatchError: it refuses a question, as where the tables are older than this version.
    """
    parameters = parameters_of(scope)
    with asking(settings) as client:
        tables = [_table(client, question, parameters) for question in definition.questions]
    counts = next(dict(table.rows) for table in tables if table.question is ATTRIBUTION)
    if scope.suppress:
        tables = suppress(tables)
    return Report(
        definition=definition,
        scope=scope,
        counted=_open(counts["searches that are counted"], scope),
        unattributed=_open(sum(counts[what] for what in UNATTRIBUTED), scope),
        tables=tuple(tables),
        names=names,
    )


def full_text(question: Question) -> str:
    """Return the SQL of a question as it is run, with the sets of `common.sql` before it."""
    own = question.sql.strip()
    joined, found = re.subn(r"\AWITH\s", "    ", own)
    return f"{_common()}{',' if found else ''}\n{joined}"


def parameters_of(scope: Scope) -> dict[str, Any]:
    """Return the parameters of the SQL that stand for a scope."""
    return {
        "first": _moment(scope.first, scope.zone),
        "end": _moment(scope.end, scope.zone),
        "zone": scope.zone,
        "agency": scope.agency or "",
        "as_of": _text(datetime.fromisoformat(scope.as_of)) if scope.as_of else NEVER,
    }


def _table(client: Any, question: Question, parameters: dict[str, Any]) -> Table:
    found = client.query(full_text(question), parameters, settings={"readonly": 2})
    rows = tuple(tuple(row) for row in found.result_rows)
    if any(len(row) != len(question.columns) for row in rows[:1]):
        raise AssertionError(f"question {question.id} has {len(rows[0])} columns in SQL")
    return Table(question, rows, _totals(question, rows))


def _open(count: int, scope: Scope) -> int | None:
    return WITHHELD if scope.suppress and 0 < count < BELOW else count


def _totals(question: Question, rows: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
    if not question.total:
        return ()
    return tuple(
        sum(row[at] for row in rows) if column.name in question.total else "all" if at == 0 else ""
        for at, column in enumerate(question.columns)
    )


@cache
def _common() -> str:
    return (resources.files("sinks.reports") / "common.sql").read_text(encoding="utf-8").strip()


def _moment(day: date, zone: str) -> str:
    return _text(datetime.combine(day, time(), tzinfo=ZoneInfo(zone)))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
