"""`frwatch reveal`: who a pseudonym is, for those who may know, with who asked written down first."""

from __future__ import annotations

import getpass
import json
import re
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from schemas.errors import WrongUse
from schemas.settings import load_settings
from sinks.clickhouse.reveals import find_reveals
from streams.reveal import Revealed, reveal

_PSEUDONYM = re.compile(r"[0-9a-f]{64}")
MAX_TEXT = 1_000
"""Characters of a reason, a case number, or of who asks."""


def reveal_command(
    pseudonym: str | None = None,
    /,
    *,
    reason: str = "",
    case_number: str = "",
    by: str = "",
    roster: Path | None = None,
    audit: Annotated[bool, Parameter(negative=())] = False,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=100_000))] = 50,
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """Say which person a pseudonym stands for; who asks, why and for which case is written down first.

    It takes the key of the workers (FRWATCH_PSEUDONYM_KEY). The person is found in the record that the
    client sent, as long as Kafka keeps it, or in the agency's own list of its people (--roster), and goes to
    standard output alone: no log, table or file of frwatch has it. Where the request cannot be written into
    frwatch.reveals, nothing is revealed. Exit status 1 where nothing that is left says who it is.

        frwatch reveal 9f86d081… --reason "complaint 26-114" --case-number IA-26-114 --roster officers.csv
        frwatch reveal --audit --json

    Parameters
    ----------
    pseudonym:
        As `officer` or `requester` of frwatch.searches have it: 64 hexadecimal digits.
    reason:
        Why it has to be known.
    case_number:
        The case in which it has to be known.
    by:
        Who asks; else the name of the login. The database keeps its own user beside it.
    roster:
        The agency's list of people: CSV with a column `officer_id` or `id`. What else it says of the person
        is printed too.
    audit:
        Reveal nothing; list who asked, when and why, and what came of it, the latest first.
    limit:
        List at most so many.
    as_json:
        Print it as JSON.
    """
    if audit:
        if pseudonym is not None:
            raise WrongUse("--audit lists requests and reveals nothing; leave the pseudonym out")
        _list(find_reveals(load_settings(), limit), as_json=as_json)
        return
    if pseudonym is None or not _PSEUDONYM.fullmatch(pseudonym := pseudonym.strip().lower()):
        raise WrongUse(
            "a pseudonym has 64 hexadecimal digits, as `officer` of frwatch.searches has it; give one"
        )
    said = {
        "asked_by": _said("--by", by or _login()),
        "reason": _said("--reason", reason),
        "case_number": _said("--case-number", case_number),
    }
    found = reveal(load_settings(), pseudonym, roster=roster, **said)
    if as_json:
        print(json.dumps(_told(pseudonym, found)))
        return
    print(f"{_line(found.person_id)}  ({found.role}{' of ' + found.agency_id if found.agency_id else ''})")
    for name, value in found.more.items():
        print(f"  {_line(name)}: {_line(value)}")
    print(f"  known by {found.found_by}; this was written down as {found.reveal_id}")


def _said(option: str, text: str) -> str:
    """What a person gave as a reason, a case or a name, without blanks around it."""
    text = text.strip()
    if not any(character.isalnum() for character in text):
        raise WrongUse(f"{option} is empty: nobody is named without one; say it")
    if len(text) > MAX_TEXT or not text.isprintable():
        raise WrongUse(f"{option}: write one line of at most {MAX_TEXT} characters")
    return text


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise WrongUse("--by: this login has no name; say who asks") from None


def _told(pseudonym: str, found: Revealed) -> dict[str, Any]:
    return {
        "reveal_id": str(found.reveal_id),
        "pseudonym": pseudonym,
        "person_id": found.person_id,
        "role": found.role,
        "agency_id": found.agency_id,
        "found_by": found.found_by,
        "roster": dict(found.more),
    }


def _list(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found, default=str))
        return
    if not found:
        print("nobody has asked")
        return
    for each in found:
        whose = f" of {each['agency_id']}" if each["agency_id"] else ""
        print(
            f"{each['asked_at']:%Y-%m-%d %H:%M:%S} UTC  {each['outcome']}: {each['pseudonym'][:12]}…{whose}"
        )
        print(_line(f"  asked by {each['asked_by']} (login {each['login']}) for case {each['case_number']}"))
        print(_line(f"  because {each['reason']}"))
        if each["detail"]:
            print(_line(f"  {each['detail']}"))


def _line(text: str) -> str:
    """A text that came from outside, as one line that no terminal obeys."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
