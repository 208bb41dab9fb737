"""A lookup describes the values of a column, however many there are."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from streams.distinct import FEW, Lookup

SCHEMA = {"size": pl.Int64(), "text": pl.String(), "letters": pl.List(pl.String())}


def describe(value: str) -> tuple[Any, ...]:
    return len(value), value.upper() or None, tuple(value)


@given(st.lists(st.none() | st.text("abc", max_size=3), max_size=20))
def test_few_and_many_values_are_described_alike(values: list[str | None]) -> None:
    lookup = Lookup(describe, SCHEMA, longest=2)
    few = pl.DataFrame(lookup(pl.Series(values, dtype=pl.String)))
    assert few.schema == SCHEMA
    wanted = [
        {"size": None, "text": None, "letters": None}
        if value is None
        else {"size": len(value), "text": value.upper() or None, "letters": list(value)}
        for value in values
    ]
    assert few.to_dicts() == wanted
    many = pl.DataFrame(lookup(pl.Series(values * (FEW + 1), dtype=pl.String)))
    assert many.to_dicts() == wanted * (FEW + 1)
