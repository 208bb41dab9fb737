"""`frwatch retention`: how long events are kept, what would go, and its removal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from schemas.agencies import load_agencies
from schemas.errors import WrongUse
from schemas.retention import TIERS, Retention, collect_retention, load_retention
from schemas.settings import load_settings
from schemas.yaml_file import Faults, read_sources
from sinks.clickhouse.retention import Plan, apply, plan
from streams.lint_report import print_faults

AsJson = Annotated[bool, Parameter("--json", negative=())]


def lint_command(*paths: Path, as_json: AsJson = False) -> int:
    """Say every fault of retention terms, with file, line, column and remedy; exit status 1 if there is one.

    Parameters
    ----------
    paths:
        Files and folders, read as one set; FRWATCH_RETENTION where none is given.
    as_json:
        Print the faults as a JSON array of `file`, `line`, `column` and `text`.
    """
    settings, faults = load_settings(), Faults()
    sources = [source for path in paths or (settings.retention,) for source in read_sources(path)]
    found = collect_retention(sources, load_agencies(settings.agencies), faults)
    return print_faults(faults.told(), f"no faults: {_said(found)}", as_json=as_json)


def plan_command(*, as_json: AsJson = False) -> None:
    """Say what would be removed now, and what a legal hold keeps, by agency, evidence and month.

    Parameters
    ----------
    as_json:
        Print `cutoffs`, `searches` and `dead_letters` as JSON.
    """
    settings = load_settings()
    agencies = load_agencies(settings.agencies)
    terms, now = load_retention(settings.retention, agencies), datetime.now(UTC)
    cutoffs = terms.cutoffs(now, agencies)
    found = plan(settings, cutoffs, terms.dead_before(now))
    if as_json:
        told = [
            {"agency_id": agency_id, "evidence": evidence, "before": before.isoformat() if before else None}
            for agency_id, evidence, before in cutoffs
        ]
        print(json.dumps({"cutoffs": told} | _told(found)))
        return
    print(_said(terms))
    _show(found, "would go")


def apply_command(*, by: Annotated[str, Parameter(name="--by")], as_json: AsJson = False) -> None:
    """Remove what has been kept for long enough, with all that belongs to it; holds are looked up then.

    What occurred before the cutoffs is stored no more, whoever sends it again. Where a run was cut off, its
    rest is removed first. Kafka keeps its records until its own retention.

    Parameters
    ----------
    by:
        Who removes it; it is written down.
    as_json:
        Print `searches` and `dead_letters` as JSON.
    """
    if not by.strip():
        raise WrongUse("--by is empty; say who removes it")
    settings = load_settings()
    agencies = load_agencies(settings.agencies)
    terms, now = load_retention(settings.retention, agencies), datetime.now(UTC)
    found = apply(settings, terms.cutoffs(now, agencies), terms.dead_before(now), by.strip(), now)
    if as_json:
        print(json.dumps(_told(found)))
        return
    _show(found, "removed")


def _told(found: Plan) -> dict[str, Any]:
    return {"searches": [each._asdict() for each in found.searches], "dead_letters": found.dead_letters}


def _said(terms: Retention) -> str:
    rules = [
        f"{', '.join(rule.agency) or 'all agencies'} {'/'.join(rule.evidence or TIERS)} {rule.keep}"
        for rule in terms.rules
    ]
    return "kept " + "; ".join([*rules, f"all else {terms.default}", f"dead letters {terms.dead_letters}"])


def _show(found: Plan, what: str) -> None:
    if not found.searches:
        print("no event's time is over")
    else:
        table = Table(box=None, pad_edge=False)
        for name in ("agency", "evidence", "month (UTC)", what, "held"):
            table.add_column(name, justify="right" if name in (what, "held") else "left")
        for agency_id, evidence, month, removed, held in found.searches:
            when = f"{month // 100}-{month % 100:02d}"
            table.add_row(agency_id, evidence, when, f"{removed:,}", f"{held:,}" if held else "")
        Console(highlight=False, markup=False).print(table)
        removed = sum(each.removed for each in found.searches)
        held = sum(each.held for each in found.searches)
        print(f"{what} {removed:,} events" + (f"; {held:,} are kept by a legal hold" if held else ""))
    if found.dead_letters:
        print(f"{what} {found.dead_letters:,} dead letters")
