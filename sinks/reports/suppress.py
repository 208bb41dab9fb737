"""Small cells withheld, and as many others as it takes that no sum gives them away.

A count from 1 to `BELOW` - 1 is withheld. Where the sum of a group stands in the report, a group with a withheld
count withholds at least two, `BELOW` in sum, the smallest first. A count that was withheld for such a reason in
one table is withheld as the sum of a group of another: of that group one count is withheld too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sinks.reports.model import WITHHELD, Table

BELOW = 10
Key = tuple[Any, ...]


def suppress(tables: Sequence[Table]) -> list[Table]:
    """Return the tables without small counts; those that stand here exactly (`exact`) are left out.

    A table comes after those that have its sums.
    """
    done: list[Table] = []
    for table in tables:
        if table.question.exact:
            continue
        for name in table.question.small:
            hidden = _hidden(table, name, done)
            at = table.at(name)
            rows = tuple(
                (*row[:at], WITHHELD, *row[at + 1 :]) if number in hidden else row
                for number, row in enumerate(table.rows)
            )
            totals = table.totals
            if totals and 0 < totals[at] < BELOW:
                totals = (*totals[:at], WITHHELD, *totals[at + 1 :])
            table = replace(table, rows=rows, totals=totals)
        done.append(table)
    return done


def _hidden(table: Table, name: str, before: Sequence[Table]) -> set[int]:
    """The numbers of the rows whose count `name` is withheld."""
    at = table.at(name)
    counts = [int(row[at]) for row in table.rows]
    hidden = {number for number, count in enumerate(counts) if 0 < count < BELOW}
    # The small groups first: what they withhold is enough for the large ones, and nothing follows from a sum.
    margins = sorted(table.question.margins, key=len, reverse=True)
    groups = [(margin, _groups(table, margin)) for margin in margins]
    known = {(margin, key) for margin in table.question.margins for key in _withheld(before, margin, name)}
    changed = True
    while changed:
        changed = False
        for margin, members in groups:
            for key, rows in members.items():
                more = _more(rows, counts, hidden, forced=(margin, key) in known)
                changed |= bool(more)
                hidden |= more
    return hidden


def _more(rows: list[int], counts: list[int], hidden: set[int], *, forced: bool) -> set[int]:
    """What else of a group must be withheld."""
    inside = [row for row in rows if row in hidden]
    if not inside and not forced:
        return set()
    sums = sum(counts[row] for row in inside)
    rest = sorted((row for row in rows if row not in hidden and counts[row] > 0), key=lambda row: counts[row])
    more: set[int] = set()
    while rest and (len(inside) + len(more) < 2 or sums < BELOW):
        row = rest.pop(0)
        more.add(row)
        sums += counts[row]
    return more


def _groups(table: Table, margin: tuple[str, ...]) -> dict[Key, list[int]]:
    places = [table.at(name) for name in margin]
    found: dict[Key, list[int]] = defaultdict(list)
    for number, row in enumerate(table.rows):
        found[tuple(row[place] for place in places)].append(number)
    return found


def _withheld(before: Sequence[Table], margin: tuple[str, ...], name: str) -> set[Key]:
    """The groups whose sum is a count that a table before withholds."""
    found: set[Key] = set()
    for table in before:
        keys = tuple(column.name for column in table.columns if column.name in margin)
        words = [column.name for column in table.columns if column.kind != "number"]
        if not margin or keys != margin or words[: len(keys)] != list(keys):
            continue
        if name not in table.question.small or table.question.margins != ((),):
            continue
        places, at = [table.at(key) for key in keys], table.at(name)
        found |= {tuple(row[place] for place in places) for row in table.rows if row[at] is WITHHELD}
    return found
