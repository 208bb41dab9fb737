"""The writer: rows into the `…_raw` tables, once for each token."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from typing import Any

import polars as pl
import pyarrow as pa
from aiohttp import ClientError
from clickhouse_connect.driver import AsyncClient
from clickhouse_connect.driver.exceptions import Error

from schemas.fault_point import reach

_UUIDS = frozenset({"event_id", "violation_id", "outcome_id", "kafka_topic_id", "alert_id", "follows"})
FEW_VALUES = frozenset(
    {
        "account",
        "age_band",
        "agency_id",
        "approved_by",
        "catalogue_version",
        "certainty",
        "crime_type",
        "endpoint_host",
        "evidence",
        "evidence_strength",
        "gender",
        "kafka_topic",
        "kind",
        "legal_basis",
        "officer",
        "operator",
        "outside_agency_basis",
        "outside_agency_id",
        "policies_version",
        "policy_id",
        "policy_version",
        "probe_kind",
        "provider",
        "provider_basis",
        "provider_class",
        "provider_conflict",
        "provider_id",
        "purpose",
        "race",
        "reason",
        "requester_domain",
        "requesting_agency_id",
        "rule_id",
        "severity",
        "source",
        "source_version",
        "title",
        "training_cert",
        "unit",
        "user_agent",
    }
)
"""Columns that are LowCardinality: as dictionaries a batch has half the bytes, and costs the engine less."""
_SETTINGS: dict[str, Any] = {
    "insert_deduplicate": 1,
    "async_insert": 0,
    # Copies are told apart when they are read (FINAL) and merged; to replace within each insert as well took
    # twice the time of the insert itself.
    "optimize_on_insert": 0,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    # A batch may reach back over years: late reports, or a clock gone wrong.
    "max_partitions_per_insert_block": 0,
    # One token is one block: a larger range would be split, and its parts told apart by number only.
    "max_insert_block_size": 4_194_304,
    "min_insert_block_size_rows": 0,
    "min_insert_block_size_bytes": 0,
}


PING_SECONDS = 3.0


class Writer:
    """Inserts frames as Arrow. `timeout` seconds bound one attempt; trying again is the caller's."""

    def __init__(self, client: AsyncClient, *, timeout: float = 15.0) -> None:
        self._client = client
        self._timeout = timeout

    async def write(self, tables: Mapping[str, pl.DataFrame], token: str) -> None:
        """Insert the rows of each table, one after the other, each under the token.

        Raises:
            TimeoutError, OSError, clickhouse_connect's errors: some or all of it may be in the tables;
            write the same again with the same token.
        """
        for table, rows in tables.items():
            await self.insert(table, rows, token)

    async def answers(self) -> bool:
        """Whether the engine answers at all: asked before rows are made ready for one that was away."""
        try:
            async with asyncio.timeout(PING_SECONDS):
                return bool(await self._client.ping())
        except (TimeoutError, OSError, ClientError, Error):
            return False

    async def insert(self, table: str, rows: pl.DataFrame, token: str) -> None:
        """Insert rows (for `searches` into `frwatch.searches_raw`) under the token.

        A table takes one token once: what is written again is dropped, whatever its rows. The frame's columns
        are the table's, by name; UUIDs are Binary of 16 bytes.

        Raises:
            TimeoutError, OSError, clickhouse_connect's errors: some or all of it may be in the table;
            write the same again with the same token.
        """
        if not rows.height:
            return
        async with asyncio.timeout(self._timeout):
            body = await asyncio.to_thread(_arrow_stream, rows)
            await self._client.raw_insert(
                f"frwatch.{table}_raw",
                column_names=rows.columns,
                insert_block=body,
                fmt="ArrowStream",
                settings={**_SETTINGS, "insert_deduplication_token": token},
            )
        reach(f"inserted-{table}")


def _arrow_stream(rows: pl.DataFrame) -> bytes:
    table = rows.to_arrow()
    for at, name in enumerate(rows.columns):
        if name in FEW_VALUES and rows.schema[name] == pl.String:
            table = table.set_column(at, name, table.column(at).cast(pa.string()).dictionary_encode())
    for name in _UUIDS.intersection(rows.columns):
        at = table.schema.get_field_index(name)
        uuids = table.column(at).cast(pa.binary()).cast(pa.binary(16))
        table = table.set_column(at, name, uuids)
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return out.getvalue()
