"""`frwatch report`."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from cyclopts import Parameter

from schemas.agencies import AgencyRegister, load_agencies
from schemas.catalogue_files import load_catalogue
from schemas.errors import NotThere, WrongUse
from schemas.settings import load_settings
from sinks.reports.model import Definition, Report, Scope

Format = Literal["table", "csv", "json", "html", "md"]


def report(
    name: str,
    /,
    *,
    first: Annotated[str, Parameter("--from")],
    end: Annotated[str, Parameter("--to")],
    agency: str | None = None,
    zone: str | None = None,
    as_of: str | None = None,
    suppress: Annotated[bool, Parameter(negative=())] = False,
    table: str | None = None,
    format_: Annotated[Format | None, Parameter("--format")] = None,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
    output: Path | None = None,
) -> None:
    """Print a report that a statute, a board or the public asks for.

    accountability, detroit, lapd, maryland, massachusetts, transparency, utah, virginia or washington. The same
    data give the same bytes each time.

        frwatch report maryland --from 2020-01-01 --to 2021-01-01 --suppress
        frwatch report transparency --from 2020-01-01 --to 2021-01-01 --format html --output page.html

    Parameters
    ----------
    name:
        Which report.
    first:
        The first day, such as 2020-01-01.
    end:
        The day after the last one, such as 2021-01-01.
    agency:
        One agency of the register, by id, name or ORI; all agencies where none is named.
    zone:
        The time zone of the days: the agency's, or else the register's default_timezone.
    as_of:
        Leave out what was taken in from that day (midnight UTC) or time with an offset on.
    suppress:
        Withhold counts below ten that tell of people, and those from which they would follow.
    table:
        Print one table alone, by its id (csv).
    format_:
        table, csv, json, html or md.
    as_json:
        The same as --format json.
    output:
        Write to this file in place of standard output.
    """
    from sinks.reports.answer import answer
    from sinks.reports.shelf import REPORTS

    settings = load_settings()
    if name not in REPORTS:
        raise WrongUse(f"there is no report {name!r}; there are {', '.join(REPORTS)}")
    if as_json and format_ not in (None, "json"):
        raise WrongUse(f"--json and --format {format_} are two formats; give one")
    chosen: Format = "json" if as_json else format_ or "table"
    definition = REPORTS[name]
    _check_table(definition, table, chosen)
    register = load_agencies(settings.agencies)
    scope = _scope(definition, register, first, end, agency, zone, as_of, suppress)
    names = {each.id: each.name for each in load_catalogue(settings.catalogue)}
    names |= {each.id: each.name for each in register}
    found = answer(settings, definition, scope, names)
    _write(_rendered(found, chosen, table), output)


def _rendered(found: Report, chosen: Format, table: str | None) -> str:
    from sinks.reports.render_data import to_csv, to_json
    from sinks.reports.render_html import to_html
    from sinks.reports.render_text import to_markdown, to_terminal

    if chosen == "csv":
        return to_csv(found, table)
    return {"table": to_terminal, "json": to_json, "html": to_html, "md": to_markdown}[chosen](found)


def _scope(
    definition: Definition,
    register: AgencyRegister,
    first: str,
    end: str,
    agency: str | None,
    zone: str | None,
    as_of: str | None,
    suppress: bool,
) -> Scope:
    agency_id = _agency(register, agency) if agency else definition.agency
    begins, ends = _day("--from", first), _day("--to", end)
    if ends <= begins:
        raise WrongUse(f"--to {end} is not after --from {first}; it is the day after the last one")
    named = zone or str(register.timezone(agency_id))
    try:
        ZoneInfo(named)
    except (KeyError, ValueError, OSError):
        raise WrongUse(f"--zone: {named!r} is no time zone; write one such as America/New_York") from None
    until = _moment(as_of).isoformat() if as_of else ""
    return Scope(begins, ends, named, agency_id, until, suppress)


def _agency(register: AgencyRegister, said: str) -> str:
    found = register.resolve(said)
    if found is None:
        raise WrongUse(
            f"--agency: no agency of the register is called {said!r}; add it to FRWATCH_AGENCIES or correct it"
        )
    return found.id


def _day(option: str, said: str) -> date:
    try:
        found = date.fromisoformat(said)
    except ValueError:
        raise WrongUse(f"{option}: {said!r} is no date; write one such as 2020-01-01") from None
    if not 1970 <= found.year <= 2199:
        raise WrongUse(f"{option}: {said!r} is outside the years 1970 to 2199; no search is there")
    return found


def _moment(said: str) -> datetime:
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise WrongUse(f"--as-of: {said!r} is no date or time; write 2021-01-31 or add a time") from None
    if found.tzinfo is None:
        if len(said) > len("2021-01-31"):
            raise WrongUse(f"--as-of: {said!r} has no offset; write 2021-01-31T09:00:00-05:00")
        found = found.replace(tzinfo=UTC)
    return found.astimezone(UTC)


def _check_table(definition: Definition, table: str | None, chosen: Format) -> None:
    ids = [question.id for question in definition.questions]
    if table is None:
        return
    if chosen != "csv":
        raise WrongUse("--table goes with --format csv; the other formats have all tables")
    if table not in ids:
        raise WrongUse(f"report {definition.name} has no table {table!r}; it has {', '.join(ids)}")


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(text.encode())
    except OSError as error:
        raise NotThere(f"{output} cannot be written ({error.strerror}); name another file") from None
