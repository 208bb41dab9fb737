"""The SQL of rules: what polars can run row by row over an enriched search, and nothing else."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import polars as pl
from rapidfuzz import fuzz, process

from streams.columns import ENRICHED

_LITERAL = re.compile(r"'(?:[^']|'')*'")
_CLOCK = re.compile(
    r"\b(now|today|current_date|current_time|current_timestamp|localtime|localtimestamp)\b", re.IGNORECASE
)
# Names of polars' expression nodes that look beyond the row.
_BEYOND_ROW = frozenset(
    {
        "Agg",
        "All",
        "AnonymousAgg",
        "AnonymousFunction",
        "Any",
        "ApproxNUnique",
        "BackwardFill",
        "CumCount",
        "CumMax",
        "CumMin",
        "CumProd",
        "CumSum",
        "Diff",
        "Eval",
        "Explode",
        "FillNullWithStrategy",
        "Filter",
        "ForwardFill",
        "Gather",
        "Hist",
        "Len",
        "Mode",
        "Over",
        "Random",
        "Range",
        "Rank",
        "Reverse",
        "Rolling",
        "RowCount",
        "Shift",
        "Slice",
        "Sort",
        "SortBy",
        "SubPlan",
        "Unique",
        "Window",
    }
)
_HOSTILE = "\0 ǆ\u0301'%_\\\U0001f600"


class Refused(ValueError):
    """An expression cannot be a rule's; the text says why and what to write instead."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A boolean expression over a search, and the columns that it reads, sorted."""

    expr: pl.Expr
    columns: tuple[str, ...]


def compile_condition(sql: str) -> Condition:
    """Return the condition that a piece of SQL is.

    Raises:
        Refused: it does not parse, reads a column that searches do not have, is not boolean, reads the clock
            or other rows, or fails on values that a search can hold.
    """
    clock = _CLOCK.search(_LITERAL.sub("''", sql))
    if clock:
        raise Refused(f"{clock[0]} is the clock of the machine; compare occurred_at with a date instead")
    try:
        expr = pl.sql_expr(sql)
        beyond = _nodes(expr) & _BEYOND_ROW
        columns = tuple(sorted(set(expr.meta.root_names())))
    except pl.exceptions.PolarsError as error:
        raise Refused(f"does not parse: {_first_line(error)}") from None
    if beyond:
        raise Refused("looks at more than its own search (an aggregate, a window or a subquery)")
    unknown = [name for name in columns if name not in ENRICHED]
    if unknown:
        raise Refused(f"{'; '.join(map(_unknown, unknown))}; there are {', '.join(sorted(ENRICHED))}")
    _try_out(expr)
    return Condition(expr, columns)


def _try_out(expr: pl.Expr) -> None:
    probe = _probe()
    try:
        together = _run(probe, expr)
        if together.dtype != pl.Boolean:
            raise Refused(f"is {together.dtype}, not boolean; compare it with something")
        apart = pl.concat([_run(probe[row], expr) for row in range(probe.height)])
    except pl.exceptions.PolarsError as error:
        advice = "; TRY_CAST gives null where CAST fails" if "cast" in sql_words(str(error)) else ""
        raise Refused(f"fails on values that a search can hold: {_first_line(error)}{advice}") from None
    if not together.equals(apart, null_equal=True):
        raise Refused("looks at more than its own search")


def sql_words(text: str) -> set[str]:
    """Return the words of a text in lower case; `conversion` counts as `cast`."""
    words = set(re.findall(r"[a-z]+", text.lower()))
    return words | {"cast"} if "conversion" in words else words


def _unknown(name: str) -> str:
    near = process.extractOne(name, sorted(ENRICHED), scorer=fuzz.ratio, score_cutoff=70)
    return f"there is no column {name}" + (f" (is it {near[0]}?)" if near else "")


def _run(frame: pl.DataFrame, expr: pl.Expr) -> pl.Series:
    # Beside a column, a constant takes the column's length.
    return frame.select(pl.col("occurred_at"), expr.alias("condition"))["condition"]


def _nodes(expr: pl.Expr) -> set[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = json.loads(expr.meta.serialize(format="json"))
    return set(_names(tree))


def _names(tree: Any) -> list[str]:
    if isinstance(tree, dict):
        found = [name for name in tree if name not in {"Literal", "Column"}]
        return found + [name for key in found for name in _names(tree[key])]
    if isinstance(tree, list):
        return [name for item in tree for name in _names(item)]
    return [tree] if isinstance(tree, str) else []


@cache
def _probe() -> pl.DataFrame:
    """Searches with nothing, with plain values, and with values at the edge of what may come."""
    rows = [
        dict.fromkeys(ENRICHED),
        {name: _sample(dtype, "lacris", 1, 2020) for name, dtype in ENRICHED.items()},
        {name: _sample(dtype, _HOSTILE, -(2**31), 1900) for name, dtype in ENRICHED.items()},
        {name: _sample(dtype, "", 2**31 - 1, 2299) for name, dtype in ENRICHED.items()},
    ]
    return pl.DataFrame(
        {name: pl.Series(name, [row[name] for row in rows], dtype) for name, dtype in ENRICHED.items()}
    )


def _sample(dtype: pl.DataType, text: str, number: int, year: int) -> Any:
    if isinstance(dtype, pl.Datetime):
        return datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)
    if isinstance(dtype, pl.List):
        return [text] if text else []
    if isinstance(dtype, pl.Map):
        return {text: text}
    if isinstance(dtype, pl.Binary):
        return bytes(16)
    if isinstance(dtype, pl.Boolean):
        return number > 0
    return text if isinstance(dtype, pl.String) else number


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
