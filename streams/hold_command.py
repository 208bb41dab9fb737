"""`frwatch hold`: cases of which nothing is removed until the hold is released."""

from __future__ import annotations

import json
from typing import Annotated
from uuid import UUID

from cyclopts import Parameter

from schemas.agencies import load_agencies
from schemas.errors import WrongUse
from schemas.settings import Settings, load_settings
from sinks.clickhouse.holds import Hold, find_holds, place_hold, release_hold

AsJson = Annotated[bool, Parameter("--json", negative=())]
By = Annotated[str, Parameter(name="--by")]
Reason = Annotated[str, Parameter(name="--reason")]


def add_command(case: str, /, *, agency: str, by: By, reason: Reason, as_json: AsJson = False) -> None:
    """Put a case on hold: its searches, findings, outcomes and alerts outlive retention and expungement.

    Parameters
    ----------
    case:
        The case number, as the searches have it.
    agency:
        Whose case: id, name or ORI of the register.
    by:
        Who places it.
    reason:
        Why, such as the court and the number of its order.
    as_json:
        Print the hold as JSON.
    """
    settings = load_settings()
    agency_id = agency_of(settings, agency)
    _check(case=case, by=by, reason=reason)
    hold = place_hold(settings, agency_id, case.strip(), by.strip(), reason.strip())
    print(json.dumps(hold.told()) if as_json else f"on hold: {_line(hold)}")


def list_command(
    *,
    case: str | None = None,
    agency: str | None = None,
    every: Annotated[bool, Parameter("--all", negative=())] = False,
    as_json: AsJson = False,
) -> None:
    """List the holds in force, the oldest first.

    Parameters
    ----------
    case:
        Only those of this case number.
    agency:
        Only those of this agency: id, name or ORI.
    every:
        Those that were released, too.
    as_json:
        Print them as a JSON array.
    """
    settings = load_settings()
    agency_id = agency_of(settings, agency) if agency else None
    holds = find_holds(settings, agency_id=agency_id, case_number=case, released=every)
    if as_json:
        print(json.dumps([hold.told() for hold in holds]))
        return
    for hold in holds:
        print(_line(hold))
    if not holds:
        print("no holds")


def release_command(hold: str, /, *, by: By, reason: Reason, as_json: AsJson = False) -> None:
    """Release a hold; another on the same case stays in force.

    Parameters
    ----------
    hold:
        The hold, as `frwatch hold list` has it.
    by:
        Who releases it.
    reason:
        Why.
    as_json:
        Print the hold as JSON.
    """
    try:
        hold_id = UUID(hold)
    except ValueError:
        raise WrongUse(f"{hold!r} is no id of a hold; `frwatch hold list` has them") from None
    _check(by=by, reason=reason)
    released = release_hold(load_settings(), hold_id, by.strip(), reason.strip())
    print(json.dumps(released.told()) if as_json else f"released: {_line(released)}")


def agency_of(settings: Settings, said: str) -> str:
    """Return the id of the agency that a person names.

    Raises:
        WrongUse: the register has none of that name.
    """
    found = load_agencies(settings.agencies).resolve(said)
    if found is None:
        raise WrongUse(
            f"--agency: no agency of the register is called {said!r};"
            " add it to FRWATCH_AGENCIES or correct it"
        )
    return found.id


def _check(**said: str) -> None:
    for name, text in said.items():
        if not text.strip():
            raise WrongUse(f"{'CASE' if name == 'case' else '--' + name} is empty; say it")


def _line(hold: Hold) -> str:
    text = (
        f"{hold.hold_id}  {hold.agency_id} case {hold.case_number}, since {hold.placed_at:%Y-%m-%d %H:%M} UTC"
        f" by {hold.placed_by}: {hold.reason}"
    )
    if hold.released_at is not None:
        text += f"; released {hold.released_at:%Y-%m-%d %H:%M} UTC by {hold.released_by}"
        text += f": {hold.released_because}"
    return text
