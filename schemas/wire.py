"""How a value is framed: Avro single-object encoding, or the Confluent wire format.

Single-object: `C3 01`, then the schema's CRC-64-AVRO fingerprint (8 bytes, little-endian).
Confluent: `00`, then the schema's id in a registry (4 bytes, big-endian).
Both may stand in one topic in any mix.
"""

from __future__ import annotations

import io
from typing import Any

import fastavro

from schemas.contracts import Contract

SINGLE_OBJECT = b"\xc3\x01"
CONFLUENT = b"\x00"
SINGLE_OBJECT_HEAD = 10
CONFLUENT_HEAD = 5


def confluent_head(schema_id: int) -> bytes:
    """Return the 5 bytes that stand before a value of the registry's schema `schema_id` (0 to 2^31-1)."""
    return CONFLUENT + schema_id.to_bytes(4, "big")


def encode(contract: Contract, record: dict[str, Any], *, schema_id: int | None = None) -> bytes:
    """Return one record as a Kafka value: Confluent-framed where a `schema_id` is given, else single-object.

    Raises:
        ValueError: the record does not fit the contract's current schema.
    """
    out = io.BytesIO()
    out.write(
        SINGLE_OBJECT + contract.current.fingerprint if schema_id is None else confluent_head(schema_id)
    )
    fastavro.schemaless_writer(out, contract.current.parsed, record)
    return out.getvalue()
