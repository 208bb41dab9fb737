"""Answers as people read them: a table that fits the terminal, or one line a cell where it cannot."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from sinks.reports.cells import plain

FORMAT = "JSONCompactStringsEachRowWithNamesAndTypes"
"""The format that `read_rows` reads: names, types, and each row as an array of texts."""
NULL = "ᴺᵁᴸᴸ"
COUNT = 1_000_000
"""Rows up to which those that are not shown are counted."""
WIDE = 10_000
"""Columns of text of what is no terminal."""
_NARROWEST = 8
_NUMBER = ("UInt", "Int", "Float", "BFloat", "Decimal")


@dataclass(frozen=True, slots=True)
class Shown:
    """The first rows of an answer. `more` is how many there are besides; `counted` says if that is all."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int = 0
    counted: bool = True

    def note(self, remedy: str) -> str:
        """What is to be said of rows that are not shown, with how to see them; empty where all are."""
        if not self.more:
            return ""
        total = len(self.rows) + self.more
        of = f"{total:,}" if self.counted else f"more than {total - 1:,}"
        return f"first {len(self.rows):,} of {of} rows; {remedy}"


def read_rows(pieces: Iterable[bytes], limit: int) -> Shown:
    """Return at most `limit` rows of an answer in `FORMAT`, all where it is 0; the others are counted."""
    lines = _lines(pieces)
    names, types = (tuple(json.loads(next(lines, b"[]"))) for _ in range(2))
    rows: list[tuple[str, ...]] = []
    more = 0
    for line in lines:
        if not limit or len(rows) < limit:
            rows.append(tuple(json.loads(line)))
            continue
        more += 1
        if more > COUNT:
            return Shown(names, types, tuple(rows), more, counted=False)
    return Shown(names, types, tuple(rows), more)


def render(shown: Shown, width: int | None) -> RenderableType:
    """Return a table of at most `width` columns of text; None is as wide as it needs to be."""
    if width is not None and _least(shown) > width:
        return _upright(shown)
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name, kind in zip(shown.names, shown.types, strict=True):
        grid.add_column(
            Text(plain(name)), justify="right" if is_number(kind) else "left", overflow="fold", min_width=1
        )
    for row in shown.rows:
        grid.add_row(*(_cell(value) for value in row))
    return grid


def is_number(kind: str) -> bool:
    """Whether a column of this type is set to the right."""
    inner = kind
    for wrapper in ("LowCardinality(", "Nullable("):
        inner = inner.removeprefix(wrapper)
    return inner.startswith(_NUMBER)


def width_of(console: Console) -> int | None:
    """The columns of text that a console has; None where it is no terminal."""
    return console.width if console.is_terminal else None


def _upright(shown: Shown) -> RenderableType:
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for number, row in enumerate(shown.rows, start=1):
        grid.add_row(Text(f"row {number}", style="bold"), "")
        for name, value in zip(shown.names, row, strict=True):
            grid.add_row(Text(f"  {plain(name)}"), _cell(value))
    return grid


def _least(shown: Shown) -> int:
    """The columns of text below which a table of these rows could not be read."""
    columns = zip(shown.names, *shown.rows, strict=True)
    return sum(min(max(len(cell) for cell in column), _NARROWEST) + 2 for column in columns)


def _cell(value: str) -> Text:
    return Text(value, style="dim") if value == NULL else Text(plain(value))


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    if rest.strip():
        yield rest
