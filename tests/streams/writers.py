"""Values of clients that registered schemas of their own, and what decoding makes of them."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro

from schemas.contracts import Contract, WriterSchema, contract, writer_schema
from schemas.wire import confluent_head
from streams.decode import Decoded, decode
from streams.values import Values

SEARCH = contract("search")


def read(
    values: list[bytes | None], schemas: dict[int, Any] | None = None, shape: Contract = SEARCH
) -> Decoded:
    return decode(Values(values), shape, schemas or {})


def reasons(decoded: Decoded) -> dict[int, str]:
    return {bad.row: bad.reason for bad in decoded.bad}


def newer(*fields: dict[str, Any], without: str = "", shape: Contract = SEARCH) -> Any:
    schema = json.loads(shape.current.text)
    schema["fields"] = [field for field in schema["fields"] if field["name"] != without] + list(fields)
    return writer_schema(json.dumps(schema))


def written(writer: WriterSchema, **fields: Any) -> bytes:
    """A value of a client that registered a schema of its own."""
    out = io.BytesIO(confluent_head(3))
    out.seek(0, 2)
    record = {"event_id": "6f1f0a7e-0000-4000-8000-000000000001", "occurred_at": 0, "source": "s"}
    fastavro.schemaless_writer(out, writer.parsed, {**record, "agency_id": "a", **fields})
    return out.getvalue()


def with_field(name: str, kind: Any, shape: Contract = SEARCH) -> WriterSchema:
    schema = json.loads(shape.current.text)
    for field in schema["fields"]:
        if field["name"] == name:
            field["type"] = kind
            field.pop("default", None)
    return writer_schema(json.dumps(schema))
