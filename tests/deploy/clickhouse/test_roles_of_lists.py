"""Lists of what was searched most: the writer makes them, the auditor reads them, no agency sees any."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.most import TABLES
from tests.support.clickhouse import running_clickhouse
from tests.support.most import BOOK, Ran, expected, listed, searched
from tests.support.roles import SPOOLS, AsRole, tables_of_operator, users_xml
from tests.support.use import store


@dataclass(frozen=True)
class RanFor(Ran):
    """A search with the agency that it was run for."""

    requesting_agency_id: str | None = None


SEARCHES = [
    RanFor(**vars(each), requesting_agency_id=None if number % 5 else "lapd")
    for number, each in enumerate(searched(random.Random(1), 2400))  # noqa: S311  reproducible, no secret
]
AUDITOR, LAPD, INVESTIGATOR = "frwatch_auditor", "frwatch_agency_lapd", "frwatch_agency_investigator"
DENIED = "Code: 497"
LISTS = [f"SELECT count() FROM frwatch.{table}" for table in TABLES]
VIEWS = ["SELECT count() > 0 FROM frwatch.case_counts", "SELECT max(counts) FROM frwatch.rollup_lists"]


@pytest.fixture(scope="module")
def as_role(tmp_path_factory: pytest.TempPathFactory) -> AsRole:
    """Searches, and lists that a worker's role has made of them."""
    folder = tmp_path_factory.mktemp("lists")
    with tables_of_operator(folder):
        pass

    async def run(url: str) -> None:
        async with connect(Settings(clickhouse=SecretStr(url))) as client:
            await store(client, "searches", SEARCHES, 0)
            assert await listed(client) == 24

    users = users_xml(folder / "writer.xml", ["frwatch_writer"], more=SPOOLS)
    with running_clickhouse(folder, users=users) as engine:
        asyncio.run(run(engine.url))
    return AsRole(folder / "data", folder)


def questions(agency: str) -> list[str]:
    names = ("most_searched_cases", "repeated_probes")
    return [BOOK[name].sql.replace("{agency:String}", f"'{agency}'") for name in names]


def as_texts(rows: Any) -> list[list[str]]:
    return [[str(cell) for cell in row] for row in rows]


def test_the_auditor_asks_of_lists(as_role: AsRole) -> None:
    found = as_role([AUDITOR], *LISTS, *VIEWS, *questions(""))
    assert found[:4] == [[["16"]], [["8"]], [["1"]], [["1"]]]
    assert found[4:] == [as_texts(rows) for rows in expected(SEARCHES, "")]


def test_an_agencys_investigator_sees_no_list_and_is_answered_from_the_own_rows(as_role: AsRole) -> None:
    found = as_role([LAPD, INVESTIGATOR], *LISTS, *VIEWS, *questions(""))
    assert found[:4] == [[["0"]], [["0"]], [["0"]], [["0"]]]
    own = [each for each in SEARCHES if "lapd" in (each.agency_id, each.requesting_agency_id)]
    assert found[4:] == [as_texts(rows) for rows in expected(own, "")]


def test_an_agencys_analyst_who_may_see_no_image_may_ask_no_list(as_role: AsRole) -> None:
    asked = [*LISTS, "SELECT * FROM frwatch.case_counts", "SELECT * FROM frwatch.most_searched_probes"]
    for query, answer in zip(asked, as_role([LAPD], *asked), strict=True):
        assert DENIED in answer, (query, answer)
