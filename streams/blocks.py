"""Avro records to columns, a whole block at a time, with every record's boundary proved.

Records laid end to end are the body of one block of an Avro object container file, which polars-avro reads
without a Python loop. A block alone would let two damaged records hide each other (one too short, its
neighbour too long), so each record is followed by a guard: eight random bytes of this block and the record's
number. A guard that does not come back in its own row fails the whole block.
"""

from __future__ import annotations

import io
import json
import os
from functools import lru_cache

import numpy as np
import polars as pl
import polars_avro
import pyarrow as pa
import pyarrow.compute as pc
from polars_avro import AvroError, AvroSpecError

from schemas.contracts import WriterSchema

GUARD_SIZE = 16
_DAMAGE = (AvroError, AvroSpecError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException)
_SYNC = os.urandom(16)


class DamagedBlock(Exception):
    """At least one record of the block is not a value of its schema; the block does not say which."""


def read_block(values: pa.Array, writer: WriterSchema, head_size: int) -> pl.DataFrame:
    """Return one row for each of `values` (binary, no nulls), in order, with the writer schema's columns.

    Each value is `head_size` bytes of framing and then one Avro record of `writer`. A `uuid` comes as 16
    bytes Binary, `timestamp-micros` as Datetime("us", "UTC"), an enum as String, a map as Map(String, …).

    Raises:
        DamagedBlock: a value is damaged, too short or too long.
    """
    count = len(values)
    guards = _guards(count)
    joined = pc.binary_join_element_wise(values, guards, pa.scalar(b"", pa.large_binary()))
    body = _data(joined)
    block = io.BytesIO()
    for part in (_header(writer, head_size), _zigzag(count), _zigzag(len(body)), body, _SYNC):
        block.write(part)
    block.seek(0)
    try:
        frame = polars_avro.read_avro(block, columns=["event", "guard"])
    except _DAMAGE as error:
        raise DamagedBlock(str(error)[:200]) from None
    if frame.height != count or not frame["guard"].equals(pl.Series("guard", guards)):
        raise DamagedBlock("a record's boundary moved")
    event = frame["event"].struct.unnest()
    enums = [name for name, dtype in event.schema.items() if isinstance(dtype, pl.Categorical | pl.Enum)]
    return event.with_columns(pl.col(enums).cast(pl.String)) if enums else event


def _guards(count: int) -> pa.Array:
    words = np.empty((count, 2), dtype=">u8")
    words[:, 0] = int.from_bytes(os.urandom(8), "big")
    words[:, 1] = np.arange(count)
    fixed = pa.Array.from_buffers(pa.binary(GUARD_SIZE), count, [None, pa.py_buffer(words)])
    return fixed.cast(pa.large_binary())


def _data(array: pa.Array) -> memoryview:
    """The bytes of all values of a large_binary array, end to end."""
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, dtype="<i8", count=len(array) + 1, offset=array.offset * 8)
    return memoryview(data)[int(ends[0]) : int(ends[-1])]


def _zigzag(number: int) -> bytes:
    number, out = number << 1, bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


@lru_cache(maxsize=256)
def _header(writer: WriterSchema, head_size: int) -> bytes:
    """The head of an object container file whose records are framing, event and guard."""
    guarded = json.dumps(
        {
            "type": "record",
            "name": "Guarded",
            "fields": [
                {"name": "head", "type": {"type": "fixed", "name": "Head", "size": head_size}},
                {"name": "event", "type": json.loads(writer.text)},
                {"name": "guard", "type": {"type": "fixed", "name": "Guard", "size": GUARD_SIZE}},
            ],
        }
    ).encode()
    meta = _zigzag(1) + _zigzag(11) + b"avro.schema" + _zigzag(len(guarded)) + guarded + _zigzag(0)
    return b"Obj\x01" + meta + _SYNC
