"""The searches that are stored, read in pieces: columns of each event once, in no order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import clickhouse_connect
import polars as pl
import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.errors import FrwatchError, NotThere
from schemas.settings import Settings
from sinks.clickhouse.client import clickhouse_address

PIECE_ROWS = 262_144
"""Rows that are put together before they are handed on: judging costs some ms however few they are."""


def count_searches(settings: Settings, where: str, parameters: Mapping[str, Any]) -> int:
    """Return how many searches a condition selects; see `read_searches`."""
    client = _client(settings)
    try:
        answer = client.query(_select("count()", where), dict(parameters))
        return int(answer.result_rows[0][0])
    except ClickHouseError as error:
        raise _refused(error) from None
    finally:
        client.close()


def read_searches(
    settings: Settings, columns: Sequence[str], where: str, parameters: Mapping[str, Any]
) -> Iterator[pl.DataFrame]:
    """Yield the columns of the searches that `where` selects, in frames of some 260,000 rows.

    `where` is ClickHouse SQL with `{name:Type}` for the parameters. Nothing is written.

    Raises:
        NotThere: ClickHouse does not answer.
        FrwatchError: it refuses the query, or breaks off.
    """
    client = _client(settings)
    try:
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
    except (ClickHouseError, pa.ArrowInvalid) as error:
        raise _refused(error) from None
    finally:
        client.close()


def _select(columns: str, where: str) -> str:
    # Both are this program's own words; what a person gave is in the parameters.
    return " ".join(("SELECT", columns, "FROM frwatch.searches WHERE", where))


def _client(settings: Settings) -> Any:
    address = clickhouse_address(settings)
    try:
        return clickhouse_connect.get_client(
            **address, autogenerate_session_id=False, send_receive_timeout=600, compress="lz4"
        )
    except ClickHouseError as error:
        place = f"{address['host']}:{address['port']}"
        raise NotThere(
            f"ClickHouse does not answer at {place} ({type(error).__name__}); start it with `frwatch up`, "
            "or set FRWATCH_CLICKHOUSE"
        ) from None


def _refused(error: Exception) -> FrwatchError:
    return FrwatchError(f"ClickHouse did not give the searches: {(str(error).splitlines() or [''])[0][:300]}")


def _frame(batches: list[pa.RecordBatch]) -> pl.DataFrame:
    return cast("pl.DataFrame", pl.from_arrow(pa.Table.from_batches(batches)))
