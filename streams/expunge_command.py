"""`frwatch expunge`: what a court orders to be forgotten, erased in every table."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console

from schemas.agencies import load_agencies
from schemas.errors import WrongUse
from schemas.settings import Settings, load_settings
from sinks.clickhouse.asking import asking
from sinks.clickhouse.erasure import Kind, name_of, plain
from sinks.clickhouse.expungements import TABLES, Expunged, again, expunge
from sinks.clickhouse.mutations import await_old_parts
from sinks.clickhouse.tombstones import Order
from sinks.kafka.kept import kept_by_kafka

AsJson = Annotated[bool, Parameter("--json", negative=())]
_HASH = re.compile(r"[0-9a-f]{64}")
_WAIT = re.compile(r"(\d{1,5})([smh])")
_ROWS = {
    "search": "searches",
    "asked": "searches that the person asked for",
    "violation": "findings",
    "outcome": "outcomes",
    "dead_letter": "dead letters",
    "hold": "words on released holds",
    "reveal": "words on revealed pseudonyms",
}


def expunge_command(
    *,
    case: str | None = None,
    agency: str | None = None,
    probe: str | None = None,
    officer: str | None = None,
    order: Annotated[str, Parameter(name="--order")] = "",
    by: Annotated[str, Parameter(name="--by")],
    demographics: Annotated[bool, Parameter(negative=())] = False,
    again_: Annotated[bool, Parameter("--again", negative=())] = False,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
    wait: str = "15m",
    as_json: AsJson = False,
) -> int:
    """Erase what names a case, the person of a probe, or an officer; what is counted stays.

    Cut off, it is run again, with one tombstone. Exit status 1 where a legal hold keeps it, which is told
    with who placed it and why, or where the disk still has parts that held it after --wait.

    Parameters
    ----------
    case:
        The case number, with --agency.
    agency:
        Whose case: id, name or ORI of the register.
    probe:
        The keyed hash of a probe, hex: searches for that face. Their case numbers stay, and are told.
    officer:
        The pseudonym of an officer, hex, as the searches have it. They stay one person, under another.
    order:
        On whose authority: court, number and date. It is kept, so it must not name the person.
    by:
        Who carries it out.
    demographics:
        Erase age, race and gender of outcomes too: reports that count by these then say less.
    again_:
        Erase what has come since of all that was expunged, and what a run that was cut off has left.
    dry_run:
        Say how many rows would be erased, and erase none.
    wait:
        How long to wait for the disk to drop what held it, such as 30s or 15m.
    as_json:
        Print `expunged` (`expungement_id`, `rows`, `cases`, `unsure`), `parts_left` by table and `kafka_days`
        by topic as JSON.
    """
    seconds = _seconds(wait)
    if not by.strip():
        raise WrongUse("--by is empty; say who carries it out")
    settings = load_settings()
    key = settings.require_key()
    if again_:
        if case or probe or officer or agency:
            raise WrongUse("--again is about all that was expunged; name nothing beside it")
        found = again(settings, key, by.strip())
    else:
        kind, text = _named(case, probe, officer)
        agency_id, names = _agency(settings, agency) if kind == "case" else ("", ())
        if not order.strip():
            raise WrongUse("--order is missing; say on whose authority: court, number and date")
        name = name_of(key, kind, agency_id, text)
        ordered = Order(name, order.strip(), by.strip(), demographics=demographics)
        if plain(text) in plain(order):
            raise WrongUse("--order names what is to be forgotten, and the order is kept; leave it out there")
        found = [expunge(settings, ordered, text.strip(), names, dry_run=dry_run)]
    left = {} if dry_run or not found else _await_disk(settings, seconds, quiet=as_json)
    kafka = kept_by_kafka(settings)
    if as_json:
        told = [_told(each) for each in found]
        print(json.dumps({"expunged": told, "parts_left": left, "kafka_days": kafka}))
    else:
        _show(found, left, kafka, dry_run=dry_run)
    return 1 if left else 0


def _named(case: str | None, probe: str | None, officer: str | None) -> tuple[Kind, str]:
    given: list[tuple[Kind, str]] = []
    if case is not None:
        given.append(("case", case))
    if probe is not None:
        given.append(("probe", probe))
    if officer is not None:
        given.append(("officer", officer))
    if len(given) != 1:
        raise WrongUse("say what is to be forgotten, one of --case, --probe and --officer; or --again")
    kind, text = given[0]
    if not text.strip():
        raise WrongUse(f"--{kind} is empty; say which")
    if kind == "officer" and not _HASH.fullmatch(plain(text)):
        raise WrongUse("--officer is no pseudonym of 64 hex digits; take it from frwatch.searches")
    return kind, text


def _agency(settings: Settings, said: str | None) -> tuple[str, tuple[str, ...]]:
    found = load_agencies(settings.agencies).resolve(said)
    if found is None:
        raise WrongUse(
            f"--agency: no agency of the register is called {said!r};"
            " add it to FRWATCH_AGENCIES or correct it"
            if said
            else "--case goes with --agency: two agencies may have cases of one number"
        )
    return found.id, found.names


def _seconds(wait: str) -> float:
    match = _WAIT.fullmatch(wait)
    if match is None:
        raise WrongUse(f"--wait: {wait!r} is no span of time; write one such as 30s or 15m")
    return int(match[1]) * {"s": 1.0, "m": 60.0, "h": 3600.0}[match[2]]


def _await_disk(settings: Settings, seconds: float, *, quiet: bool) -> dict[str, int]:
    console = Console(stderr=True, highlight=False, quiet=quiet)
    with asking(settings) as client, console.status("erased; waiting for the disk to drop the old parts"):
        return await_old_parts(client, TABLES, seconds)


def _told(each: Expunged) -> dict[str, Any]:
    return {
        "expungement_id": str(each.id),
        "rows": each.rows,
        "cases": each.cases,
        "unsure": each.unsure,
    }


def _show(
    found: list[Expunged], left: dict[str, int], kafka: dict[str, int | None], *, dry_run: bool
) -> None:
    if not found:
        print("nothing has come since of what was expunged")
        return
    for each in found:
        rows = ", ".join(f"{count:,} {_ROWS[kind]}" for kind, count in each.rows.items()) or "nothing"
        print(f"{'would erase' if dry_run else 'erased'} {rows}; expungement {each.id}")
        if each.cases:
            cases = ", ".join(each.cases)
            print(f"case numbers stay, as they may be about others: {cases}; --case erases them")
        if each.unsure:
            print(
                f"{each.unsure:,} dead letters have the number and not the agency, and stay: "
                "look at them with `frwatch dlq show`"
            )
    if dry_run:
        return
    if left:
        parts = ", ".join(f"{table} {count}" for table, count in sorted(left.items()))
        print(f"the disk still has parts that held it ({parts}): the engine drops them; wait, and look again")
    days = ", ".join(
        f"{topic} {'for ever' if kept is None else f'{kept} days'}" for topic, kept in sorted(kafka.items())
    )
    print(f"Kafka still has it until its own retention: {days or 'the broker does not answer; ask it'}.")
    print(
        "So do spools of clients, backups, and what alerts told people. Workers erase what comes from now on;"
    )
    print("`frwatch expunge --again --by …` erases what was on its way to a table: run it daily.")
