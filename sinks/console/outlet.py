"""Where an answer goes: to the terminal as a table, or to a file or a pipe in a format that programs read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from rich.console import Console

from schemas.errors import NotThere, WrongUse
from sinks.console.session import Answer
from sinks.console.table import FORMAT, WIDE, Shown, read_rows, render, width_of

Format = Literal["table", "csv", "tsv", "json", "ndjson", "markdown", "parquet", "arrow"]
ENGINE_FORMATS: dict[str, str] = {
    "table": FORMAT,
    "csv": "CSVWithNames",
    "tsv": "TSVWithNames",
    "json": "JSON",
    "ndjson": "JSONEachRow",
    "markdown": "Markdown",
    "parquet": "Parquet",
    "arrow": "Arrow",
}
OPTIONS = {"output_format_json_quote_64bit_integers": "0", "output_format_write_statistics": "0"}
"""Settings of the formats: numbers stay numbers, and the same answer has the same bytes."""
_BINARY = frozenset({"Parquet", "Arrow", "ArrowStream", "Native", "ORC", "RowBinary", "Avro", "MsgPack"})
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".md": "markdown",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}


def format_for(chosen: Format | None, output: Path | None) -> Format:
    """Return the format of an answer: what was asked for, else what the file's name says, else a table."""
    if chosen is not None:
        return chosen
    return _SUFFIXES.get(output.suffix.lower(), "table") if output else "table"


def known_format(word: str) -> Format:
    """Return a format by its name.

    Raises:
        WrongUse: there is none of that name.
    """
    for each in get_args(Format):
        if each == word:
            return each  # type: ignore[no-any-return]
    raise WrongUse(f"there is no format {word!r}; there are {', '.join(get_args(Format))}")


class Outlet:
    """Takes answers. `limit` is how many rows of a table are shown, all where it is 0."""

    def __init__(self, out: Console, *, output: Path | None = None, limit: int = 1000) -> None:
        self.out = out
        self.output = output
        self.limit = limit

    def take(self, answer: Answer) -> Shown | None:
        """Write an answer; return what was shown of it, where that is a table.

        Raises:
            NotThere: the file cannot be written. It is written whole or not at all.
            WrongUse: a terminal would get bytes that are no text.
        """
        if answer.format == FORMAT and self.output is None:
            shown = read_rows(answer.pieces(), self.limit)
            if shown.names:
                self.show(shown)
            return shown
        if self.output is not None:
            self._to_file(self.output, answer)
            return None
        if answer.format in _BINARY and sys.stdout.isatty():
            raise WrongUse(f"{answer.format} is no text; say --output FILE, or send it through a pipe")
        for piece in answer.pieces():
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return None

    def show(self, shown: Shown) -> None:
        """Print a table."""
        self.out.print(render(shown, width_of(self.out)))

    def _to_file(self, output: Path, answer: Answer) -> None:
        part = output.with_name(f".{output.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as file:
                for piece in self._bytes(answer):
                    file.write(piece)
            part.replace(output)
        except OSError as error:
            raise NotThere(f"{output} cannot be written ({error.strerror}); name another file") from None
        finally:
            part.unlink(missing_ok=True)

    def _bytes(self, answer: Answer) -> Iterable[bytes]:
        if answer.format != FORMAT:
            yield from answer.pieces()
            return
        console = Console(width=WIDE, no_color=True, highlight=False, force_terminal=False)
        with console.capture() as capture:
            console.print(render(read_rows(answer.pieces(), 0), None))
        yield "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()).encode()
