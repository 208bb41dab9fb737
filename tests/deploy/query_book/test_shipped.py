"""The questions that are shipped: what each of them must keep to."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest

from schemas.settings import Settings
from sinks.clickhouse.asking import asking
from sinks.console.book import read_book
from tests.deploy.query_book.conduct import CONDUCT
from tests.deploy.query_book.use import USE
from tests.support.clickhouse import migrated_clickhouse

BOOK = read_book(Settings().queries)
VIEWS = {
    "searches",
    "counted_searches",
    "violations",
    "outcomes",
    "search_outcomes",
    "searches_by_day",
    "sources_by_day",
    "outcomes_by_day",
    "unreported_by_day",
    "faces_by_day",
    "told_by_day",
    "units_by_day",
    "people_by_month",
    "services_by_month",
    "private_accounts_by_month",
    "galleries_by_month",
    "case_counts",
    "most_searched_probes",
    "alerts",
    "alerts_delivered",
    "dead_letters",
    "redrives",
    "unreported_access",
    "search_differences",
}
ELSEWHERE = {"one_case", "one_person", "alert_latency", "unacknowledged_alerts", "differing_copies"}
"""Questions whose answers other tests check."""
STRANGER = "O'Hara \\ PD'); DROP TABLE frwatch.searches_raw; --\t{agency:String}\n"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Two searches: one of an agency with a dangerous name, one of the LAPD."""
    with migrated_clickhouse(tmp_path_factory.mktemp("book")) as settings:
        names = ["event_id", "evidence", "agency_id", "officer", "provider_class", "agency_known"]
        rows = [
            [uuid.UUID(int=number), "SEARCH", agency, "ab" * 32, "commercial", True]
            for number, agency in enumerate((STRANGER, "lapd"))
        ]
        with asking(settings) as client:
            client.insert("frwatch.searches_raw", rows, column_names=names)
        yield settings


def test_every_answer_is_checked() -> None:
    assert len(BOOK) >= 29
    assert set(BOOK) == set(USE) | set(CONDUCT) | ELSEWHERE


@pytest.mark.parametrize("name", BOOK)
def test_only_the_views_of_analysts_are_asked(name: str) -> None:
    code = re.sub(r"--[^\n]*", "", BOOK[name].sql)
    assert set(re.findall(r"\bfrwatch\.(\w+)", code)) <= VIEWS
    assert "_raw" not in code
    assert not re.search(r"\bFINAL\b", code)
    tables = re.findall(r"\b(?:FROM|JOIN)\s+([\w.]+)", code)
    own = set(re.findall(r"(\w+) AS\s*\(\s*SELECT", code))
    assert all(each.startswith("frwatch.") or each in own for each in tables), tables


@pytest.mark.parametrize("name", BOOK)
def test_a_count_of_searches_has_only_what_counts_as_one(name: str) -> None:
    """Whoever reads `searches` itself says by which sign, or asks what no count of searches is."""
    code = BOOK[name].sql
    if re.search(r"frwatch\.searches\b", code):
        assert name in {
            "another_service_than_claimed",
            "late_reports",
            "silent_sources",
            "unlisted_services",
            "unregistered_agencies",
        }


def test_an_answer_fits_one_screen_and_is_in_one_order() -> None:
    for question in BOOK.values():
        assert "ORDER BY" in question.sql, question.name
        limit = re.search(r"LIMIT (\d+)\s*\Z", question.sql)
        assert limit is None or int(limit[1]) <= 100, question.name


def test_a_stranger_with_a_quote_in_its_name_is_only_a_parameter(engine: Settings) -> None:
    answered = 0
    with asking(engine) as client:
        for question in BOOK.values():
            given = {name: STRANGER for name in ("agency", "case", "person") if name in question.parameters}
            rows = client.query(question.sql, question.values(given), settings={"readonly": 2}).result_rows
            cells = {cell for row in rows for cell in row}
            if "agency" in given:
                assert "lapd" not in cells, question.name
                answered += STRANGER in cells
        assert answered >= 3
        assert client.command("SELECT count() FROM frwatch.searches") == 2
