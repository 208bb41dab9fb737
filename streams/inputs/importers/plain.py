"""Lines as their hosts are compared: without escapes, and letters of any width and case as the plain ones."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streams.inputs.importers.lines import Lines, Rows

_PERCENT, _BACKSLASH, _X = 0x25, 0x5C, 0x78
_HEX = np.full(256, 16, np.uint8)
_HEX[list(b"0123456789")] = np.arange(10)
_HEX[list(b"ABCDEF")] = _HEX[list(b"abcdef")] = np.arange(10, 16)
_UNICODE = re.compile(r"\\u([0-9A-Fa-f]{4})")
# Dots that IDNA takes for one, and what it leaves out (UTS 46, "ignored").
_IGNORED = (
    0xAD,
    0x34F,
    *range(0x180B, 0x180E),
    *range(0x200B, 0x200E),
    0x2060,
    0x2064,
    *range(0xFE00, 0xFE10),
)
_SAME: dict[int, str | None] = {0x3002: ".", **dict.fromkeys((*_IGNORED, 0xFEFF))}


def odd_rows(lines: Lines) -> Rows:
    """Return the rows of the lines that have an escape, or a byte that is no ASCII."""
    array = lines.array
    odd = array >= 0x80
    if b"%" in lines.data:
        odd |= array == _PERCENT
    if b"\\" in lines.data:
        odd |= array == _BACKSLASH
    return np.unique(np.searchsorted(lines.feeds, np.flatnonzero(odd)))


def plain(lines: Sequence[bytes]) -> bytes:
    r"""Return lines, each with a line feed, as `folded` gives them, without `%2e`, `\x2e` and `\u002e`."""
    data = b"".join(line + b"\n" for line in lines)
    if b"\\x" in data:
        array = np.frombuffer(data, np.uint8)
        data = _undone(array, np.flatnonzero((array[:-3] == _BACKSLASH) & (array[1:-2] == _X)), 2)
    if b"%" in data:
        array = np.frombuffer(data, np.uint8)
        data = _undone(array, np.flatnonzero(array[:-2] == _PERCENT), 1)
    text = data.decode("utf-8", "replace")
    if "\\u" in text:
        text = _UNICODE.sub(_character, text)
    return folded(text).encode("utf-8", "replace")


def folded(text: str) -> str:
    """Return a text in which each name stands as IDNA maps it before it makes A-labels (UTS 46)."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold().translate(_SAME)


def _undone(array: npt.NDArray[np.uint8], at: Rows, mark: int) -> bytes:
    """Put in the place of each escape, a mark of some bytes and two digits, the byte that it stands for."""
    high, low = _HEX[array[at + mark]], _HEX[array[at + mark + 1]]
    meant = (high < 16) & (low < 16)
    at, values = at[meant], high[meant] * 16 + low[meant]
    # A line stays one, whatever is escaped in it.
    values[values < 32] = ord("?")
    made = array.copy()
    made[at] = values
    kept = np.ones(len(made), np.bool_)
    for after in range(1, mark + 2):
        kept[at + after] = False
    return made[kept].tobytes()


def _character(match: re.Match[str]) -> str:
    return chr(max(32, int(match[1], 16)))
