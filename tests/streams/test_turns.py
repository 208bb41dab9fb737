"""Partitions are fetched by turns where there is a backlog, and all at once where there is none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.turns import Turns

MUCH = dict.fromkeys("abcde", 1000)


def begun() -> Turns[str]:
    each: Turns[str] = Turns(full=100, enough=250)
    each.fetched(MUCH, 100)
    return each


def test_without_a_backlog_all_are_fetched() -> None:
    each: Turns[str] = Turns(full=100, enough=250)
    for _ in range(5):
        assert each.next(MUCH) is None
        each.fetched(MUCH, 99)


def test_a_full_fetch_begins_turns_that_last_until_it_is_enough() -> None:
    each = begun()
    seen = ""
    for _ in range(7):
        seen += each.next(MUCH) or "-"
        each.fetched(MUCH, 100)
    assert seen == "aaabbbc"


def test_who_has_nothing_is_passed_over() -> None:
    each = begun()
    assert each.next({**MUCH, "a": 0, "b": 0}) == "c"
    each.fetched(MUCH, 100)
    assert each.next({**MUCH, "c": 0}) == "d", "it gave all it had"


def test_who_gives_nothing_when_asked_passes_the_turn_on() -> None:
    each = begun()
    assert each.next(MUCH) == "a"
    each.fetched(MUCH, 0)
    assert each.next(MUCH) == "b"


def test_a_few_records_do_not_end_a_turn() -> None:
    each = begun()
    each.fetched(MUCH, 3)
    assert each.next(MUCH) == "a", "the rest of an answer may be small"


def test_what_fits_into_one_fetch_is_no_backlog() -> None:
    each = begun()
    assert each.next(dict.fromkeys("abcde", 20)) == "a"
    assert each.next(dict.fromkeys("abcde", 19)) is None
    assert not each.begun


def test_the_lag_of_those_whose_broker_is_away_is_no_backlog() -> None:
    each = begun()
    for name in "abcde":
        assert each.next(MUCH) == name
        each.fetched(MUCH, 0)
    assert each.next(MUCH) is None


def test_one_partition_needs_no_turns() -> None:
    each: Turns[str] = Turns(full=100, enough=250)
    each.fetched({"a": 1000}, 100)
    assert each.next({"a": 1000}) is None


def test_another_assignment_ends_them() -> None:
    each = begun()
    assert each.next(dict.fromkeys("abcd", 1000)) is None


@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 60), min_size=5, max_size=5), st.integers(0, 100)), max_size=200
    )
)
def test_nobody_waits_for_ever(fetches: list[tuple[list[int], int]]) -> None:
    """However much the fetches give, within a round of turns every partition that has any is fetched from."""
    each = begun()
    since = dict.fromkeys("abcde", 0)
    for lag, count in fetches:
        lags = dict(zip("abcde", lag, strict=True))
        chosen = each.next(lags)
        since = {
            name: 0 if chosen in (name, None) or not lags[name] else age + 1 for name, age in since.items()
        }
        # A turn of the four others is at most 250 fetches of one record.
        assert max(since.values()) <= 4 * 250
        each.fetched(MUCH, count)
