"""`frwatch roles`: who sees what, as SQL for a ClickHouse server."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Template
from typing import Annotated

from cyclopts import Parameter

from schemas.agencies import load_agencies
from schemas.errors import WrongUse
from schemas.settings import load_settings

_FOLDER = Path(__file__).resolve().parent / "clickhouse"


def roles_command(
    *,
    agency: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    as_json: Annotated[bool, Parameter("--json", negative=())] = False,
) -> None:
    """Print the roles, row policies, limits and quotas of a ClickHouse server as SQL; nothing is run.

    Roles for the state's auditor, agencies' analysts and investigators, the public, the workers, the alerter,
    who reveals pseudonyms, and the operator; and a role for each agency of the register. Run it again after
    an upgrade or a change of the register. Users are the operator's: `GRANT frwatch_agency_lapd TO …`.

        frwatch migrate && frwatch roles | clickhouse-client --user admin --multiquery
        frwatch roles --agency lapd

    Parameters
    ----------
    agency:
        Print the role of this agency of the register alone; may be given several times.
    as_json:
        Print the statements as a JSON array.
    """
    register = load_agencies(load_settings().agencies)
    for each in agency:
        if each not in register.by_id:
            raise WrongUse(
                f"--agency: {each!r} is no id of the agency register; FRWATCH_AGENCIES names the register, "
                "and an alias will not do"
            )
    texts = [] if agency else [base_roles()]
    texts += [agency_role(each) for each in agency or register.by_id]
    if as_json:
        print(json.dumps([statement for text in texts for statement in statements_of(text)]))
        return
    print("\n".join(texts), end="")


def base_roles() -> str:
    """Return the SQL of the roles that every server has."""
    return (_FOLDER / "roles.sql").read_text(encoding="utf-8")


def agency_role(agency_id: str) -> str:
    """Return the SQL of the role of one agency, by its id in the register."""
    return Template((_FOLDER / "agency_role.sql").read_text(encoding="utf-8")).substitute(agency=agency_id)


def statements_of(text: str) -> list[str]:
    """Return the statements of a text, without comments."""
    bare = re.sub(r"(?m)^\s*--.*\n?", "", text)
    return [part.strip() for part in re.split(r";[ \t]*(?:\n|\Z)", bare) if part.strip()]
