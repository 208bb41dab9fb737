"""A block of whole lines as bytes, and where each of them is: counted and cut without a loop per line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
NEWLINE, RETURN, HASH = 0x0A, 0x0D, 0x23


class BadLine(ValueError):
    """A line is not what its log's lines are; the text says why and holds nothing of the line."""


class Bad(NamedTuple):
    """A line of a block that is not well formed: its row, and why."""

    row: int
    reason: str


class Lines:
    """Lines of a block; `first` is the number of the first one in its file, from 1.

    `data` ends with a line feed. `starts` and `ends` have a row for each line; a carriage return before the
    line feed is not a part of it. `damaged` says which lines have a NUL byte, as a crash leaves behind in
    what was not written yet; `filled` which of the others are not empty.
    """

    def __init__(self, data: bytes, first: int = 1) -> None:
        self.data = data
        self.first = first
        self.array = np.frombuffer(data, np.uint8)
        self.feeds: Rows = np.flatnonzero(self.array == NEWLINE)
        self.starts: Rows = np.concatenate([np.zeros(1, np.int64), self.feeds[:-1] + 1])[: len(self.feeds)]
        returns = (self.feeds > self.starts) & (self.array[self.feeds - 1] == RETURN)
        self.ends: Rows = self.feeds - returns
        self.damaged = np.zeros(len(self.feeds), np.bool_)
        if b"\0" in data:
            self.damaged[np.searchsorted(self.feeds, np.flatnonzero(self.array == 0))] = True
        self.filled = (self.ends > self.starts) & ~self.damaged

    def __len__(self) -> int:
        return len(self.feeds)

    def part(self, begin: int, end: int) -> Lines:
        """Return the lines from one row to before another; not none."""
        if (begin, end) == (0, len(self)):
            return self
        return Lines(self.data[int(self.starts[begin]) : int(self.feeds[end - 1]) + 1], self.number(begin))

    def line(self, row: int) -> bytes:
        """Return the bytes of a line, without its end."""
        return self.data[int(self.starts[row]) : int(self.ends[row])]

    def number(self, row: int) -> int:
        """Return the number of a line in its file."""
        return self.first + row

    def first_bytes(self) -> npt.NDArray[np.uint8]:
        """The first byte of each line; a line feed where it is empty."""
        return self.array[self.starts]

    def last_bytes(self) -> npt.NDArray[np.uint8]:
        """The last byte of each line; what stands before it where it is empty."""
        return self.array[np.maximum(self.ends - 1, 0)]

    def counts(self, positions: Rows) -> Rows:
        """How many of these positions (sorted) lie in each line."""
        edges = np.searchsorted(positions, self.feeds)
        return np.diff(edges, prepend=0)

    def rows_of(self, positions: Sequence[int] | Rows) -> list[int]:
        """The rows of the lines in which these positions lie, each once, in order."""
        return [int(row) for row in np.unique(np.searchsorted(self.feeds, positions))]
