"""Logs in bulk: block by block, every line checked for its shape, and only those that may matter read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np

from streams.inputs.event import BadEvent, read_event
from streams.inputs.importers.blocks import Block
from streams.inputs.importers.endpoint import see
from streams.inputs.importers.events import event_of
from streams.inputs.importers.identity import Identities
from streams.inputs.importers.lines import Bad, BadLine, Lines
from streams.inputs.importers.report import Malformed, Report
from streams.inputs.importers.sniff import Format, sniff
from streams.inputs.importers.visits import Visit, Visits
from streams.inputs.importers.watch import Watch

MOST_LINES = 65_536
"""So many lines are taken at once: each of them may be malformed, and a block of 4 MiB may have millions."""
Send = Callable[[Sequence[dict[str, Any]]], None]


@dataclass(slots=True)
class Place:
    """Where reading of a file stands: bytes and lines that are done, and the latest time that was seen.

    `states` is what a header says of how to read, by where it begins; see `Format.state`.
    """

    name: str
    offset: int = 0
    line: int = 1
    moment: int = 0
    states: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)

    def begins(self, offset: int, state: Mapping[str, Any]) -> None:
        """Note how lines are read from an offset on."""
        if not self.states or self.states[-1][1] != state:
            self.states.append((offset, dict(state)))

    def state_at(self, offset: int) -> Mapping[str, Any]:
        """Return how a line at an offset is read; what holds before it is forgotten."""
        while len(self.states) > 1 and self.states[1][0] <= offset:
            del self.states[0]
        return self.states[0][1] if self.states else {}


class Importer:
    """Reads logs of one kind into events.

    `send` returns once events are safe; only then are positions kept. `hidden` makes events of lines whose
    host Encrypted Client Hello hides; else they are counted. With `eager` a visit is told as soon as it is
    seen.
    """

    def __init__(
        self,
        kind: str,
        source: str,
        watch: Watch,
        identities: Identities,
        visits: Visits,
        send: Send,
        report: Report,
        malformed: Malformed,
        *,
        hidden: bool = False,
        eager: bool = False,
    ) -> None:
        self.kind = kind
        self.report = report
        self.visits = visits
        self.eager = eager
        self._source = source
        self._watch = watch
        self._identities = identities
        self._send = send
        self._malformed = malformed
        self._hidden = hidden

    def sniff(self, head: bytes, name: str, state: Mapping[str, Any] | None) -> Format | None:
        """Return how to read a log that begins with `head`; see `streams.inputs.importers.sniff`."""
        return sniff(head, self.kind, name, state)

    def end(self, place: Place, reader: Format) -> None:
        """Take what is still in hand at the end of a file: nothing, as lines are taken whole."""

    def open_since(self, name: str) -> tuple[int, int] | None:
        """Return offset and number of the first line of a file that is in no event that was sent."""
        return self.visits.open_since(name)

    def told_lately(self, moment: int) -> list[str]:
        """Return the visits that were told and to which later lines may belong."""
        return [str(each) for each in self.visits.told_lately(moment)]

    def remember(self, told: Sequence[str], moment: int) -> None:
        """Take visits that an earlier import told for told."""
        self.visits.remember([UUID(each) for each in told], moment)

    def finish(self) -> None:
        """Send all that is open.

        Raises:
            NotThere: Kafka did not take it.
        """
        self.tell(self.visits.all())

    def block(self, block: Block, place: Place, reader: Format) -> None:
        """Take the lines of a block into visits, and count them."""
        if block.overlong:
            self.report.read += 1
            self._bad(place, place.line, "is longer than 1 MiB", block.data, withhold=True)
            place.line, place.offset = place.line + 1, block.end
            return
        lines = Lines(block.data, place.line)
        wanted = self._watch.rows(lines)
        edges = sorted({*range(0, len(lines), MOST_LINES), len(lines), *reader.cuts(lines)})
        for begin, end in zip(edges, edges[1:], strict=False):
            part = lines.part(begin, end)
            rows = wanted[bisect_left(wanted, begin) : bisect_left(wanted, end)]
            self._lines(
                part, [row - begin for row in rows], block.offset + int(lines.starts[begin]), place, reader
            )
        place.offset = block.end

    def tell(self, visits: list[Visit]) -> None:
        """Send visits, and remember that they are sent.

        Raises:
            NotThere: Kafka did not take them; they stay open.
        """
        records = []
        for visit in visits:
            try:
                records.append(read_event("search", event_of(visit, self._source, self._identities)))
            except BadEvent as error:
                self.report.refused[error.faults[0].code] += 1
        if records:
            self._send(records)
        for record in records:
            self.report.count(record)
        self.visits.sent(visits)
        self._malformed.flush()

    def due(self, place: Place) -> None:
        """Send what is due once a file has been read up to a place."""
        self.tell(self.visits.all() if self.eager else self.visits.due(place.moment))

    def _lines(self, lines: Lines, wanted: list[int], offset: int, place: Place, reader: Format) -> None:
        passed, bad = reader.shape(lines)
        place.begins(offset, reader.state)
        damaged = np.flatnonzero(lines.damaged)
        bad += [Bad(int(row), "has a NUL byte: it was damaged as it was written") for row in damaged]
        self.report.read += len(lines)
        self.report.comments += passed - len(damaged)
        for each in sorted(bad):
            self._bad(
                place, lines.number(each.row), each.reason, lines.line(each.row), withhold=reader.withholds
            )
        spoiled = {each.row for each in bad}
        for row in wanted:
            if row not in spoiled:
                self._line(lines, row, offset, place, reader)
        self._clock(lines, place, reader, spoiled)
        place.line += len(lines)

    def _line(self, lines: Lines, row: int, offset: int, place: Place, reader: Format) -> None:
        line = lines.line(row)
        try:
            attempt = reader.read(line)
        except BadLine as error:
            self._bad(place, lines.number(row), str(error), line, withhold=reader.withholds)
            return
        sighting = see(attempt, self._watch) if attempt is not None else None
        if sighting is None:
            return
        if sighting.status == "hidden":
            self.report.hidden += 1
            if not self._hidden:
                return
        self.report.matched += 1
        before = self.visits.late
        self.visits.add(sighting, place.name, offset + int(lines.starts[row]), lines.number(row))
        self.report.late += self.visits.late - before
        place.moment = max(place.moment, sighting.attempt.moment)

    def _clock(self, lines: Lines, place: Place, reader: Format, spoiled: set[int]) -> None:
        """See how far the log has come by its last good line: most lines are about other hosts."""
        for row in range(len(lines) - 1, max(-1, len(lines) - 20), -1):
            if row in spoiled:
                continue
            try:
                attempt = reader.read(lines.line(row))
            except BadLine:
                continue
            if attempt is not None:
                place.moment = max(place.moment, attempt.moment)
                return

    def _bad(self, place: Place, line: int, reason: str, data: bytes, *, withhold: bool) -> None:
        self._malformed.add(place.name, line, reason, data, withhold=withhold)
