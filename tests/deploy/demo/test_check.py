"""The check finds each way in which the books can be wrong, and names what is wrong."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from deploy.demo.check import check
from deploy.demo.expectation import Expectation
from deploy.demo.play import Position
from deploy.demo.stored import Stored

Books = tuple[Expectation, Stored, dict[Position, int]]


@pytest.fixture
def books(expected: Expectation, stored: Stored, sent_to: dict[Position, int]) -> Books:
    return expected, stored, sent_to


def faults(
    books: Books, stored: Stored, told: list[tuple[str, str]] | None = None, dead: set[Position] | None = None
) -> list[str]:
    expected, _, sent_to = books
    every = expected.violations.select("event_id", "rule").rows()
    heard = every if told is None else told
    return [
        str(fault)
        for fault in check(expected, stored, sent_to, heard, set(sent_to) if dead is None else dead)
    ]


def test_true_books_have_no_fault(books: Books) -> None:
    assert faults(books, books[1]) == []


@pytest.mark.parametrize("table", ["searches", "violations", "outcomes", "dead_letters"])
def test_a_lost_row_is_found(books: Books, table: str) -> None:
    whole: pl.DataFrame = getattr(books[1], table)
    assert any("lost" in fault for fault in faults(books, replace(books[1], **{table: whole[1:]})))


@pytest.mark.parametrize("table", ["searches", "violations", "outcomes", "dead_letters"])
def test_a_row_that_is_there_twice_is_found(books: Books, table: str) -> None:
    whole: pl.DataFrame = getattr(books[1], table)
    twice = pl.concat([whole, whole[-1:]])
    found = faults(books, replace(books[1], **{table: twice}))
    assert len(found) == 1
    assert found[0].startswith("1 ")
    assert "counted twice" in found[0]


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("searches", "event_id"),
        ("violations", "rule"),
        ("outcomes", "outcome_id"),
        ("dead_letters", "kafka_topic"),
    ],
)
def test_a_row_that_nobody_sent_is_found(books: Books, table: str, column: str) -> None:
    whole: pl.DataFrame = getattr(books[1], table)
    stranger = whole[:1].with_columns(pl.lit("invented").alias(column))
    found = faults(books, replace(books[1], **{table: pl.concat([whole, stranger])}))
    assert any("nobody sent" in fault and "invented" in fault for fault in found)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("agency_id", "lasd"),
        ("provider_id", None),
        ("provider_class", "agency"),
        ("outside_agency_id", "nobody"),
        ("broken_rules", ["lapd-fr/commercial-service"]),
    ],
)
def test_a_search_with_another_fact_is_found(books: Books, column: str, value: object) -> None:
    searches = books[1].searches
    at = searches["agency_id"].index_of("lapd") or 0
    changed = searches.with_columns(
        pl.when(pl.int_range(pl.len()) == at)
        .then(pl.lit(value, searches.schema[column]))
        .otherwise(column)
        .alias(column)
    )
    event_id = searches["event_id"][at]
    assert faults(books, replace(books[1], searches=changed)) == [
        f"1 searches stored with another {column}: {event_id}"
    ]


def test_a_suspicion_that_is_called_proved_is_found(books: Books) -> None:
    violations = books[1].violations.with_columns(certainty=pl.lit("CONFIRMED"))
    suspected = (books[1].violations["certainty"] == "SUSPECTED").sum()
    found = faults(books, replace(books[1], violations=violations))
    assert found[0].startswith(f"{suspected} violations with another certainty")


def test_a_dead_letter_without_its_bytes_is_found(books: Books) -> None:
    letters = books[1].dead_letters.with_columns(value=pl.lit("00"), withheld=pl.lit(""))
    found = faults(books, replace(books[1], dead_letters=letters))
    assert [fault.partition(" dead letters ")[2].partition(":")[0] for fault in found] == [
        "without their original bytes",
        "that keep an image, or not its hash",
    ]


def test_a_violation_that_kafka_did_not_carry_is_found(books: Books) -> None:
    every = books[0].violations.select("event_id", "rule").rows()
    [missing, extra] = faults(books, books[1], told=[*every[1:], ("event", "policy/rule")])
    assert "did not carry" in missing
    assert "policy/rule of event" in extra


def test_a_dead_letter_that_kafka_did_not_carry_is_found(books: Books) -> None:
    expected_places = set(books[2])
    [missing] = faults(books, books[1], dead=set(sorted(expected_places)[1:]))
    assert missing.startswith("1 malformed records that fr.dead does not speak of: fr.")
