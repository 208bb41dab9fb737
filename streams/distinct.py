"""Facts about the distinct values of a column, spread over its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, cast

import polars as pl
import pyarrow as pa

_TEXTS = pl.List(pl.String)
_ARROW_TEXTS = pa.large_list(pa.large_string())
FEW = 100
"""Values of which it costs more to find the distinct ones than to look each of them up."""


class Lookup:
    """Describes each distinct value of a string column once, and remembers what it described.

    `describe` is a pure function from a value to a row of `schema`. The `remember` values used last, of
    `longest` characters or fewer, are kept; a null has what `nothing` says in each column, null by default.
    """

    def __init__(
        self,
        describe: Callable[[str], tuple[Any, ...]],
        schema: Mapping[str, Any],
        *,
        nothing: Mapping[str, Any] = MappingProxyType({}),
        remember: int = 65_536,
        longest: int = 512,
    ) -> None:
        self._describe = describe
        self._remembered = lru_cache(maxsize=remember)(describe)
        self._longest = longest
        self._schema = dict(schema)
        self._nothing = tuple(nothing.get(name) for name in self._schema)
        self._none = self._columns([self._nothing])

    def __call__(self, values: pl.Series) -> list[pl.Series]:
        """Return the columns of `schema`, with a row for each value, in their order."""
        if values.null_count() == len(values):
            return [column.new_from_index(0, len(values)) for column in self._none]
        if len(values) <= FEW:
            return self._columns([self._row(value) for value in values.to_list()])
        encoded = values.to_arrow().dictionary_encode(null_encoding="encode")
        rows_of = cast("pl.Series", pl.from_arrow(encoded.indices)).cast(pl.get_index_type())
        rows = [self._row(value) for value in encoded.dictionary.to_pylist()]
        return [column[rows_of] for column in self._columns(rows)]

    def _columns(self, rows: Sequence[tuple[Any, ...]]) -> list[pl.Series]:
        cells = zip(*rows, strict=True) if rows else [()] * len(self._schema)
        return [
            _column(name, column, dtype)
            for (name, dtype), column in zip(self._schema.items(), cells, strict=True)
        ]

    def _row(self, value: str | None) -> tuple[Any, ...]:
        if value is None:
            return self._nothing
        return self._remembered(value) if len(value) <= self._longest else self._describe(value)


def _column(name: str, cells: Sequence[Any], dtype: Any) -> pl.Series:
    # Arrow takes lists in a third of the time.
    if dtype == _TEXTS:
        return cast("pl.Series", pl.from_arrow(pa.array(cells, _ARROW_TEXTS))).alias(name)
    return pl.Series(name, cells, dtype=dtype)
