"""Which records of a damaged block are damaged, and how: one record at a time, so only where a block failed.

`fastavro` is quick at this but lenient: it takes an enum index of -1 for the last symbol, and integers with
needless bytes. So a record that it reads but would not write the same is only a suspect, which the block
reader has the last word on.
"""

from __future__ import annotations

import copy
import io
import json
from enum import Enum
from functools import lru_cache
from typing import Any

import fastavro

from schemas.contracts import WriterSchema


class Verdict(Enum):
    """What one look at a record gives."""

    SOUND = "sound"
    SUSPECT = "suspect"
    DAMAGED = "damaged"


def inspect_record(value: bytes, writer: WriterSchema, head_size: int) -> tuple[Verdict, str]:
    """Return the verdict on one value, and for a damaged one what is wrong, without any of its content."""
    plain = _without_logical_types(writer)
    stream = io.BytesIO(value)
    stream.seek(head_size)
    try:
        record = fastavro.schemaless_reader(stream, plain, None)
    except (EOFError, StopIteration):
        return Verdict.DAMAGED, f"ends too early, after {len(value)} bytes"
    except UnicodeDecodeError:
        return Verdict.DAMAGED, f"a string is not UTF-8, before byte {stream.tell()}"
    except (IndexError, ValueError, TypeError, OverflowError, MemoryError, KeyError) as error:
        return Verdict.DAMAGED, f"{type(error).__name__} before byte {stream.tell()} of {len(value)}"
    if (rest := len(value) - stream.tell()) != 0:
        return Verdict.DAMAGED, f"{rest} bytes after the end of the record"
    again = io.BytesIO()
    try:
        fastavro.schemaless_writer(again, plain, record)
    except (ValueError, TypeError, OverflowError, IndexError, KeyError) as error:
        return Verdict.SUSPECT, f"cannot be written again: {type(error).__name__}"
    if again.getbuffer() != memoryview(value)[head_size:]:
        return Verdict.SUSPECT, "an integer, enum index or uuid is not as the encoding has it"
    return Verdict.SOUND, ""


@lru_cache(maxsize=256)
def _without_logical_types(writer: WriterSchema) -> Any:
    """The schema with plain longs and strings: a time beyond Python's years is no damage of the encoding."""

    def strip(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: strip(part) for key, part in node.items() if key != "logicalType"}
        if isinstance(node, list):
            return [strip(part) for part in node]
        return node

    return fastavro.parse_schema(strip(copy.deepcopy(json.loads(writer.text))))
