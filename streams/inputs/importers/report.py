"""What an import read, kept, left out and could not read: counts, and the malformed lines themselves."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from rich.console import Console
from rich.table import Table

from schemas.errors import NotThere
from streams.inputs.importers.scrub import kept_line

SHOWN = 5
"""So many malformed lines are told with their reason; all are in the file of `--malformed`."""


@dataclass
class Report:
    """Counts of lines, and of the events that came of them.

    Every line that was read is one of `comments` (empty lines and headers too), `malformed`, `matched` and
    `skipped`. A matched line is in an event that was sent, or it is `late`: it belongs to a visit that was
    told before. `statuses` and `tiers` count events.
    """

    read: int = 0
    comments: int = 0
    malformed: int = 0
    matched: int = 0
    hidden: int = 0
    late: int = 0
    events: int = 0
    nobody: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    tiers: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    first_bad: list[dict[str, Any]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)

    @property
    def skipped(self) -> int:
        """Lines that are about other hosts."""
        return self.read - self.comments - self.malformed - self.matched

    def count(self, record: dict[str, Any]) -> None:
        """Count an event that was sent."""
        self.events += 1
        self.tiers[record["evidence"]] += 1
        if status := record["attributes"].get("status"):
            self.statuses[status] += 1
        self.nobody += record["attributes"].get("identity") == "none"

    def told(self) -> dict[str, Any]:
        """Return the counts for a program."""
        return {
            "files": self.files,
            "resumed": self.resumed,
            "read": self.read,
            "comments": self.comments,
            "skipped": self.skipped,
            "hidden": self.hidden,
            "malformed": self.malformed,
            "matched": self.matched,
            "late": self.late,
            "events": self.events,
            "tiers": dict(self.tiers),
            "statuses": dict(self.statuses),
            "nobody": self.nobody,
            "refused": dict(self.refused),
            "malformed_lines": self.first_bad,
        }

    def print(self) -> None:
        """Print the counts for a person."""
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        table.add_column(justify="left")
        table.add_column(justify="right")
        table.add_column()
        rows: list[tuple[str, int, str]] = [
            ("lines read", self.read, "; ".join(self.resumed)),
            ("comments and empty", self.comments, ""),
            (
                "about other hosts",
                self.skipped,
                f"of them {self.hidden:,} hidden by ECH" if self.hidden else "",
            ),
            ("malformed", self.malformed, ""),
            (
                "about a service",
                self.matched,
                f"of them {self.late:,} of visits told before" if self.late else "",
            ),
            (
                "events",
                self.events,
                ", ".join(f"{name} {count:,}" for name, count in sorted(self.tiers.items())),
            ),
        ]
        rows += [
            (f"  {name}", count, "kept, and held against nobody")
            for name, count in sorted(self.statuses.items())
        ]
        if self.nobody:
            rows.append(("  of nobody known", self.nobody, "an --identities file says who"))
        rows += [(f"  refused: {code}", count, "") for code, count in sorted(self.refused.items())]
        for name, count, note in rows:
            table.add_row(name, f"{count:,}", note)
        console = Console(highlight=False)
        console.print(table)
        for bad in self.first_bad:
            console.print(f"{bad['file']}:{bad['line']}: {bad['reason']}", markup=False, soft_wrap=True)
        if self.malformed > len(self.first_bad):
            console.print(
                f"and {self.malformed - len(self.first_bad):,} more; --malformed FILE keeps them all"
            )


class Malformed:
    """Takes malformed lines: counts all, tells the first, and writes them to a file where one is named."""

    def __init__(self, report: Report, path: Path | None) -> None:
        self._report = report
        self._out: IO[str] | None = None
        if path is not None:
            try:
                # What is in it came from a log: it is for the one who asked for it.
                self._out = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w")
            except OSError as error:
                raise NotThere(f"{path}: {error.strerror}; name a file that can be written") from None

    def __enter__(self) -> Malformed:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._out is not None:
            self._out.close()

    def add(self, file: str, line: int, reason: str, data: bytes, *, withhold: bool) -> None:
        """Take a line."""
        self._report.malformed += 1
        place = {"file": file, "line": line, "reason": reason}
        if len(self._report.first_bad) < SHOWN:
            self._report.first_bad.append(place)
        if self._out is not None:
            self._out.write(json.dumps(place | kept_line(data, withhold=withhold), ensure_ascii=False) + "\n")

    def flush(self) -> None:
        """Hand what was written to the system."""
        if self._out is not None:
            with suppress(OSError):
                self._out.flush()
