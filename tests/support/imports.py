"""Imports of logs and exports up to the events that Kafka would get, without a Kafka."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from schemas.catalogue_files import load_catalogue
from schemas.settings import Settings
from streams.inputs.importers.blocks import Cutter, Reads, peek, unpacked
from streams.inputs.importers.bulk import Importer, Place
from streams.inputs.importers.identity import Identities
from streams.inputs.importers.log_file import LogFile, Takes
from streams.inputs.importers.mapped import RowReader
from streams.inputs.importers.mapping import load_mapping
from streams.inputs.importers.positions import Positions
from streams.inputs.importers.report import Malformed, Report
from streams.inputs.importers.rows import RowImporter
from streams.inputs.importers.sighting import Sighting
from streams.inputs.importers.visits import Visits
from streams.inputs.importers.watch import Watch

KEY = b"k" * 32
AT = 1_775_797_260
"""2026-04-10 05:01 UTC, in seconds since 1970."""
SSL_FIELDS = ("ts", "uid", "id.orig_h", "id.orig_p", "server_name", "established")


_mapping = cache(load_mapping)


@cache
def shipped_watch() -> Watch:
    """The watch over the catalogue that is shipped."""
    return Watch(load_catalogue(Settings().catalogue))


@dataclass(slots=True)
class Imported:
    """What came of an import: the events, the counts, and the malformed lines as they are kept."""

    records: list[dict[str, Any]] = field(default_factory=list)
    report: Report = field(default_factory=Report)
    bad: list[dict[str, Any]] = field(default_factory=list)

    @property
    def hosts(self) -> list[str]:
        """The endpoint of each event."""
        return [record["endpoint"] for record in self.records]

    @property
    def statuses(self) -> list[str | None]:
        """The status of each event."""
        return [record["attributes"].get("status") for record in self.records]

    @property
    def by_id(self) -> dict[str, dict[str, Any]]:
        """The events by their ids."""
        return {record["event_id"]: record for record in self.records}

    def counted(self) -> bool:
        """Whether each line is one of its kind: the counts of lines make up what was read."""
        told = self.report
        parts = (told.comments, told.malformed, told.matched, told.skipped)
        return min(parts) >= 0 and sum(parts) == told.read


class SeenVisits(Visits):
    """Visits that remember of each line, by its number, what was made of it."""

    def __init__(self, source: str, key: bytes) -> None:
        super().__init__(source, key)
        self.seen: list[tuple[int, Sighting]] = []

    def add(self, sighting: Sighting, file: str, offset: int, line: int) -> None:
        """Take a line into its visit."""
        self.seen.append((line, sighting))
        super().add(sighting, file, offset, line)


class Chunks:
    """Bytes that come in pieces, as a pipe gives them."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = [chunk for chunk in chunks if chunk]

    def read(self, size: int = -1, /) -> bytes:
        """Return a piece, or a part of it."""
        if not self._chunks:
            return b""
        chunk = self._chunks.pop(0)
        if 0 <= size < len(chunk):
            self._chunks.insert(0, chunk[size:])
            chunk = chunk[:size]
        return chunk


def importer_of(
    kind: str,
    found: Imported,
    *,
    malformed: Malformed | None = None,
    identities: Identities | None = None,
    agency: str | None = None,
    hidden: bool = False,
    eager: bool = False,
    visits: Visits | None = None,
    mapping: str = "flock-audit",
) -> Takes:
    """The real importer of a kind; what it sends goes to `found`."""
    identities = identities or Identities(agency=agency)
    malformed = malformed or Malformed(found.report, None)

    def send(records: Sequence[dict[str, Any]]) -> None:
        found.records += records

    watch = shipped_watch()
    if kind == "csv":
        mapped = _mapping(mapping)
        reader = RowReader(mapped, f"csv/{mapped.mapping}", KEY, identities, watch)
        return RowImporter(mapped, reader, send, found.report, malformed)
    return Importer(
        kind,
        kind,
        watch,
        identities,
        visits or Visits(kind, KEY),
        send,
        found.report,
        malformed,
        hidden=hidden,
        eager=eager,
    )


def imported(kind: str, data: bytes | str | Iterable[bytes], **how: Any) -> Imported:
    """Import a stream, as a whole or in pieces."""
    found = Imported()
    data = data.encode() if isinstance(data, str) else data
    stream: Reads = io.BytesIO(data) if isinstance(data, bytes) else Chunks(data)
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder) / "bad.jsonl"
        with Malformed(found.report, kept) as malformed:
            importer = importer_of(kind, found, malformed=malformed, **how)
            take(importer, stream)
        found.bad = [json.loads(line) for line in kept.read_text().splitlines()]
    return found


def take(importer: Takes, stream: Reads, name: str = "a log") -> None:
    """Read a stream to its end, as a file is read."""
    stream, _ = unpacked(stream, name)
    head, stream = peek(stream, name)
    reader, place = importer.sniff(head, name, None), Place(name)
    if reader is not None:
        for block in Cutter(stream).blocks(final=True):
            importer.block(block, place, reader)
            importer.due(place)
        importer.end(place, reader)
    importer.finish()


def imported_file(
    kind: str, path: Path, positions: Positions | None = None, *, killed: bool = False, **how: Any
) -> Imported:
    """Import a file from its position on, and keep how far it was read.

    With `killed` the import ends after the last read, with visits that nobody was told of.
    """
    found = Imported()
    importer = importer_of(kind, found, **how)
    with ExitStack() as stack:
        if positions is not None:
            stack.enter_context(positions.locked(path))
        file = LogFile(path, importer, positions)
        stack.callback(file.close)
        file.read()
        if not killed:
            importer.finish()
            file.keep()
    return found


def zeek_log(
    path: str,
    fields: Sequence[str],
    *rows: Sequence[str],
    separator: str = "\t",
    unset: str = "-",
    empty: str = "(empty)",
) -> str:
    """A log of Zeek's, with its header, as Zeek writes it."""
    head = [f"#separator \\x{ord(separator):02x}"]
    head += [
        separator.join(each)
        for each in (
            ("#set_separator", ","),
            ("#empty_field", empty),
            ("#unset_field", unset),
            ("#path", path),
            ("#open", "2026-04-10-05-00-00"),
            ("#fields", *fields),
        )
    ]
    lines = [separator.join(row) for row in rows]
    return "".join(f"{line}\n" for line in [*head, *lines, separator.join(("#close", "2026-04-10-06-00-00"))])


def ssl_row(host: str, client: str = "10.1.2.3", *, at: float = AT, established: str = "T") -> list[str]:
    """A row of an ssl.log with `SSL_FIELDS`."""
    return [f"{at:.6f}", "C1", client, "50000", host, established]


def ssl_log(*hosts: str) -> str:
    """An ssl.log with a handshake for each host."""
    return zeek_log("ssl", SSL_FIELDS, *(ssl_row(host) for host in hosts))


def squid_line(
    url: str,
    *,
    at: float = AT,
    client: str = "10.1.2.3",
    result: str = "TCP_TUNNEL/200",
    method: str = "CONNECT",
    user: str = "-",
) -> str:
    """A line of Squid's native log."""
    return f"{at:.3f}    120 {client} {result} 39 {method} {url} {user} HIER_DIRECT/203.0.113.9 -\n"


def umbrella_line(*cells: str, separator: str = ",") -> str:
    """A line of Umbrella's DNS log, with every cell in quotes."""
    return separator.join(f'"{cell}"' for cell in cells) + "\n"
