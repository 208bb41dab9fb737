"""Values that are no search, or a search that only just is one: each kind by its name.

Written from the contract alone, with none of frwatch's own code: what is expected here is what a producer
knows, not what a reader thinks.
"""

from __future__ import annotations

import base64
import random
import struct
from collections.abc import Callable
from typing import NamedTuple

HEAD = bytes.fromhex("c301f6c1ccffb4a00281")
OUTCOME_HEAD = bytes.fromhex("c301b222b4dfe751c41e")
_MICROS = 1_700_000_000_000_000
_PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 4


class Value(NamedTuple):
    """A value to be sent; `good` where it must become a row."""

    kind: str
    value: bytes | None
    good: bool = False


def zigzag(number: int) -> bytes:
    """An Avro int or long."""
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number & ~0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def text(value: str | bytes) -> bytes:
    """An Avro string."""
    raw = value.encode() if isinstance(value, str) else value
    return zigzag(len(raw)) + raw


def search(
    event_id: str | bytes,
    *,
    occurred_at: int = _MICROS,
    evidence: bytes = b"\x00",
    source: bytes = text("lacris-web"),
    unit: bytes = b"\x00",
    attributes: dict[str, str] | None = None,
    tail: bytes | None = None,
) -> bytes:
    """The body of a search of the LASD through LACRIS, field by field as the contract has them."""
    some = b"\x02"
    given = attributes or {}
    pairs = b"".join(text(key) + text(value) for key, value in given.items())
    end = (zigzag(len(given)) + pairs if given else b"") + b"\x00" if tail is None else tail
    return b"".join(
        [
            text(event_id),
            zigzag(occurred_at),
            evidence,
            source,
            b"\x00",  # source_version
            text("lasd"),
            some + text("D7"),
            unit,
            b"\x00" * 3,  # requesting_agency_id, requester, request_ref
            some + text("LACRIS"),
            b"\x00" * 2,  # endpoint, account
            b"\x00",  # galleries
            b"\x00" * 12,  # case_number to user_agent
            end,
        ]
    )


def good(kind: str, body: bytes) -> Value:
    """A value that must become a row."""
    return Value(kind, HEAD + body, good=True)


def bad(kind: str, body: bytes) -> Value:
    """A value that must become a dead letter."""
    return Value(kind, HEAD + body)


Make = Callable[[str, random.Random], list[Value]]


def _cancelling(event_id: str, _: random.Random) -> list[Value]:
    """Two neighbours: what the one lacks at its end, the other has too much at its beginning."""
    whole = search(event_id, attributes={"a": "b"})
    return [
        bad("cut, its end in the next", whole[:-7]),
        Value("begins with another's end", whole[-7:] + whole),
    ]


KINDS: dict[str, Make] = {
    "empty": lambda *_: [Value("empty", b"")],
    "tombstone": lambda *_: [Value("tombstone", None)],
    "noise": lambda _, rng: [Value("noise", b"\x07" + rng.randbytes(40))],
    "text": lambda *_: [Value("text", b'{"event_id": "json, not Avro"}')],
    "head alone": lambda *_: [Value("head alone", HEAD)],
    "unknown fingerprint": lambda i, _: [Value("unknown fingerprint", b"\xc3\x01" + b"\x11" * 8 + search(i))],
    "unknown registry id": lambda i, _: [
        Value("unknown registry id", b"\x00" + struct.pack(">I", 4_000_000) + search(i))
    ],
    "truncated": lambda i, rng: [bad("truncated", search(i)[: rng.randrange(1, 70)])],
    "trailing": lambda i, _: [bad("trailing", search(i) + b"\x00")],
    "enum too high": lambda i, _: [bad("enum too high", search(i, evidence=zigzag(3)))],
    "enum -1": lambda i, _: [bad("enum -1", search(i, evidence=zigzag(-1)))],
    "union branch 2": lambda i, _: [bad("union branch 2", search(i, unit=zigzag(2) + text("x")))],
    "overlong integer": lambda i, _: [bad("overlong integer", search(i, evidence=b"\x80\x80\x00"))],
    "negative length": lambda i, _: [bad("negative length", search(i, source=zigzag(-5) + b"abcde"))],
    "length beyond the end": lambda i, _: [bad("length beyond the end", search(i, source=zigzag(1 << 40)))],
    "not UTF-8": lambda i, _: [bad("not UTF-8", search(i, source=text(b"\xff\xfe\xfd")))],
    "lone surrogate": lambda i, _: [bad("lone surrogate", search(i, source=text(b"\xed\xa0\x80")))],
    "endless map": lambda i, _: [bad("endless map", search(i, tail=zigzag(1 << 50)))],
    "no UUID": lambda *_: [bad("no UUID", search("not-a-uuid-at-all-not-a-uuid-at-all-"))],
    "year 1800": lambda i, _: [bad("year 1800", search(i, occurred_at=-5_364_662_400_000_000))],
    "year 2400": lambda i, _: [bad("year 2400", search(i, occurred_at=13_569_465_600_000_000))],
    "another schema": lambda i, _: [
        Value("another schema", OUTCOME_HEAD + text(i) + b"\x00" + text("lapd") + b"\x00\x00\x00\x00\x00\x00")
    ],
    "another schema under this head": lambda i, _: [
        bad("another schema under this head", text(i) + text(i) + text("lapd") + b"\x00\x02\x00")
    ],
    "1 MiB": lambda i, _: [bad("1 MiB", search(i, source=text("x" * (1 << 20))))],
    "a PNG in base64": lambda i, _: [
        bad("a PNG in base64", search(i, attributes={"note": base64.b64encode(_PNG).decode()}))
    ],
    "a JPEG": lambda *_: [Value("a JPEG", _JPEG)],
    "a template by its name": lambda i, _: [
        bad("a template by its name", search(i, attributes={"face_template": "0.1,0.2"}))
    ],
    "damage that cancels out": _cancelling,
    "year 1900": lambda i, _: [good("year 1900", search(i, occurred_at=-2_208_988_800_000_000))],
    "year 2200": lambda i, _: [good("year 2200", search(i, occurred_at=7_258_118_400_000_000))],
    "NUL": lambda i, _: [good("NUL", search(i, source=text("a\0b\0"), unit=b"\x02" + text("\0")))],
    "combining marks": lambda i, _: [
        good("combining marks", search(i, unit=b"\x02" + text("e" + "\N{COMBINING ACUTE ACCENT}" * 20_000)))
    ],
    "combining marks, 10 MB": lambda i, _: [
        bad("combining marks, 10 MB", search(i, source=text("\N{COMBINING ACUTE ACCENT}" * 5_000_000)))
    ],
}
"""Each kind, given a fresh event id: the values to send, one after the other."""

RARE = frozenset({"1 MiB", "combining marks, 10 MB"})
"""Kinds that are too large to be one in every few thousand."""
EVIL = [name for name in KINDS if name not in RARE and name not in {"year 1900", "year 2200", "NUL"}]
"""Kinds of which a stream may be full."""
