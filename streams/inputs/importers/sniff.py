"""Which format a log has, by what stands in it; the name of the file says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from typing import Any, Protocol

from schemas.errors import WrongUse
from streams.inputs.importers import squid, umbrella, zeek
from streams.inputs.importers.blocks import BOM
from streams.inputs.importers.lines import Bad, Lines
from streams.inputs.importers.sighting import Attempt


class Format(Protocol):
    """How lines of a log are checked, all of them, and read, those that matter."""

    @property
    def name(self) -> str:
        """What `frwatch import` calls it."""

    @property
    def withholds(self) -> bool:
        """Whether a malformed line may hold what is kept nowhere."""

    @property
    def state(self) -> Mapping[str, Any]:
        """What is needed to go on in the middle of a file, as JSON."""

    def shape(self, lines: Lines) -> tuple[int, list[Bad]]:
        """Return how many lines say nothing (empty, damaged, comments, headers), and the malformed ones."""

    def cuts(self, lines: Lines) -> list[int]:
        """The rows at which a block has to be cut before it is read."""

    def read(self, line: bytes) -> Attempt | None:
        """Return what a line says of a host, or None; raise `BadLine` where it is malformed."""


def sniff(head: bytes, wanted: str, name: str, state: Mapping[str, Any] | None = None) -> Format | None:
    """Return how to read a log that begins with `head`, or None where it is empty.

    Raises:
        WrongUse: it is another log than `wanted` (`zeek`, `squid` or `umbrella`); the text says which.
    """
    lines = [line.rstrip(b"\r") for line in head.removeprefix(BOM).split(b"\n") if line.strip()]
    if not lines:
        return None
    kind = _kind(lines)
    if kind != wanted:
        raise WrongUse(f"{name}: this is {_SHOWN[kind]}, not {_SHOWN[wanted]}; {_REMEDY[kind]}")
    try:
        return _format(wanted, head, lines, state)
    except WrongUse as error:
        raise WrongUse(f"{name}: {error}") from None


_SHOWN = {
    "zeek": "a log of Zeek's",
    "squid": "Squid's native access log",
    "umbrella": "Umbrella's DNS log",
    "json": "JSON lines of another kind",
    "other": "a log or file of another kind",
}
_REMEDY = {
    "zeek": "use `frwatch import zeek`",
    "squid": "use `frwatch import squid`",
    "umbrella": "use `frwatch import umbrella`",
    "json": "use `frwatch import csv --mapping FILE` if it is an export",
    "other": "use `frwatch import csv --mapping FILE` if it is an export",
}


def _kind(lines: list[bytes]) -> str:
    first = lines[0]
    if first.startswith(zeek.HEADER):
        return "zeek"
    if first.lstrip().startswith(b"{"):
        paths = {zeek.json_path(row) for row in zeek.first_rows(b"\n".join(lines))}
        return "zeek" if paths - {None} else "json"
    # A first line may be damaged or cut off; most of the others are not.
    whole = lines[:20]
    for kind, found in (
        ("squid", [line for line in whole if squid.HINT.match(line)]),
        ("umbrella", [line for line in whole if umbrella.HINT.match(line) or umbrella.HEADER.match(line)]),
    ):
        if found and 2 * len(found) >= len(whole) - 1:
            return kind
    return "other"


def _format(wanted: str, head: bytes, lines: list[bytes], state: Mapping[str, Any] | None) -> Format:
    if wanted == "squid":
        return squid.Squid()
    if wanted == "umbrella":
        return umbrella.Umbrella()
    if lines[0].lstrip().startswith(b"{"):
        paths = {zeek.json_path(row) for row in zeek.first_rows(head)} - {None}
        if not paths & set(zeek.LOGS):
            raise WrongUse(zeek.wrong_path(str(sorted(map(str, paths))[0])))
        return zeek.ZeekJson()
    if state and "fields" in state:
        return zeek.ZeekTsv(state)
    reader = zeek.ZeekTsv()
    reader.begin(takewhile(lambda line: line.startswith(b"#"), lines))
    path = reader.state["path"]
    if path not in zeek.LOGS:
        raise WrongUse(
            f"its {path}; frwatch reads no such log" if path == zeek.MANY else zeek.wrong_path(path)
        )
    if not reader.state["fields"]:
        raise WrongUse(
            "this Zeek log has no #fields line, so nothing says what its columns are; give it whole"
        )
    return reader
