"""Exports as CSV or NDJSON: cut into records, also over several lines, and read by a mapping."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.errors import WrongUse
from streams.inputs.event import BadEvent, read_event
from streams.inputs.importers.blocks import BOM, Block
from streams.inputs.importers.bulk import Place, Send
from streams.inputs.importers.lines import Bad, BadLine, Lines
from streams.inputs.importers.mapped import Row, RowReader, cells_of, flat, read_time
from streams.inputs.importers.mapping import Column
from streams.inputs.importers.mapping import Mapping as Mapped
from streams.inputs.importers.report import Malformed, Report
from streams.inputs.importers.sighting import Attempt
from streams.inputs.importers.zeek import json_object

MOST_LINES = 500
"""A record of more lines has a quote that nobody closed."""
MOST_BYTES = 128 << 10


@dataclass(frozen=True, slots=True)
class Table:
    """How a file's records are read: `header` is empty where records name their own fields (NDJSON).

    `header_line` is the number of the line in which the file's own header begins, 0 where it has none.
    """

    mapping: Mapped
    header: tuple[str, ...]
    header_line: int = 0
    name: str = "csv"
    # Which cell of a malformed record is what can no longer be told: it may be a person's name.
    withholds: bool = True

    @property
    def state(self) -> Mapping[str, Any]:
        """The header, as JSON."""
        return {"header": list(self.header), "header_line": self.header_line}

    def shape(self, lines: Lines) -> tuple[int, list[Bad]]:
        """Every record is read, so none is checked apart."""
        return 0, []

    def cuts(self, lines: Lines) -> list[int]:
        """None."""
        return []

    def read(self, line: bytes) -> Attempt | None:
        """None: rows are no attempts on hosts."""
        return None

    def row(self, record: bytes) -> Row:
        """Return a record by the names and the numbers of its columns.

        Raises:
            BadLine: it is malformed.
        """
        if self.mapping.format == "ndjson":
            try:
                return flat(json_object(record))
            except RecursionError:
                raise BadLine("is nested too deep") from None
        values = cells(record, self.mapping.delimiter)
        row = cells_of(self.header, values)
        if missing := [column for column in self._needed() if column not in row]:
            raise BadLine(f"has {len(values)} columns, and column {missing[0]!r} is beyond them")
        return row

    def _needed(self) -> Sequence[Column]:
        column = self.mapping.fields["occurred_at"].column
        return (column,) if column is not None else ()


class RowImporter:
    """Reads exports into events, one a row; `send` returns once they are safe."""

    def __init__(
        self, mapping: Mapped, reader: RowReader, send: Send, report: Report, malformed: Malformed
    ) -> None:
        self.report = report
        self._mapping = mapping
        self._reader = reader
        self._send = send
        self._malformed = malformed
        self._ready: list[dict[str, Any]] = []
        # Lines of a record that has not ended, and where the first of them stands.
        self._pending: list[bytes] = []
        self._since = (0, 1)
        self._first: tuple[str, int, int] | None = None

    def sniff(self, head: bytes, name: str, state: Mapping[str, Any] | None) -> Table | None:
        """Return how to read a file; None where it is empty.

        Raises:
            WrongUse: it is no such export as the mapping is for.
        """
        lines = head.removeprefix(BOM).split(b"\n")
        if not any(line.strip() for line in lines):
            return None
        if state and "header_line" in state:
            return Table(self._mapping, tuple(state["header"]), int(state["header_line"]))
        if self._mapping.format == "ndjson":
            return _sniff_ndjson(self._mapping, lines, name)
        return _sniff_csv(self._mapping, lines, name)

    def block(self, block: Block, place: Place, reader: Any) -> None:
        """Take the records that end in a block."""
        if block.overlong:
            self._bad(place, place.line, "is longer than 1 MiB", block.data)
            self.report.read += 1
            place.line, place.offset = place.line + 1, block.end
            return
        lines = Lines(block.data, place.line)
        for row in range(len(lines)):
            if not self._pending:
                self._since = (block.offset + int(lines.starts[row]), lines.number(row))
            self._pending.append(lines.line(row))
            self._take(place, reader, final=False)
        place.line += len(lines)
        place.offset = block.end

    def end(self, place: Place, reader: Any) -> None:
        """Take what is in hand at the end: of a record whose quote is never closed, its first line is bad."""
        while self._pending:
            self._take(place, reader, final=True)

    def due(self, place: Place) -> None:
        """Send the events that are ready.

        Raises:
            NotThere: Kafka did not take them; they stay ready.
        """
        if self._ready:
            self._send(self._ready)
            for record in self._ready:
                self.report.count(record)
            self._ready = []
        self._first = None
        self._malformed.flush()

    def finish(self) -> None:
        """Send all that is left."""
        self.due(Place(""))

    def open_since(self, name: str) -> tuple[int, int] | None:
        """Return offset and number of the first line that is in no event that was sent."""
        if self._first is not None:
            return self._first[1], self._first[2]
        return self._since if self._pending else None

    def told_lately(self, moment: int) -> list[str]:
        """Nothing: a row is one event."""
        return []

    def remember(self, told: Sequence[str], moment: int) -> None:
        """Nothing."""

    def _take(self, place: Place, table: Table, *, final: bool) -> None:
        """Read the record in hand if it is whole; where it never ends, its first line is malformed."""
        record = b"\n".join(self._pending)
        if self._mapping.format == "csv" and record.count(b'"') % 2:
            if len(self._pending) < MOST_LINES and len(record) < MOST_BYTES and not final:
                return
            self._unclosed(place, table)
            return
        self._record(place, table, record, self._since)
        self._pending = []

    def _unclosed(self, place: Place, table: Table) -> None:
        """Leave out the first line in hand, and cut the others anew: they are good, most of them."""
        offset, line = self._since
        first, *rest = self._pending
        self.report.read += 1
        self._bad(place, line, "has a quote that is not closed", first)
        self._pending, self._since = [], (offset + len(first) + 1, line + 1)
        for each in rest:
            self._pending.append(each)
            record = b"\n".join(self._pending)
            if record.count(b'"') % 2 == 0:
                self._record(place, table, record, self._since)
                self._since = (self._since[0] + len(record) + 1, self._since[1] + len(self._pending))
                self._pending = []

    def _record(self, place: Place, table: Table, record: bytes, since: tuple[int, int]) -> None:
        self.report.read += 1
        offset, line = since
        if offset == 0:
            record = record.removeprefix(BOM)
        if not record.strip() or line == table.header_line:
            self.report.comments += 1
            return
        try:
            data = self._reader.read(table.row(record))
            event = read_event("search", data) if data is not None else None
        except BadLine as error:
            self._bad(place, line, str(error), record)
            return
        except BadEvent as error:
            fault = error.faults[0]
            self._bad(place, line, f"{fault.pointer or 'the record'}: {fault.detail}", record)
            return
        if event is None:
            return
        self.report.matched += 1
        self._first = self._first or (place.name, offset, line)
        self._ready.append(event)

    def _bad(self, place: Place, line: int, reason: str, data: bytes) -> None:
        self._malformed.add(place.name, line, reason, data, withhold=True)


def cells(record: bytes, delimiter: str = ",") -> list[str]:
    """Return the cells of one CSV record, which may have line feeds within quotes.

    Raises:
        BadLine: it is no CSV.
    """
    text = record.decode("utf-8", "replace")
    try:
        # What else may end a line, such as U+2028, is a character of a cell like any other.
        lines = io.StringIO(text, newline="\n")
        rows = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error:
        raise BadLine("is no CSV") from None
    if len(rows) != 1:
        raise BadLine("is no CSV: it has a line feed outside quotes")
    return rows[0]


def _sniff_csv(mapping: Mapped, lines: Sequence[bytes], name: str) -> Table:
    time = mapping.fields["occurred_at"]
    line, first = _first_record(lines)
    header = tuple(_plain(cell) for cell in cells(first, mapping.delimiter))
    wanted = {_plain(column): column for column in mapping.used if isinstance(column, str)}
    found = wanted.keys() & set(header)
    if found and (not isinstance(time.column, str) or _plain(time.column) in found):
        # The mapping's own spelling, so that a blank or a capital more says nothing.
        return Table(mapping, tuple(wanted.get(cell, cell) for cell in header), line)
    if mapping.columns or not wanted:
        names = tuple(str(column) for column in mapping.columns)
        table = Table(mapping, names)
        if _has_times(table, lines):
            return table
    raise WrongUse(
        f"{name}: this is no export of the kind {mapping.mapping!r}: neither has its first line the "
        "mapping's columns, nor its rows a time where the mapping expects one; name another --mapping"
    )


def _sniff_ndjson(mapping: Mapped, lines: Sequence[bytes], name: str) -> Table:
    table = Table(mapping, ())
    if _has_times(table, lines):
        return table
    raise WrongUse(
        f"{name}: these are no JSON lines of the kind {mapping.mapping!r}: none of the first has its time; "
        "name another --mapping"
    )


def _has_times(table: Table, lines: Sequence[bytes]) -> bool:
    """Whether one of the first records has a time where the mapping expects one."""
    source = table.mapping.fields["occurred_at"]
    if source.column is None:
        return True
    for line in lines[:50]:
        try:
            text = " ".join(table.row(line.rstrip(b"\r")).get(source.column, "").split())
        except BadLine:
            continue
        if text and any(read_time(text, shape) is not None for shape in table.mapping.times):
            return True
    return False


def _first_record(lines: Sequence[bytes]) -> tuple[int, bytes]:
    """Return the first record that is not blank, and the number of its first line."""
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    record = b""
    for line in lines[first : first + MOST_LINES]:
        record += (b"\n" if record else b"") + line.rstrip(b"\r")
        if record.count(b'"') % 2 == 0:
            return first + 1, record
    return first + 1, b""


def _plain(text: str) -> str:
    return " ".join(text.replace("\ufeff", "").split()).casefold()
