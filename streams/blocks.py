"""Avro records to columns, a whole block at a time.

Records laid end to end are the body of one block of an Avro object container file, which polars-avro reads
without a Python loop: framing and all, as a record whose first field is the framing. It is given nothing but
values that `streams.validate` has found whole.
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
from polars_avro import AvroError, AvroSpecError

from schemas.contracts import WriterSchema

_REFUSALS = (AvroError, AvroSpecError, ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException)
_SYNC = os.urandom(16)


class UnreadableBlock(Exception):
    """The reader refuses the block, and does not say for which record."""


def read_block(values: pa.Array, writer: WriterSchema, head_size: int) -> pl.DataFrame:
    """Return one row for each of `values` (large_binary, no nulls), with the writer schema's columns.

    Each value is `head_size` bytes of framing and then one Avro record of `writer`, whole. A `uuid` comes as
    16 bytes Binary, `timestamp-micros` as Datetime("us", "UTC"), an enum as String, a map as Map(String, …).

    Raises:
        UnreadableBlock: the reader does not take it.
    """
    count = len(values)
    body = _data(values)
    block = io.BytesIO()
    for part in (_header(writer, head_size), _zigzag(count), _zigzag(len(body)), body, _SYNC):
        block.write(part)
    block.seek(0)
    try:
        frame = polars_avro.read_avro(block, columns=["event"])
    except _REFUSALS as error:
        raise UnreadableBlock(str(error)[:200]) from None
    if frame.height != count:
        raise UnreadableBlock(f"{frame.height} rows of {count} values")
    event = frame["event"].struct.unnest()
    enums = [name for name, dtype in event.schema.items() if isinstance(dtype, pl.Categorical | pl.Enum)]
    return event.with_columns(pl.col(enums).cast(pl.String)) if enums else event


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
    """The head of an object container file whose records are framing and event."""
    framed = json.dumps(
        {
            "type": "record",
            "name": "Framed",
            "fields": [
                {"name": "head", "type": {"type": "fixed", "name": "Head", "size": head_size}},
                {"name": "event", "type": json.loads(writer.text)},
            ],
        }
    ).encode()
    meta = _zigzag(1) + _zigzag(11) + b"avro.schema" + _zigzag(len(framed)) + framed + _zigzag(0)
    return b"Obj\x01" + meta + _SYNC
