"""Columns of an older or newer version of a contract, as those of the current one."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import polars as pl

from schemas.contracts import Contract

_PRIMITIVES: dict[str, pl.DataType] = {
    "string": pl.String(),
    "int": pl.Int32(),
    "long": pl.Int64(),
    "float": pl.Float32(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
    "bytes": pl.Binary(),
}


def align(frame: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return the frame with the current schema's columns, in its order and types.

    A column that the writer did not have gets the field's default; one that the current schema no longer has
    goes; an enum symbol that it does not know becomes the enum's default (Avro's rules of schema resolution).
    """
    return frame.select(
        _column(name, dtype, default, symbols, name in frame.columns)
        for name, dtype, default, symbols in _columns(contract.current.text)
    )


def column_types(contract: Contract) -> dict[str, pl.DataType]:
    """Return the columns of the contract's current schema with the types that a decoded frame has."""
    return {name: dtype for name, dtype, _, _ in _columns(contract.current.text)}


def _column(
    name: str, dtype: pl.DataType, default: Any, symbols: tuple[str, ...] | None, present: bool
) -> pl.Expr:
    if not present:
        return _default(default, dtype).alias(name)
    column = pl.col(name)
    if symbols is not None:
        known = column.is_in(list(symbols))
        return pl.when(known).then(column).otherwise(pl.lit(default)).alias(name)
    return column if isinstance(dtype, pl.Map) else column.cast(dtype)


def _default(default: Any, dtype: pl.DataType) -> pl.Expr:
    return pl.lit(pl.Series([default], dtype=dtype)).first()


@lru_cache(maxsize=16)
def _columns(text: str) -> list[tuple[str, pl.DataType, Any, tuple[str, ...] | None]]:
    columns = []
    for field in json.loads(text)["fields"]:
        kind = field["type"]
        if isinstance(kind, list):
            kind = next(branch for branch in kind if branch != "null")
        symbols = tuple(kind["symbols"]) if isinstance(kind, dict) and kind["type"] == "enum" else None
        default = kind.get("default") if symbols is not None else field.get("default")
        columns.append((field["name"], _dtype(kind), default, symbols))
    return columns


def _dtype(kind: Any) -> pl.DataType:
    if isinstance(kind, str):
        return _PRIMITIVES[kind]
    logical = kind.get("logicalType")
    if logical == "uuid":
        return pl.Binary()
    if logical == "timestamp-micros":
        return pl.Datetime("us", "UTC")
    match kind["type"]:
        case "enum":
            return pl.String()
        case "array":
            return pl.List(_dtype(kind["items"]))
        case "map":
            return pl.Map(pl.String(), _dtype(kind["values"]))
        case primitive:
            return _PRIMITIVES[primitive]
