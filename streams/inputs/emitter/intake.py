"""Events for `frwatch emit`: from options, a file or standard input, each with where it stands."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from schemas.contracts import contract
from schemas.errors import NotThere, WrongUse
from streams.inputs.event import Kind
from streams.shape import columns

MAX_LINE = 1 << 20
"""Bytes of one line of NDJSON."""
MAX_DOCUMENT = 64 << 20
"""Bytes of one JSON document of several lines."""
STDIN = Path("-")
"""Standard input."""


class Given(NamedTuple):
    """An event as it was given: `at` says where, such as `line 3`; `data` is what `read_event` takes."""

    at: str
    data: Any


def from_options(kind: Kind, options: Mapping[str, str]) -> Given:
    """Return the event of `--officer-id P1 --candidates 3 …`: numbers, lists, objects as fields are.

    Galleries are separated by commas; attributes are one JSON object. What is no number, no object or no
    field is left as it is, for `read_event` to name.
    """
    kinds = {column.name: column.kind for column in columns(contract(kind))}
    data: dict[str, Any] = {}
    for option, text in options.items():
        name = option.replace("-", "_")
        data[name] = _value(kinds.get(name, "string"), text)
    return Given("options", data)


def from_file(file: Path) -> Iterator[Given]:
    """Yield the events of a file, or of `STDIN`: NDJSON, or one JSON object or list of objects.

    A line that is no JSON is yielded as None: one event that nobody can read; the next line goes on.

    Raises:
        NotThere: the file cannot be read.
        WrongUse: it is neither NDJSON nor JSON, or is too large.
    """
    with _opened(file) as stream:
        lines = _lines(stream)
        number, first = next(lines, (0, b""))
        if not number:
            return
        data = _parsed(first)
        more: Iterator[tuple[int, bytes]] = lines
        if data is None:
            rest = stream.read(MAX_DOCUMENT)
            if len(rest) == MAX_DOCUMENT:
                raise WrongUse(f"{file}: is above {MAX_DOCUMENT} bytes; write one event per line (NDJSON)")
            data = _parsed(first + rest)
            more = iter(()) if data is not None else _lines(io.BytesIO(rest), number)
        if isinstance(data, list):
            yield from (Given(f"item {at}", item) for at, item in enumerate(data, 1))
            return
        yield Given(f"line {number}", data)
        yield from (Given(f"line {at}", _parsed(line)) for at, line in more)


def _lines(stream: IO[bytes], number: int = 0) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers; one that is too long is cut, and so no JSON."""
    while line := stream.readline(MAX_LINE):
        number += 1
        rest = line
        while len(rest) == MAX_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(MAX_LINE)
        if line.strip():
            yield number, line


def _parsed(text: bytes) -> Any:
    """The JSON of a text; None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _value(kind: str, text: str) -> Any:
    try:
        match kind:
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "array":
                return [item.strip() for item in text.split(",") if item.strip()]
            case "map":
                return json.loads(text)
    except ValueError:
        pass
    return text


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    if file == STDIN:
        yield sys.stdin.buffer
        return
    try:
        stream = file.open("rb")
    except OSError as error:
        raise NotThere(f"{file}: {error.strerror}; name a file that can be read") from None
    with stream:
        yield stream
