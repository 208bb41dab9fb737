"""Which formats can be sent as they come, and how the pieces of the others join.

chDB streams a result in pieces, and each piece is a document of its own: with its own head, and for some
formats its own tail. Pieces of rows laid end to end are one document. Where a head stands before the rows,
all heads but the first are cut off. Every other format has to be made in one piece.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

_ROWS = frozenset(
    {
        "tabseparated", "tsv", "tabseparatedraw", "tsvraw", "raw", "csv", "jsoneachrow", "jsonlines",
        "ndjson", "jsoncompacteachrow", "jsonstringseachrow", "jsoncompactstringseachrow", "tskv",
        "rowbinary", "native", "lineasstring", "rawblob", "msgpack", "null", "bsoneachrow", "protobuf",
    }
)  # fmt: skip
_HEADED = {"withnames": 1, "withnamesandtypes": 2}


class Joiner:
    """Joins the pieces of one answer: `join` each in turn, and then `end`.

    `headed` says whether even an answer without rows has bytes, which chDB's stream does not give.
    """

    headed = False
    end = b""

    def join(self, piece: bytes) -> bytes:
        """Return what a piece adds."""
        return piece


def joiner(name: str) -> Joiner | None:
    """Return what joins the pieces of a format; None where they cannot be joined."""
    lower = name.lower()
    if lower in _ROWS:
        return Joiner()
    if lower == "arrowstream":
        return _ArrowJoiner()
    for suffix, lines in _HEADED.items():
        base = lower.removesuffix(suffix)
        if base != lower and base == "rowbinary":
            return _HeadJoiner(_binary_head, lines)
        if base != lower and base in _ROWS:
            return _HeadJoiner(_csv_head if base == "csv" else _lines_head, lines)
    return None


class _HeadJoiner(Joiner):
    """Cuts the head off all pieces but the first."""

    headed = True

    def __init__(self, size: Callable[[bytes, int], int], lines: int) -> None:
        self._size = size
        self._lines = lines
        self._first = True

    def join(self, piece: bytes) -> bytes:
        if self._first:
            self._first = False
            return piece
        return piece[self._size(piece, self._lines) :]


class _ArrowJoiner(Joiner):
    """One schema at the beginning, one end, and all messages between.

    A message is FF FF FF FF, the size of its metadata (Int32), metadata and body; a size of 0 is the end. The
    schema is the first message of each piece and has no body.
    """

    headed = True
    end = b"\xff\xff\xff\xff\x00\x00\x00\x00"

    def __init__(self) -> None:
        self._first = True

    def join(self, piece: bytes) -> bytes:
        start = 0
        if not self._first:
            (size,) = struct.unpack_from("<i", piece, 4)
            start = 8 + size
        self._first = False
        return piece[start:].removesuffix(self.end)


def _lines_head(piece: bytes, lines: int) -> int:
    """The size of the first lines; inside a name a line's end is escaped."""
    at = 0
    for _ in range(lines):
        at = piece.index(b"\n", at) + 1
    return at


def _csv_head(piece: bytes, lines: int) -> int:
    """The same for names in double quotes, which are doubled inside; a line may end between them."""
    at, quoted = 0, False
    while lines and at < len(piece):
        if piece[at] == 0x22:
            quoted = not quoted
        elif piece[at] == 0x0A and not quoted:
            lines -= 1
        at += 1
    return at


def _binary_head(piece: bytes, kinds: int) -> int:
    """The size of RowBinary's head: the number of columns, then that many names, then that many types."""
    columns, at = _varint(piece, 0)
    for _ in range(columns * kinds):
        size, at = _varint(piece, at)
        at += size
    return at


def _varint(piece: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = piece[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
