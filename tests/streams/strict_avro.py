"""A plain, strict reader of one Search record, as slow as it is simple: what the batch is held against."""

from __future__ import annotations

import json
import re
import struct
import uuid
from typing import Any

from schemas.contracts import contract

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SCHEMA = json.loads(contract("search").current.text)


class Damaged(Exception):
    """The value is no Search in single-object encoding."""


def strict_read(value: bytes) -> dict[str, Any]:
    """Return the record; times in microseconds."""
    if value[:10] != b"\xc3\x01" + contract("search").current.fingerprint:
        raise Damaged("framing")
    reader = _Reader(value[10:])
    record = {field["name"]: reader.read(field["type"]) for field in _SCHEMA["fields"]}
    if reader.rest:
        raise Damaged("bytes follow")
    return record


class _Reader:
    def __init__(self, rest: bytes) -> None:
        self.rest = rest

    def take(self, size: int) -> bytes:
        if not 0 <= size <= len(self.rest):
            raise Damaged("length")
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken

    def integer(self, bits: int = 64) -> int:
        raw = length = 0
        while True:
            byte = self.take(1)[0]
            raw |= (byte & 0x7F) << (7 * length)
            length += 1
            if byte < 0x80:
                break
        if raw >= 2**64 or (byte == 0 and length > 1):
            raise Damaged("integer")
        number = raw >> 1 ^ -(raw & 1)
        if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
            raise Damaged("integer")
        return number

    def text(self) -> str:
        try:
            return self.take(self.integer()).decode()
        except UnicodeDecodeError as error:
            raise Damaged("text") from error

    def read(self, kind: Any) -> Any:
        if isinstance(kind, list):
            branch = self.integer()
            if not 0 <= branch < len(kind):
                raise Damaged("branch")
            return None if kind[branch] == "null" else self.read(kind[branch])
        name = kind if isinstance(kind, str) else kind["type"]
        match name:
            case "string":
                text = self.text()
                if isinstance(kind, dict) and kind.get("logicalType") == "uuid":
                    if not _UUID.fullmatch(text):
                        raise Damaged("uuid")
                    return uuid.UUID(text)
                return text
            case "int":
                return self.integer(32)
            case "long":
                return self.integer()
            case "float":
                return struct.unpack("<f", self.take(4))[0]
            case "enum":
                index = self.integer()
                if not 0 <= index < len(kind["symbols"]):
                    raise Damaged("symbol")
                return kind["symbols"][index]
            case "array":
                return [item for block in self.blocks(kind["items"], keyed=False) for item in block]
            case "map":
                return dict(item for block in self.blocks(kind["values"], keyed=True) for item in block)
        raise AssertionError(name)

    def blocks(self, inner: Any, *, keyed: bool) -> list[list[Any]]:
        found, seen = [], 0
        while (count := self.integer()) != 0:
            size = None
            if count < 0:
                count, size = -count, self.integer()
            before = len(self.rest)
            seen += count
            if seen > 1024:
                raise Damaged("items")
            found.append(
                [(self.text(), self.read(inner)) if keyed else self.read(inner) for _ in range(count)]
            )
            if size is not None and before - len(self.rest) != size:
                raise Damaged("block size")
        return found
