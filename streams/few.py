"""A few values of one contract as plain records: what `streams.decode` gives, without columns.

Columns are for many. For one value, building and reading them takes several times as long as all else that is
done with it, and the more so where that happens seldom: each time everything is fetched into the processor's
caches anew. What a good value is the walk decides here as there; fastavro only reads what has been proved.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import fastavro

from schemas.contracts import Contract, WriterSchema
from streams.carriers import NUMBERS
from streams.decode import EARLIEST, LATEST
from streams.program import program_of
from streams.shape import Unresolvable, columns, plan_of, times
from streams.values import Values
from streams.walk import Walk
from streams.withhold import LONG, may_hold_image

FEW = 50
"""Values that are read one by one at the most."""

Plain = dict[str, Any]


def read_few(
    values: Values, contract: Contract, schemas: Mapping[int, WriterSchema | str]
) -> list[Plain] | None:
    """Return the values as records of the contract's current schema, in their order.

    A uuid is the text that the writer wrote, a time is in microseconds since 1970. None where there are more
    than `FEW`, where any is not sound beyond doubt, or was written with a schema that says anything else than
    the current one: `decode` looks closer, and tells what is wrong. Of a contract with `attributes`, whose
    names it asks about, always None.
    """
    if len(values) > FEW or len(values.unframed) or may_hold_image(values.data):
        return None
    found: dict[int, Plain] = {}
    if any(column.name == "attributes" for column in columns(contract)):
        return None
    for rows, writer, head_size in values.by_writer(contract, schemas):
        if not isinstance(writer, WriterSchema) or (plain := _plain_schema(writer, contract)) is None:
            return None
        ends = values.starts[rows + 1]
        walk = Walk(values.data, values.starts[rows], ends, program_of(writer, contract), head_size)
        if walk.faults.any() or walk.large(LONG, NUMBERS):
            return None
        for row in rows.tolist():
            body = io.BytesIO((values[row] or b"")[head_size:])
            record: Any = fastavro.schemaless_reader(body, plain, None)
            if any(not EARLIEST <= record[name] <= LATEST for name in times(contract)):
                return None
            found[row] = record
    return [found[row] for row in range(len(values))]


@lru_cache(maxsize=256)
def _plain_schema(writer: WriterSchema, contract: Contract) -> Any:
    """The current schema without its logical types; None where the writer's says anything else."""
    try:
        same = plan_of(writer, contract) == plan_of(contract.current, contract)
    except Unresolvable:
        return None
    return fastavro.parse_schema(_without_logic(json.loads(contract.current.text))) if same else None


def _without_logic(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: _without_logic(said) for name, said in schema.items() if name != "logicalType"}
    return [_without_logic(each) for each in schema] if isinstance(schema, list) else schema
