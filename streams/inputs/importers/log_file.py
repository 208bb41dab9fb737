"""One file, or standard input, read by an importer from where an earlier import stopped."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from schemas.errors import WrongUse
from streams.inputs.importers.blocks import Block, Cutter, Live, Reads, open_log, peek, skip, unpacked
from streams.inputs.importers.bulk import Place
from streams.inputs.importers.positions import Position, Positions, identify
from streams.inputs.importers.report import Report
from streams.inputs.importers.sniff import Format


class Takes(Protocol):
    """What blocks of a file are handed to: an importer of lines, or of rows."""

    report: Report

    def sniff(self, head: bytes, name: str, state: Mapping[str, Any] | None) -> Format | None:
        """Return how to read a file that begins with `head`, None where it is empty."""

    def block(self, block: Block, place: Place, reader: Format) -> None:
        """Take the lines of a block, and go on to its end."""

    def due(self, place: Place) -> None:
        """Send what is due."""

    def end(self, place: Place, reader: Format) -> None:
        """Take what is still in hand at the end of a file."""

    def finish(self) -> None:
        """Send all that is left."""

    def open_since(self, name: str) -> tuple[int, int] | None:
        """Return offset and number of the first line of a file that is in no event that was sent."""

    def told_lately(self, moment: int) -> list[str]:
        """Return what has to be remembered of what was sent."""

    def remember(self, told: Sequence[str], moment: int) -> None:
        """Take over what an earlier import remembered."""


class LogFile:
    """A log that is open; close it when done. Standard input, for which `path` is None, has no position.

    With `again` it is read from its beginning, whatever was read before.
    """

    def __init__(
        self,
        path: Path | None,
        importer: Takes,
        positions: Positions | None,
        *,
        live: bool = False,
        again: bool = False,
    ) -> None:
        self._again = again
        self.path = path
        self.name = str(path) if path is not None else "standard input"
        self.place = Place(self.name)
        self._importer = importer
        self._positions = positions if path is not None else None
        self._raw = open_log(path)
        source: Reads = Live(self._raw) if path is None and live else self._raw
        self._source = source
        self._reader: Format | None = None
        self._cutter: Cutter | None = None
        self.packed = False

    def close(self) -> None:
        """Close it."""
        if self.path is not None:
            self._raw.close()

    def read(self, *, final: bool = True) -> None:
        """Read to where it ends now, sending what is due, and keep the position behind that.

        With `final` a last line that no line feed ends is read too.

        Raises:
            WrongUse: it is a log of another kind, or damaged; what was read before is sent.
            NotThere: Kafka does not take its events; what was read is sent by the next `send_due`.
        """
        if self._cutter is None and not self._start():
            return
        if self._cutter is None or self._reader is None:
            return
        for block in self._cutter.blocks(final=final):
            safe = (self.place.offset, self.place.line)
            self._importer.block(block, self.place, self._reader)
            if block.tail:
                # The line may not be whole yet: it is read again, and its visit counts once.
                self.place.offset, self.place.line = safe
            self.send_due()
        if final:
            self._importer.end(self.place, self._reader)
            self.send_due()

    def send_due(self) -> None:
        """Send what is due, and keep the position.

        Raises:
            NotThere: Kafka does not take it.
        """
        self._importer.due(self.place)
        self.keep()

    def keep(self) -> None:
        """Keep the position, before the first line of a visit that is not told yet."""
        if self._positions is None or self.path is None or self._reader is None:
            return
        offset, line = self.place.offset, self.place.line
        if (first := self._importer.open_since(self.name)) is not None and first[0] < offset:
            offset, line = first
        inode, head, size = identify(self._raw)
        position = Position(
            path=self.name,
            into=self._positions.into,
            inode=inode,
            head=head,
            head_size=size,
            offset=offset,
            line=line,
            moment=self.place.moment,
            state=dict(self.place.state_at(offset)),
            told=self._importer.told_lately(self.place.moment),
        )
        self._positions.save(self.path, position)

    @property
    def replaced(self) -> bool:
        """Whether the name stands for another file by now, or the file was cut short."""
        if self.path is None or self.packed:
            return False
        own = os.fstat(self._raw.fileno())
        try:
            there = self.path.stat()
        except OSError:
            return False
        return (own.st_ino, own.st_dev) != (there.st_ino, there.st_dev) or own.st_size < self._raw.tell()

    def _start(self) -> bool:
        """Tell the format and go to the position; return whether there is anything to read yet."""
        kept = self._kept()
        if self.path is not None:
            self._raw.seek(0)
        stream, self.packed = unpacked(self._source, self.name)
        head, stream = peek(stream, self.name)
        self._reader = self._importer.sniff(head, self.name, kept.state if kept else None)
        if self._reader is None:
            return False
        if kept is not None:
            if not skip(stream, kept.offset):
                raise WrongUse(f"{self.name}: it is shorter than when it was read; --again reads all of it")
            self.place.offset, self.place.line, self.place.moment = kept.offset, kept.line, kept.moment
            self._importer.remember(kept.told, kept.moment)
            self._importer.report.resumed.append(f"{self.name} from line {kept.line:,}")
        self.place.begins(self.place.offset, self._reader.state)
        self._cutter = Cutter(stream, self.place.offset)
        return True

    def _kept(self) -> Position | None:
        if self._positions is None or self.path is None or self._again:
            return None
        kept = self._positions.load(self.path, self._raw)
        if kept is not None and os.fstat(self._raw.fileno()).st_size < kept.head_size:
            return None
        return kept


def moved_away(path: Path, positions: Positions) -> Path | None:
    """Return the file beside `path` that had its name when it was last read; None where it has it still.

    So what was written to a log before it was rotated, and after the last import, is not left out.
    """
    kept = positions.last(path)
    if kept is None:
        return None
    for other in sorted(path.parent.iterdir()):
        try:
            if other.is_file() and other.stat().st_ino == kept.inode and not other.samefile(path):
                with other.open("rb") as file:
                    return other if kept.is_of(file) else None
        except OSError:
            continue
    return None
