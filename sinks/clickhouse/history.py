"""The searches that are stored, read in pieces: columns of each event once, in no order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import polars as pl
import pyarrow as pa

from schemas.settings import Settings
from sinks.clickhouse.asking import asking

PIECE_ROWS = 262_144
"""Rows that are put together before they are handed on: judging costs some ms however few they are."""


def count_searches(settings: Settings, where: str, parameters: Mapping[str, Any]) -> int:
    """Return how many searches a condition selects; see `read_searches`."""
    with asking(settings) as client:
        answer = client.query(_select("count()", where), dict(parameters))
        return int(answer.result_rows[0][0])


def read_searches(
    settings: Settings, columns: Sequence[str], where: str, parameters: Mapping[str, Any]
) -> Iterator[pl.DataFrame]:
    """Yield the columns of the searches that `where` selects, in frames of some 260,000 rows.

    `where` is ClickHouse SQL with `{name:Type}` for the parameters. Nothing is written.

    Raises:
        NotThere: ClickHouse does not answer.
        FrwatchError: it refuses the query, or breaks off.
    """
    with asking(settings) as client:
        # Dictionaries would become categories, which compare with other categories only.
        stream = client.raw_stream(
            _select(", ".join(columns), where),
            dict(parameters),
            {"output_format_arrow_low_cardinality_as_dictionary": 0, "readonly": 2},
            fmt="ArrowStream",
        )
        held: list[pa.RecordBatch] = []
        rows = 0
        with stream, pa.ipc.open_stream(stream) as batches:
            for batch in batches:
                held.append(batch)
                rows += batch.num_rows
                if rows >= PIECE_ROWS:
                    yield _frame(held)
                    held, rows = [], 0
        if rows:
            yield _frame(held)


def _select(columns: str, where: str) -> str:
    # Both are this program's own words; what a person gave is in the parameters.
    return " ".join(("SELECT", columns, "FROM frwatch.searches WHERE", where))


def _frame(batches: list[pa.RecordBatch]) -> pl.DataFrame:
    return cast("pl.DataFrame", pl.from_arrow(pa.Table.from_batches(batches)))
