"""Cells of a walk to columns; texts are views over the batch's own bytes, so that none is copied."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import numpy as np
import polars as pl
import pyarrow as pa

from schemas.contracts import Contract
from streams.interpreter import SOUND, Flags, Ints
from streams.shape import Column, columns
from streams.views import loader, view_array
from streams.walk import Cells, Walk

_NUMBERS = {"boolean": np.bool_, "int": np.int32, "long": np.int64, "float": np.float32, "double": np.float64}
_UTC = pa.timestamp("us", "UTC")
_FLOATS = {"float": "<f4", "double": "<f8"}


def to_frame(walk: Walk, contract: Contract) -> pl.DataFrame:
    """Return the contract's columns with a row for each sound value of the walk, in the order of the values.

    The frame keeps the batch's bytes alive.
    """
    makers = _Makers(walk)
    arrays = {
        column.name: makers.column(column, cells)
        for number, column in enumerate(columns(contract))
        if (cells := walk.cells.get(number))
    }
    # All at once: for a few rows most of the time went into handing over one column after the other.
    found = pl.DataFrame(pa.RecordBatch.from_pydict(arrays))
    height = len(walk.faults)
    frame = pl.DataFrame(
        [
            found[default.name] if default.name in arrays else default.new_from_index(0, height)
            for default in _defaults(contract)
        ]
    )
    return frame[np.flatnonzero(walk.faults == SOUND)] if walk.faults.any() else frame


class _Makers:
    """Makes columns of one walk's cells. A height is a number of rows, or of items where they are nested."""

    def __init__(self, walk: Walk) -> None:
        self._height = len(walk.faults)
        self._walk = walk

    def column(self, column: Column, cells: list[Cells]) -> pa.Array:
        if column.kind in {"array", "map"}:
            return self._nested(column, cells)
        places = [cell.who for cell in cells]
        valid = _valid(places, self._height)
        match column.kind:
            case "string":
                return self._texts(cells, places, self._height, valid)
            case "uuid":
                return _uuids(cells, places, self._height, valid)
            case "enum":
                return _symbols(cells, places, self._height)
        numbers = self._numbers(_NUMBERS[column.kind], cells, places, self._height, valid)
        return numbers.view(_UTC) if column.timestamp else numbers

    def _nested(self, column: Column, cells: list[Cells]) -> pa.Array:
        counts = np.zeros(self._height, np.int64)
        whole = [cell for cell in cells if not cell.plan.nested]
        for cell in whole:
            counts[cell.who] = cell.theirs
        offsets = np.concatenate([[0], np.cumsum(counts)])
        total = int(offsets[-1])
        valid = _valid([cell.who for cell in whole], self._height)
        mask = None if valid is None else pa.array(~valid)
        items = self._placed([cell for cell in cells if cell.plan.nested and not cell.plan.key], offsets)
        if column.inner == "string":
            values = self._texts(*items, total, None)
        else:
            values = self._numbers(_NUMBERS[column.inner], *items, total, None)
        if column.kind == "array":
            return pa.LargeListArray.from_arrays(pa.array(offsets), values, mask=mask)
        names = self._texts(*self._placed([cell for cell in cells if cell.plan.key], offsets), total, None)
        return pa.MapArray.from_arrays(pa.array(offsets.astype(np.int32)), names, values, mask=mask)

    def _placed(self, cells: list[Cells], offsets: Ints) -> tuple[list[Cells], list[Ints]]:
        """The cells, and where each of their items stands among all of the column."""
        return cells, [offsets[cell.who] + cast(Ints, cell.items) for cell in cells]

    def _texts(self, cells: list[Cells], places: list[Ints], height: int, valid: Flags | None) -> pa.Array:
        if len(cells) == 1 and cells[0].items is None:
            views = cells[0].values
        else:
            views = np.zeros((height, 2), np.uint64)
            for cell, place in zip(cells, places, strict=True):
                views[place] = cell.theirs
        return view_array(pa.string_view(), views, self._walk.buffer, valid)

    def _numbers(
        self, dtype: Any, cells: list[Cells], places: list[Ints], height: int, valid: Flags | None
    ) -> pa.Array:
        numbers = np.zeros(height, dtype)
        for cell, place in zip(cells, places, strict=True):
            if width := _FLOATS.get(cell.plan.kind):
                numbers[place] = loader(self._walk.data, width)[cell.theirs]
            else:
                numbers[place] = _scaled(cell.theirs, cell.plan.scale)
        return pa.array(numbers, mask=None if valid is None else ~valid)


@lru_cache(maxsize=16)
def _defaults(contract: Contract) -> tuple[pl.Series, ...]:
    """A row of what each column of the contract has where the writer says nothing of it."""
    return tuple(pl.Series(each.name, [each.default], dtype=each.dtype) for each in columns(contract))


def _valid(places: list[Ints], height: int) -> Flags | None:
    """Which rows have a value; None where all have."""
    if sum(map(len, places)) == height:
        return None
    valid = np.zeros(height, dtype=bool)
    for place in places:
        valid[place] = True
    return valid


def _uuids(cells: list[Cells], places: list[Ints], height: int, valid: Flags | None) -> pa.Array:
    numbers = np.zeros((height, 16), np.uint8)
    for cell, place in zip(cells, places, strict=True):
        numbers[place] = cell.theirs
    views = np.zeros((height, 4), np.uint32)
    views[:, 0] = 16
    views[:, 1] = numbers.view("<u4")[:, 0]
    views[:, 3] = np.arange(height) * 16
    return view_array(pa.binary_view(), views.view(np.uint64), pa.py_buffer(numbers), valid)


def _symbols(cells: list[Cells], places: list[Ints], height: int) -> pa.Array:
    """The names of enum symbols, by the plan that each was walked by; null where there is none."""
    table: list[str | None] = [None]
    rows = np.zeros(height, np.int64)
    for cell, place in zip(cells, places, strict=True):
        rows[place] = cell.theirs + len(table)
        table += cell.plan.symbols
    return pa.array(table, pa.large_string()).take(pa.array(rows))


def _scaled(numbers: Ints, scale: tuple[int, int]) -> Ints:
    times, parts = scale
    if times != 1:
        # Far beyond any date still, and it does not overflow.
        numbers = np.clip(numbers, -(2**50), 2**50) * times
    return numbers // parts if parts != 1 else numbers
