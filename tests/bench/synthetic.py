"""A year of a state, made in the engine itself: searches, findings, outcomes and alerts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import clickhouse_connect

from schemas.agencies import load_agencies
from schemas.catalogue_files import load_catalogue
from schemas.policies import load_policies
from schemas.settings import Settings
from sinks.clickhouse.references import References

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
AGENCIES, PROVIDERS, DAYS = 100, 100, 365
LARGEST = "lapd"
BLOCK = 500_000
"""Searches of one insert."""
_STATEMENTS = Path(__file__).parent / "state"


class State:
    """Fills a migrated, empty database with `searches` searches of a year and what belongs to them."""

    def __init__(self, url: str, searches: int) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._client: Any = clickhouse_connect.get_client(host=host, port=int(port), send_receive_timeout=600)
        self.searches = searches
        settings = Settings()
        self._register = load_agencies(settings.agencies)
        self._catalogue = load_catalogue(settings.catalogue)
        self._policies = load_policies(settings.policies, self._register)

    async def load(self, references: References) -> dict[str, float]:
        """Fill it, and return the seconds that each table took; months stand one after the other."""
        references.note_in_force(self._policies, self._catalogue, self._register, BEGIN)
        await references.write()
        took = {"searches": self._time(self._searches)}
        for table in ("violations", "outcomes", "alerts"):
            took[table] = self._time(partial(self._by_month, table))
        return took

    def _time(self, load: Callable[[], None]) -> float:
        started = time.perf_counter()
        load()
        return time.perf_counter() - started

    def _searches(self) -> None:
        providers = list(islice(self._providers(), PROVIDERS))
        # The first has a fifth of all searches.
        own = sorted((agency.id for agency in self._register), key=lambda name: (name != LARGEST, name))
        labels = [f"{policy.id}/{rule.id}" for policy in self._policies for rule in policy.rules]
        fixed = {
            "total": self.searches,
            "begin": BEGIN,
            "agencies": (own + [f"agency-{number:02}" for number in range(AGENCIES)])[:AGENCIES],
            "providers": [name for name, _ in providers],
            "classes": [of for _, of in providers],
            "rules": labels,
            "catalogue": self._catalogue.version,
            "policies": self._policies.version,
        }
        for first in range(0, self.searches, BLOCK):
            self._run("searches", {**fixed, "first": first, "rows": min(BLOCK, self.searches - first)})

    def _providers(self) -> Iterator[tuple[str, str]]:
        """Entries of the catalogue, the county's system first: most searches run there."""
        for each in sorted(self._catalogue, key=lambda each: (each.id != "lacris", each.id)):
            yield each.id, each.provider_class

    def _by_month(self, table: str) -> None:
        named = {
            "policies": [policy.id for policy in self._policies],
            "versions": [policy.version for policy in self._policies],
        }
        for month in range(13):
            first = BEGIN + timedelta(days=30 * month)
            more = named if table == "violations" else {}
            self._run(table, {"first": first, "end": first + timedelta(days=30), **more})

    def _run(self, table: str, parameters: dict[str, Any]) -> None:
        sql = (_STATEMENTS / f"{table}.sql").read_text()
        settings = {"max_partitions_per_insert_block": 0, "max_insert_threads": 2}
        self._client.command(sql, parameters, settings=settings)
