"""No small count can be read or worked out from what stays."""

from __future__ import annotations

from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sinks.reports.model import WITHHELD, Column, Question, Table
from sinks.reports.suppress import BELOW, suppress

SYSTEM, CRIME = Column("system", "System", "text"), Column("crime", "Crime", "text")
COUNT = Column("searches", "Searches")
CELLS = st.dictionaries(
    st.tuples(st.sampled_from("ABC"), st.sampled_from("xyz")), st.integers(1, 40), min_size=1
)


def tables(cells: dict[tuple[str, str], int]) -> list[Table]:
    sums: dict[str, int] = {}
    for (system, _), count in cells.items():
        sums[system] = sums.get(system, 0) + count
    parent = Question("systems", "", (SYSTEM, COUNT), "", total=("searches",), small=("searches",))
    child = Question("crimes", "", (SYSTEM, CRIME, COUNT), "", small=("searches",), margins=((), ("system",)))
    total = sum(sums.values())
    return [
        Table(parent, tuple(sorted(sums.items())), ("all", total)),
        Table(child, tuple((*key, count) for key, count in sorted(cells.items()))),
    ]


@given(CELLS)
def test_no_small_count_stays_and_no_large_one_is_changed(cells: dict[tuple[str, str], int]) -> None:
    for before, after in zip(tables(cells), suppress(tables(cells)), strict=True):
        for old, new in zip(before.rows, after.rows, strict=True):
            assert old[:-1] == new[:-1]
            assert new[-1] in (WITHHELD, old[-1])
            assert new[-1] is WITHHELD or new[-1] >= BELOW


@given(CELLS)
def test_what_is_withheld_of_a_known_sum_is_two_or_more_and_ten_or_more(
    cells: dict[tuple[str, str], int],
) -> None:
    systems, crimes = suppress(tables(cells))
    known = {row[0]: row[1] for row in systems.rows}
    for system, total in known.items():
        hidden = [cells[row[0], row[1]] for row in crimes.rows if row[0] == system and row[2] is WITHHELD]
        if total is WITHHELD:
            assert hidden, "the sum that is withheld above must not follow from the cells below"
        elif hidden:
            assert len(hidden) >= 2
            assert sum(hidden) >= BELOW
    gone = [row[0] for row in systems.rows if row[1] is WITHHELD]
    assert len(gone) != 1 or len(known) == 1 or systems.totals[1] is WITHHELD


FEW = st.dictionaries(
    st.tuples(st.sampled_from("AB"), st.sampled_from("xy")), st.integers(1, 12), min_size=2, max_size=3
)


@settings(max_examples=50, deadline=None)
@given(FEW)
def test_every_small_count_could_be_another(cells: dict[tuple[str, str], int]) -> None:
    """Whoever tries all counts that give what is published finds more than one for each that is withheld."""
    systems, crimes = suppress(tables(cells))
    keys = [(row[0], row[1]) for row in crimes.rows]
    total = systems.totals[1]
    if total is WITHHELD or len(keys) < 2:
        return
    seen: list[set[int]] = [set() for _ in keys]
    open_ = [range(1, 25) if row[2] is WITHHELD else (row[2],) for row in crimes.rows]
    for guess in product(*open_):
        sums: dict[str, int] = {}
        for (system, _), count in zip(keys, guess, strict=True):
            sums[system] = sums.get(system, 0) + count
        if sum(guess) == total and all(row[1] in (WITHHELD, sums[row[0]]) for row in systems.rows):
            for at, count in enumerate(guess):
                seen[at].add(count)
    small = [seen[at] for at, key in enumerate(keys) if cells[key] < BELOW]
    assert all(len(each) > 1 for each in small)


def test_exact_tables_are_left_out() -> None:
    question = Question("list", "", (SYSTEM, COUNT), "", exact=True)
    assert suppress([Table(question, (("A", 1),))]) == []


def rows_of(table: Table) -> list[tuple[Any, ...]]:
    return list(table.rows)


def test_a_lone_small_count_takes_the_next_smallest_with_it() -> None:
    [systems, _] = suppress(tables({("A", "x"): 3, ("B", "x"): 25, ("C", "x"): 40}))
    assert rows_of(systems) == [("A", WITHHELD), ("B", WITHHELD), ("C", 40)]
    assert systems.totals == ("all", 68)
