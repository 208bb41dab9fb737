"""The Avro contracts: Search, Violation and Outcome, with every version that was ever released.

A contract changes only in ways that pass FULL_TRANSITIVE compatibility: any version reads what any other
version wrote. `schemas/NAME.avsc` is the current one, `schemas/released/NAME-N.avsc` are all of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import fastavro
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.errors import AvroException
from avro.schema import parse as parse_avro

Schema = dict[str, Any]

TOPICS = {"search": "searches", "outcome": "outcomes", "violation": "violations"}
"""The topic of each contract's values, without the prefix."""


@dataclass(frozen=True, slots=True, eq=False)
class WriterSchema:
    """A schema that values were written with; two are the same only if they are one object.

    `text` is its JSON; `parsed` is fastavro's form of it; `fingerprint` is its CRC-64-AVRO, 8 bytes
    little-endian, as fastavro has it (the `avro` package keeps logical types and gets others).
    """

    text: str
    parsed: Any
    fingerprint: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Contract:
    """One kind of value: its name (`search`), its current schema and all released ones by fingerprint.

    Like a schema, it is the same as another only if they are one object.
    """

    name: str
    current: WriterSchema
    released: dict[bytes, WriterSchema]

    @property
    def fields(self) -> list[Schema]:
        """The fields of the current schema, in order."""
        return list(json.loads(self.current.text)["fields"])


def writer_schema(text: str) -> WriterSchema:
    """Return a schema from its JSON.

    Raises:
        ValueError: it is no JSON, or no Avro schema.
    """
    try:
        schema = json.loads(text)
        if not isinstance(schema, dict) or schema.get("type") != "record":
            raise ValueError("no Avro record")
        canonical = fastavro.schema.to_parsing_canonical_form(schema)
        parsed = fastavro.parse_schema(json.loads(text))
    except (
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
        fastavro.schema.SchemaParseException,
    ) as error:
        raise ValueError(f"no Avro schema: {error}") from error
    fingerprint = fastavro.schema.fingerprint(canonical, "CRC-64-AVRO")
    return WriterSchema(text, parsed, bytes.fromhex(fingerprint))


@cache
def contract(name: str) -> Contract:
    """Return the contract `search`, `violation` or `outcome`."""
    room = resources.files("schemas")
    current = writer_schema((room / f"{name}.avsc").read_text(encoding="utf-8"))
    released = [
        writer_schema(file.read_text(encoding="utf-8"))
        for file in (room / "released").iterdir()
        if file.name.startswith(f"{name}-")
    ]
    return Contract(name, current, {schema.fingerprint: schema for schema in [*released, current]})


def unreadable(writer: WriterSchema, reader: WriterSchema) -> str | None:
    """Return why values of `writer` cannot be read as `reader`, or None where they can."""
    try:
        found = ReaderWriterCompatibilityChecker().get_compatibility(  # type: ignore[no-untyped-call]
            reader=parse_avro(reader.text), writer=parse_avro(writer.text)
        )
    except (AvroException, ValueError, TypeError, KeyError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    if found.compatibility is SchemaCompatibilityType.compatible:
        return None
    return "; ".join(sorted(found.messages)) or "incompatible"
