"""What the public is told, against a computation of its own from the rows that were put in."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from pydantic import SecretStr

from schemas.settings import Settings
from sinks.clickhouse.migrate import migrate
from tests.support.clickhouse import running_clickhouse

Counts = dict[tuple[int, str, str], int]
MEASURES = ("searches", "people", "searches_that_break_a_rule", "searches_without_case_number")
SHARES = MEASURES[2:]
NAMES = ["event_id", "occurred_at", "evidence", "agency_id", "agency_known", "officer", "provider_class"]
NAMES += ["certainty", "case_number", "ingested_at", "kafka_offset"]


class Told:
    """Rows of many years, each a draw of agencies of all sizes, and what the views say of them."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.truth: Counts = {}
        self.services: dict[tuple[int, str], int] = defaultdict(int)
        draw = random.Random(8)
        rows: list[list[Any]] = []
        for year in range(1980, 2020):
            for agency in range(draw.randint(1, 5)):
                self._agency(draw, rows, year, f"a{agency}", draw.choice([1, 3, 9, 10, 12, 30, 80]))
        self._agency(draw, rows, datetime.now(UTC).year, "a0", 50)
        client.insert("frwatch.searches_raw", rows, column_names=NAMES)
        self.use = {
            (year, agency, measure): count
            for year, agency, measure, count in client.query("SELECT * FROM frwatch.public_use").result_rows
        }

    def _agency(
        self, draw: random.Random, rows: list[list[Any]], year: int, agency: str, searches: int
    ) -> None:
        people = max(1, searches // draw.choice([1, 2, 5]))
        wrong, caseless = (draw.choice([0, 1, searches // 2, searches - 1, searches]) for _ in range(2))
        for number in range(searches):
            kind = draw.choice(["government"] * 8 + ["commercial", "unknown"])
            at = datetime(year, 6, 1, tzinfo=UTC)
            row = [f"{len(rows):032x}", at, "SEARCH", agency, True, f"p{number % people}", kind]
            row += [
                "CONFIRMED" if number < wrong else None,
                " " if number < caseless else "case",
                at,
                len(rows),
            ]
            rows.append(row)
            self.services[year, kind] += 1
        counts = (searches, people, wrong, caseless)
        self.truth |= {(year, agency, name): n for name, n in zip(MEASURES, counts, strict=True)}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder: Path = tmp_path_factory.mktemp("public")
    with running_clickhouse(folder) as engine:
        asyncio.run(migrate(Settings(clickhouse=SecretStr(engine.url))))
        client = clickhouse_connect.get_client(host="127.0.0.1", port=engine.port)
        try:
            yield Told(client)
        finally:
            client.close()


def test_what_is_told_is_true_and_no_count_below_ten_is_told(told: Told) -> None:
    this_year = datetime.now(UTC).year
    assert told.use.keys() == {key for key in told.truth if key[0] != this_year}
    shown = {key: count for key, count in told.use.items() if count is not None}
    assert shown == {key: told.truth[key] for key in shown}
    assert not [key for key, count in shown.items() if 0 < count < 10]
    assert len(shown) > 100


def test_no_share_of_an_agencys_searches_is_told_that_leaves_fewer_than_ten_others(told: Told) -> None:
    for (year, agency, measure), count in told.use.items():
        total = told.use[year, agency, "searches"]
        if measure in SHARES and count is not None:
            assert total is not None
            assert total - count == 0 or total - count >= 10, (year, agency, measure)


def test_no_small_count_follows_from_the_sum_of_its_year(told: Told) -> None:
    groups: dict[tuple[int, str], list[str]] = defaultdict(list)
    for year, agency, measure in told.use:
        groups[year, measure].append(agency)
    paired = 0
    for (year, measure), agencies in groups.items():
        withheld = {
            each: told.truth[year, each, measure]
            for each in agencies
            if told.use[year, each, measure] is None
        }
        rest = [each for each in agencies if each not in withheld and told.truth[year, each, measure]]
        small = [count for count in withheld.values() if 0 < count < 10]
        if small and rest:
            assert sum(count > 0 for count in withheld.values()) >= 2, (year, measure, withheld)
            assert sum(withheld.values()) >= 10, (year, measure, withheld)
            paired += len(withheld) > len(small)
    assert paired > 5, "some counts were withheld for the sake of others"


def test_a_year_of_large_counts_withholds_none(told: Told) -> None:
    years = {year for year, _, _ in told.use}
    large = {
        year
        for year in years
        if all(n >= 10 for (each, _, name), n in told.truth.items() if each == year and name == "searches")
    }
    assert large
    for (year, _, measure), count in told.use.items():
        if year in large and measure == "searches":
            assert count is not None


def test_services_of_a_year_are_told_without_small_counts_or_any_that_follows(told: Told) -> None:
    rows = told.client.query("SELECT year, provider_class, searches FROM frwatch.public_services").result_rows
    assert {(year, kind) for year, kind, _ in rows} == {
        key for key in told.services if key[0] != datetime.now(UTC).year
    }
    for year, kind, count in rows:
        assert count is None or count == told.services[year, kind] >= 10
    for year in {year for year, _, _ in rows}:
        withheld = [told.services[year, kind] for each, kind, count in rows if each == year and count is None]
        shown = [count for each, _, count in rows if each == year and count is not None]
        assert not withheld or not shown or (len(withheld) > 1 and sum(withheld) >= 10)
