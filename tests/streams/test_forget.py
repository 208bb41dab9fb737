"""What of a range may be stored: nothing past retention, and no name that was expunged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.clickhouse.erasure import Name, name_of
from sinks.clickhouse.removed import Removed
from streams.forget import Forgotten, forgotten_of, past_rows
from tests.support.stored import Stored, outcome, tables_of

KEY = b"k" * 32
FLOOR = datetime(2021, 1, 1, tzinfo=UTC)
FLOORS = {("lapd", "SEARCH"): FLOOR, ("", "SEARCH"): FLOOR - timedelta(days=400)}


def kept(searches: list[Stored], removed: Removed) -> set[Any]:
    tables = tables_of(searches)
    return set(forgotten_of(tables, removed, KEY).rows("searches", tables["searches"])["event_id"])


SEARCHES = st.builds(
    Stored,
    agency_id=st.sampled_from(["lapd", "lasd"]),
    evidence=st.sampled_from(["SEARCH", "LOOKUP"]),
    occurred_at=st.integers(-500, 2).map(lambda days: FLOOR + timedelta(days=days)),
    texts=st.sampled_from(["19-1", " 19-1", "19-2", ""]).map(
        lambda case: {"case_number": case} if case else {}
    ),
)


@given(searches=st.lists(SEARCHES, min_size=1, max_size=12))
def test_what_is_older_than_the_floor_is_not_stored_unless_its_case_is_held(searches: list[Stored]) -> None:
    removed = Removed(floors=FLOORS, held=frozenset({("lapd", "19-1")}))

    def stays(each: Stored) -> bool:
        before = FLOORS.get((each.agency_id, each.evidence), FLOORS.get(("", each.evidence)))
        held = each.agency_id == "lapd" and each.texts.get("case_number", "").strip() == "19-1"
        return before is None or each.occurred_at >= before or held

    assert kept(searches, removed) == {each.event_id.bytes for each in searches if stays(each)}


def test_findings_go_with_their_search_and_its_place_is_noted() -> None:
    old = Stored(occurred_at=FLOOR - timedelta(days=1), rules=("p/a", "p/b"))
    new = Stored(occurred_at=FLOOR, rules=("p/a",))
    tables = tables_of([old, new])
    forgotten = forgotten_of(tables, Removed(floors=FLOORS), KEY)
    assert forgotten.rows("violations", tables["violations"])["event_id"].to_list() == [new.event_id.bytes]
    noted = past_rows(tables, forgotten)
    assert noted["kafka_offset"].to_list() == [old.offset]
    assert noted.row(0, named=True)["month"] == 202012
    assert set(noted.columns) == {
        "kafka_topic",
        "kafka_partition",
        "kafka_offset",
        "agency_id",
        "evidence",
        "month",
        "ingested_at",
    }


def outcomes(*each: dict[str, Any]) -> dict[str, pl.DataFrame]:
    kinds = {"event_id": pl.Binary, "case_number": pl.String, "note": pl.String}
    return {"outcomes": pl.DataFrame(list(each), schema_overrides=kinds)}


def test_an_outcome_of_an_erased_search_loses_its_note_whatever_case_it_names() -> None:
    search = Stored(texts={"case_number": "19-1"})
    name = name_of(KEY, "case", "lapd", "19-1")
    removed = Removed(names=frozenset({name}), events={search.event_id.bytes: frozenset({name})})
    tables = outcomes(
        outcome(search, note="Doe"),
        outcome(case_number="19-1 ", note="Doe"),
        outcome(case_number="19-2", note="other"),
        outcome(agency_id="lasd", case_number="19-1", note="other"),
    )
    rows = forgotten_of(tables, removed, KEY).rows("outcomes", tables["outcomes"])
    assert rows["note"].to_list() == [None, None, "other", "other"]
    assert rows["case_number"].to_list() == [None, name.token, "19-2", "19-1"]
    assert rows["expunged"].to_list() == [True, True, False, False]
    assert rows["kind"].to_list() == ["ARREST"] * 4


def test_a_case_that_is_held_by_now_keeps_its_name() -> None:
    name = name_of(KEY, "case", "lapd", "19-1")
    searches = tables_of([Stored(texts={"case_number": "19-1"})])
    removed = Removed(names=frozenset({name}), held=frozenset({("lapd", "19-1")}))
    assert not forgotten_of(searches, removed, KEY)


@pytest.mark.parametrize(
    "name", [None, name_of(KEY, "case", "lasd", "19-1"), name_of(b"x" * 32, "case", "lapd", "19-1")]
)
def test_what_nobody_named_is_stored_as_it_came(name: Name | None) -> None:
    tables = tables_of([Stored(texts={"case_number": "19-1"}, rules=("p/a",))])
    removed = Removed(floors=FLOORS if name is None else {}, names=frozenset({name} if name else ()))
    forgotten = forgotten_of(tables, removed, KEY)
    if name is None:
        tables = tables_of([Stored(occurred_at=FLOOR)])
        forgotten = forgotten_of(tables, removed, KEY)
    assert forgotten == Forgotten()
    assert forgotten.rows("searches", tables["searches"]) is tables["searches"]
