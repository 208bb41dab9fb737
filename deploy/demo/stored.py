"""What the tables hold at the end, as frames to compare."""

from __future__ import annotations

import io
from dataclasses import dataclass

import polars as pl
from clickhouse_connect.driver import Client

_QUERIES = {
    "searches": """
        SELECT toString(event_id) AS event_id, agency_id, provider_id, provider_class, outside_agency_id,
            arraySort(broken_rules) AS broken_rules
        FROM frwatch.searches""",
    "violations": """
        SELECT toString(event_id) AS event_id, concat(policy_id, '/', rule_id) AS rule, certainty
        FROM frwatch.violations""",
    "outcomes": "SELECT toString(outcome_id) AS outcome_id FROM frwatch.outcomes",
    "dead_letters": """
        SELECT kafka_topic, toInt64(kafka_partition) AS kafka_partition, kafka_offset, hex(value) AS value,
            headers['withheld'] AS withheld
        FROM frwatch.dead_letters""",
}

_ARROW = {
    "output_format_arrow_string_as_string": 1,
    "output_format_arrow_low_cardinality_as_dictionary": 0,
    "output_format_arrow_compression_method": "none",
}


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """The tables, each with what can be compared; `dead_letters.value` is upper-case hex."""

    searches: pl.DataFrame
    violations: pl.DataFrame
    outcomes: pl.DataFrame
    dead_letters: pl.DataFrame


def read_stored(client: Client) -> Stored:
    """Return all that analysts see of the four tables."""
    return Stored(**{name: _frame(client, query) for name, query in _QUERIES.items()})


def _frame(client: Client, query: str) -> pl.DataFrame:
    return pl.read_ipc_stream(io.BytesIO(client.raw_query(query, settings=_ARROW, fmt="ArrowStream")))
