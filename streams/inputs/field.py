"""One field of an event from the outside, read as its contract has it."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.contracts import Contract
from schemas.moments import micros_of
from streams.shape import Column, columns

MAX_TEXT = 4096
"""Characters of one text."""
MAX_NAME = 256
"""Characters of the name of an attribute."""
MAX_ITEMS = 64
"""Galleries of one search; attributes of one."""
EARLIEST = 0
"""1970-01-01 UTC in microseconds since 1970."""
LATEST = 7_258_118_399_999_999
"""The last microsecond of 2199, UTC."""

_UUID = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|[0-9A-Fa-f]{32}")
_NO_IDENTITY = {UUID(int=0), UUID(int=2**128 - 1)}
_FLOAT_MAX = 3.4028234663852886e38

Complain = Callable[[tuple[str | int, ...], str, str], None]
"""Notes a fault: where (below the field), its code, and what to do."""
Reader = Callable[[Any, Complain], Any]


def readers(contract: Contract) -> dict[str, tuple[Column, bool, Reader]]:
    """Return for each field of a contract its column, whether it is required, and what reads its value.

    What a reader returns after it has complained means nothing.
    """
    required = {field["name"] for field in contract.fields if "default" not in field}
    return {column.name: (column, column.name in required, _reader(column)) for column in columns(contract)}


def _reader(column: Column) -> Reader:
    if column.timestamp:
        return _moment
    match column.kind:
        case "uuid":
            return _uuid
        case "enum":
            return _one_of(column.symbols)
        case "int":
            return _count
        case "float":
            return _number
        case "array":
            return _texts
        case "map":
            return _named_texts
    return _text


def _text(value: Any, complain: Complain) -> Any:
    _check_text(value, complain, ())
    return value


def _check_text(value: Any, complain: Complain, at: tuple[str | int, ...], limit: int = MAX_TEXT) -> bool:
    if not isinstance(value, str):
        if _is_bytes(value):
            complain(at, "image", "bytes, which may be an image, are never taken; leave them out")
        else:
            complain(at, "type", "is no text; write it as a text")
    elif len(value) > limit:
        complain(at, "too_long", f"has {len(value)} characters; at most {limit} are taken")
    elif "\0" in value or not _is_unicode(value):
        complain(at, "format", "has a NUL or half of a surrogate pair; send Unicode text")
    else:
        return True
    return False


def _is_unicode(value: str) -> bool:
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_bytes(value: Any) -> bool:
    return isinstance(value, bytes | bytearray | memoryview) or hasattr(value, "__array_interface__")


def _moment(value: Any, complain: Complain) -> int:
    moment = value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip() if len(value) <= 64 else "")
        except ValueError:
            complain((), "format", "is no ISO 8601 time; write it as in 2020-11-14T12:00:00-08:00")
            return 0
    if not isinstance(moment, datetime):
        complain((), "type", "is no time; write it as in 2020-11-14T12:00:00-08:00")
        return 0
    if moment.utcoffset() is None:
        complain((), "format", "has no offset from UTC; add one, such as -08:00 or Z")
        return 0
    micros = micros_of(moment)
    if not EARLIEST <= micros <= LATEST:
        complain((), "range", "is outside the years 1970 to 2199; check the clock, or the unit")
    return micros


def _uuid(value: Any, complain: Complain) -> str:
    if isinstance(value, str) and _UUID.fullmatch(value):
        value = UUID(value)
    if not isinstance(value, UUID):
        code = "format" if isinstance(value, str) else "type"
        complain((), code, "is no UUID; write 32 hex digits as in 0b0e7f5e-6c43-4b0e-9a39-3d8f7e0c1a52")
    elif value in _NO_IDENTITY:
        complain((), "format", "is the UUID of all zeros or all ones, which names nothing; make one for each")
    return str(value)


def _one_of(symbols: Sequence[str]) -> Reader:
    def read(value: Any, complain: Complain) -> Any:
        if not isinstance(value, str) or value not in symbols:
            complain((), "format", f"is none of {', '.join(symbols)}; write one of them")
        return value

    return read


def _count(value: Any, complain: Complain) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        complain((), "type", "is no whole number; write it without quotes and point")
        return 0
    count = int(value)
    if not 0 <= count < 2**31:
        complain((), "range", "is below 0 or above 2147483647; send the count")
    return count


def _number(value: Any, complain: Complain) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        complain((), "type", "is no number; write it without quotes")
        return 0.0
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or abs(number) > _FLOAT_MAX:
        complain((), "range", "is no finite number of 32 bits; leave it out where there is none")
    return number


def _texts(value: Any, complain: Complain) -> list[Any]:
    if not isinstance(value, list | tuple):
        complain((), "image" if _is_bytes(value) else "type", "is no list of texts; write it in brackets")
        return []
    if len(value) > MAX_ITEMS:
        complain((), "too_many", f"has {len(value)} items; at most {MAX_ITEMS} are taken")
        return []
    for number, item in enumerate(value):
        _check_text(item, complain, (number,))
    return list(value)


def _named_texts(value: Any, complain: Complain) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        complain((), "image" if _is_bytes(value) else "type", "is no object of texts; write names and texts")
        return {}
    if len(value) > MAX_ITEMS:
        complain((), "too_many", f"has {len(value)} entries; at most {MAX_ITEMS} are taken")
        return {}
    for name, text in value.items():
        if not isinstance(name, str) or not name:
            complain((), "type", "has a name that is no text, or empty; name each entry")
        elif _check_text(name, complain, (), MAX_NAME):
            _check_text(text, complain, (name,))
    return dict(value)
