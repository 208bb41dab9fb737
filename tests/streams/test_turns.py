"""Partitions are fetched by turns where there is a backlog, and all at once where there is none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.turns import Turns

ALL = ["a", "b", "c", "d", "e"]


def turns() -> Turns[str]:
    return Turns(full=100, enough=250, few=10, side_by_side=2)


def test_without_a_backlog_all_are_fetched() -> None:
    each = turns()
    for _ in range(5):
        assert each.next(ALL) == []
        each.fetched(ALL, 99)


def test_a_full_fetch_begins_turns_of_two() -> None:
    each = turns()
    each.fetched(ALL, 100)
    seen = []
    for _ in range(9):
        seen.append(each.next(ALL))
        each.fetched(ALL, 100)
    assert seen[:3] == [["a", "b"]] * 3
    assert seen[3:6] == [["c", "d"]] * 3
    assert seen[6:] == [["e", "a"]] * 3


def test_what_gives_little_gives_up_its_turn() -> None:
    each = turns()
    each.fetched(ALL, 100)
    each.fetched(ALL, 3)
    assert each.next(ALL) == ["a", "b"], "the rest of an answer may be small"
    each.fetched(ALL, 3)
    assert each.next(ALL) == ["c", "d"]


def test_when_all_give_little_there_is_no_backlog() -> None:
    each = turns()
    each.fetched(ALL, 100)
    for _ in range(6):
        assert each.next(ALL)
        each.fetched(ALL, 0)
    assert each.next(ALL) == []


def test_few_partitions_need_no_turns() -> None:
    each = turns()
    each.fetched(["a", "b"], 100)
    assert each.next(["a", "b"]) == []


def test_another_assignment_ends_them() -> None:
    each = turns()
    each.fetched(ALL, 100)
    assert each.next(ALL[:4]) == []


@given(st.lists(st.integers(0, 100), max_size=200))
def test_nobody_waits_for_ever(counts: list[int]) -> None:
    """However much the fetches give, within a round of turns every partition is fetched from."""
    each = turns()
    each.fetched(ALL, 100)
    since = dict.fromkeys(ALL, 0)
    for count in counts:
        chosen = each.next(ALL) or ALL
        since = {name: 0 if name in chosen else age + 1 for name, age in since.items()}
        # A turn is at most 25 fetches of 10, with meagre ones between.
        assert max(since.values()) <= 3 * 51
        each.fetched(ALL, count)
