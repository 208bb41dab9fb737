"""Every question of the query book, on what a real worker stored, against what was sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from deploy.demo.scenario import Scenario
from schemas.settings import Settings
from sinks.clickhouse.asking import asking
from sinks.console.book import read_book
from tests.deploy.query_book.conduct import CONDUCT, one_case, one_person
from tests.deploy.query_book.use import USE, Seen
from tests.support.worker import Stack

pytestmark = pytest.mark.timeout(300)
BOOK = read_book(Settings().queries)
EXPECTED = USE | CONDUCT
CHOSEN = {"silent_sources": {"as_of": "2022-01-15"}}


def asked(stack: Stack, name: str, **given: str) -> list[tuple[Any, ...]]:
    question = BOOK[name]
    with asking(stack.settings()) as client:
        found = client.query(question.sql, question.values(given), settings={"readonly": 2})
    return [tuple(_plain(value) for value in row) for row in found.result_rows]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return value


@pytest.mark.parametrize("name", EXPECTED)
def test_each_cell_is_what_follows_from_the_events_that_were_sent(
    played: tuple[Stack, Scenario], name: str
) -> None:
    stack, scenario = played
    agency, expected = EXPECTED[name]
    assert (BOOK[name].parameters.get("agency") or None) == agency
    rows = asked(stack, name, **CHOSEN.get(name, {}))
    assert rows, "an answer without rows proves nothing"
    assert rows == expected(Seen(scenario, agency))


def test_a_case_and_a_person_are_told_whole(played: tuple[Stack, Scenario]) -> None:
    stack, scenario = played
    seen = Seen(scenario, "lapd")
    cased = seen.counted.filter(pl.col("broken") & pl.col("case_number").is_not_null())
    told = cased.join(seen.told, on="event_id").sort("occurred_at").row(0, named=True)
    rows = asked(stack, "one_case", agency="lapd", case=told["case_number"])
    assert rows == one_case(seen, told["case_number"])
    rows = asked(stack, "one_person", person=told["person"])
    assert len(rows) > 1
    assert rows == one_person(Seen(scenario), told["person"])
    assert asked(stack, "one_person", person="") == []
