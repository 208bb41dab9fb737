"""`frwatch policy diff`: what other policies would have found in the searches that are stored."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from typing import Annotated, Any

import polars as pl
from cyclopts import Parameter
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from schemas.agencies import AgencyRegister
from schemas.errors import WrongUse
from schemas.policies import PolicySet
from schemas.settings import Settings, load_settings
from sinks.clickhouse.history import count_searches, read_searches
from streams.in_force import history, last_good
from streams.moments import moment_of
from streams.policy_diff import Comparison, Difference, Scope
from streams.policy_files import agencies_of, read_policies

LINES = 30
"""Lines of the table by agency, rule and month that a person is shown; --json has all."""
IN_FORCE = "in-force"


def diff_command(
    old: str,
    new: str,
    *,
    since: str,
    until: str | None = None,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """Say which findings would appear, vanish or change if other policies had been in force.

    Both are run over the stored searches as they were classified then. Nothing is written and nobody is
    alerted. A finding is one search and one rule; it changes where its severity or its certainty does.

    Parameters
    ----------
    old:
        A file or folder of policies, the beginning of a published version, or `in-force`.
    new:
        The same, of the policies that would take their place.
    since:
        From when on: a date (midnight UTC) or a time with its offset.
    until:
        Before when; now where it is not given.
    as_json:
        Print it as JSON: `searches`, `rules`, `counts` and `examples`.
    """
    settings = load_settings()
    agencies = agencies_of(settings)
    comparison = Comparison(_policies(old, settings, agencies), _policies(new, settings, agencies), agencies)
    start = moment_of("--since", since)
    end = datetime.now(UTC) if until is None else moment_of("--until", until)
    if end <= start:
        raise WrongUse("--until is not after --since; give a later one")
    if comparison.scope.since is not None:
        _run(settings, comparison, max(start, comparison.scope.since), end)
    if as_json:
        print(json.dumps(_as_json(comparison.result, start, end)))
    else:
        _print(comparison.result, start, end)


def _policies(text: str, settings: Settings, agencies: AgencyRegister) -> PolicySet:
    if Path(text).exists():
        return read_policies([Path(text)], agencies)
    if text != IN_FORCE and not re.fullmatch(r"[0-9a-f]{6,64}", text):
        raise WrongUse(
            f"{text}: no file or folder, no published version (6 digits or more), and not {IN_FORCE}"
        )
    entries = asyncio.run(history(settings, agencies))
    if text == IN_FORCE:
        published = last_good(entries)
        return published.policies if published else read_policies([settings.policies], agencies)
    found = {e.published.version: e.published.policies for e in entries if e.published}
    matching = [version for version in found if version.startswith(text)]
    if len(matching) != 1:
        many = "no published version begins" if not matching else f"{len(matching)} published versions begin"
        raise WrongUse(f"{many} with {text}; `frwatch policy list --history` has them")
    return found[matching[0]]


def _run(settings: Settings, comparison: Comparison, start: datetime, end: datetime) -> None:
    scope = comparison.scope
    where, parameters = _where(scope, start, end)
    console = Console(stderr=True)
    bar = (TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bar, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        total = count_searches(settings, where, parameters) if sys.stderr.isatty() else None
        task = progress.add_task("judging", total=total)
        for frame in _ahead(read_searches(settings, scope.columns, where, parameters)):
            comparison.add(frame)
            progress.advance(task, frame.height)


def _where(scope: Scope, start: datetime, end: datetime) -> tuple[str, Mapping[str, Any]]:
    parameters: dict[str, Any] = {"since": start, "until": end}
    where = "occurred_at >= {since:DateTime64(6, 'UTC')} AND occurred_at < {until:DateTime64(6, 'UTC')}"
    if scope.agencies is not None:
        terms = []
        for column, ids in sorted(scope.agencies.items()):
            parameters[column] = sorted(ids)
            terms.append(f"{column} IN {{{column}:Array(String)}}")
        where += f" AND ({' OR '.join(terms)})"
    return where, parameters


def _ahead(frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The same frames, with the next one or two read while one is judged."""
    queue: Queue[pl.DataFrame | BaseException | None] = Queue(maxsize=2)

    def read() -> None:
        try:
            for frame in frames:
                queue.put(frame)
            queue.put(None)
        except BaseException as error:
            queue.put(error)

    threading.Thread(target=read, daemon=True).start()
    while (item := queue.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        yield item


def _as_json(result: Difference, start: datetime, end: datetime) -> dict[str, Any]:
    return {
        "since": start.isoformat(),
        "until": end.isoformat(),
        "searches": result.searches,
        "rules": {label: dataclasses.asdict(totals) for label, totals in result.rules.items()},
        "counts": [
            {"kind": kind, "agency_id": agency, "rule": rule, "month": month, "findings": count}
            for (kind, agency, rule, month), count in sorted(result.counts.items())
        ],
        "examples": [
            dataclasses.asdict(example) | {"occurred_at": example.occurred_at.isoformat()}
            for example in result.examples
        ],
    }


def _print(result: Difference, start: datetime, end: datetime) -> None:
    console = Console(highlight=False)
    period = f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
    if not result.rules:
        console.print("both have the same policies; nothing would differ")
        return
    console.print(f"{result.searches:,} searches that the policies in question bind, {period}")
    console.print("nothing was written, nobody was alerted")
    table = Table(box=None, pad_edge=False)
    for name in ("rule", "found now", "would be", "appear", "vanish", "change"):
        table.add_column(name, justify="left" if name == "rule" else "right", overflow="fold")
    for label, totals in result.rules.items():
        numbers = (totals.before, totals.after, totals.appears, totals.vanishes, totals.changes)
        table.add_row(escape(label), *(f"{number:,}" for number in numbers))
    console.print(table)
    if not result.counts:
        console.print("no finding would differ")
        return
    console.print()
    table = Table(box=None, pad_edge=False)
    for name in ("month", "agency", "rule", "", "findings"):
        table.add_column(name, justify="right" if name == "findings" else "left", overflow="fold")
    lines = sorted(result.counts.items(), key=lambda item: (item[0][3], item[0][1], item[0][2], item[0][0]))
    for (kind, agency, rule, month), count in lines[:LINES]:
        table.add_row(month, escape(agency), escape(rule), kind, f"{count:,}")
    console.print(table)
    if len(lines) > LINES:
        console.print(f"… and {len(lines) - LINES:,} lines more; --json has all")
    console.print()
    for each in result.examples:
        change = f"{each.before or 'nothing'} → {each.after or 'nothing'}"
        case = f", case {each.case_number}" if each.case_number else ""
        said = (
            f"{each.occurred_at:%Y-%m-%d %H:%M} UTC {each.agency_id}, {each.provider_id or 'unknown'}{case}"
        )
        console.print(f"{each.kind}: {each.rule}: {change}", markup=False, soft_wrap=True)
        console.print(f"    {said}, {each.event_id}", markup=False, soft_wrap=True)
