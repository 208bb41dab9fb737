"""`frwatch migrate`."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from schemas.settings import load_settings
from sinks.clickhouse.migrate import migrate as apply_migrations


def migrate(*, as_json: Annotated[bool, Parameter("--json", negative=())] = False) -> None:
    """Bring the tables of database frwatch up to this version; safe to run again.

    Refuses a database that a newer frwatch has migrated.

        frwatch migrate
        FRWATCH_CLICKHOUSE=https://writer:secret@ch.example:8443 frwatch migrate --json

    Parameters
    ----------
    as_json:
        Print the applied migrations as a JSON array.
    """
    applied = asyncio.run(apply_migrations(load_settings()))
    if as_json:
        print(json.dumps([{"number": m.number, "name": m.name, "sha256": m.sha256} for m in applied]))
        return
    console = Console(highlight=False)
    for migration in applied:
        console.print(f"applied {migration.number:04d} {migration.name}")
    if not applied:
        console.print("the database is up to date")
