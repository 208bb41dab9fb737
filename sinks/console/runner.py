"""Statements run one after the other, each into an outlet."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console

from sinks.console.outlet import ENGINE_FORMATS, OPTIONS, Format, Outlet
from sinks.console.session import Session
from sinks.console.statement import Statement
from sinks.console.table import Shown
from sinks.console.watch import watched


@dataclass(frozen=True, slots=True)
class Done:
    """A statement that was run: what was shown, where that is a table, and how long it took in seconds."""

    shown: Shown | None
    seconds: float


def run(
    session: Session,
    statement: Statement,
    outlet: Outlet,
    form: Format,
    *,
    values: Mapping[str, str],
    notes: Console,
    source: str = "",
) -> Done:
    """Run a statement and write its answer; what takes long is told on `notes`.

    Raises:
        FrwatchError: ClickHouse refuses it, or the answer cannot be written.
    """
    query_id, began = str(uuid.uuid4()), time.perf_counter()
    with watched(session, query_id, notes):
        asked = session.ask(
            statement, values, ENGINE_FORMATS[form], query_id=query_id, source=source, **OPTIONS
        )
        with asked as answer:
            shown = outlet.take(answer)
    return Done(shown, time.perf_counter() - began)
