"""What Grafana and its ClickHouse data source make of a panel's SQL before the engine sees it.

True to version 4.20 of the plugin: `applyConditionalAll` in its front end, then Grafana's variables, then the
macros of its back end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana"
ALL = ("$__all",)
"""A variable of which everything is chosen."""
_MACRO = re.compile(r"\$__(\w+)")
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}")

Variables = Mapping[str, Sequence[str] | str]
"""What is chosen of each variable: a sequence where several may be, a text where one is written."""


@dataclass(frozen=True, slots=True)
class Window:
    """The time range of a dashboard, in UTC, and the step that Grafana takes from the panel's width."""

    begin: datetime
    end: datetime
    step: timedelta


def dashboards() -> dict[str, dict[str, Any]]:
    """Return the dashboards by the name of their file."""
    return {
        file.stem: json.loads(file.read_text()) for file in sorted((FOLDER / "dashboards").glob("*.json"))
    }


def panels(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each panel whose data source is of that kind, with a name to find it by."""
    for name, board in dashboards().items():
        for panel in board["panels"]:
            if panel.get("datasource", {}).get("type") == kind:
                yield f"{name}: {panel['title']}", panel


def expand(sql: str, variables: Variables, window: Window) -> str:
    """Return the SQL that the engine gets.

    Raises:
        ValueError: a macro or a variable that there is not.
    """
    return _with_macros(_with_variables(_with_conditions(sql, variables), variables), window)


def _with_conditions(sql: str, variables: Variables) -> str:
    macro = "$__conditionalAll("
    while (start := sql.rfind(macro)) >= 0:
        (condition, variable), end = _arguments(sql, start + len(macro) - 1)
        chosen = variables[variable.strip().removeprefix("$")]
        everything = chosen in ("", ALL) or tuple(chosen) == ALL
        sql = f"{sql[:start]}{'1=1' if everything else condition}{sql[end:]}"
    return sql


def _with_variables(sql: str, variables: Variables) -> str:
    def put(match: re.Match[str]) -> str:
        name, how = match.groups()
        if name not in variables:
            raise ValueError(f"no variable {name}")
        if how != "sqlstring":
            raise ValueError(f"variable {name} is put as {how or 'it came'}: only :sqlstring quotes")
        chosen = variables[name]
        texts = [chosen] if isinstance(chosen, str) else chosen
        return ",".join("'{}'".format(text.replace("'", "''")) for text in texts)

    return _VARIABLE.sub(put, sql)


def _with_macros(sql: str, window: Window) -> str:
    begin, end = (f"toDateTime({int(moment.timestamp())})" for moment in (window.begin, window.end))
    first, last = (f"toDate('{moment:%Y-%m-%d}')" for moment in (window.begin, window.end))
    seconds = max(1, int(window.step.total_seconds()))
    while found := _MACRO.search(sql):
        name, after = found[1], found.end()
        given: list[str] = []
        if sql[found.end() : found.end() + 1] == "(":
            given, after = _arguments(sql, found.end())
        column = given[0].strip() if given else ""
        replacements = {
            "fromTime": begin,
            "toTime": end,
            "interval_s": str(seconds),
            "timeFilter": f"{column} >= {begin} AND {column} <= {end}",
            "timeFrom": f"{column} >= {begin}",
            "timeTo": f"{column} <= {end}",
            "dateFilter": f"{column} >= {first} AND {column} <= {last}",
            "timeInterval": f"toStartOfInterval(toDateTime({column}), INTERVAL {seconds} second)",
        }
        if name not in replacements:
            raise ValueError(f"no macro $__{name}")
        sql = f"{sql[: found.start()]}{replacements[name]}{sql[after:]}"
    return sql


def _arguments(sql: str, bracket: int) -> tuple[list[str], int]:
    """The arguments between the bracket at that place and its partner, and where what follows begins."""
    depth, begin, found = 0, bracket + 1, []
    for at in range(bracket, len(sql)):
        if sql[at] == "(":
            depth += 1
        elif sql[at] == ")":
            depth -= 1
        if depth == 0 or (depth == 1 and sql[at] == ","):
            found.append(sql[begin:at])
            begin = at + 1
        if depth == 0:
            return found, at + 1
    raise ValueError(f"a bracket is not closed: {sql[bracket : bracket + 40]}")
