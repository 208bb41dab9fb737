"""What is seen while the demo runs: one moving line on a terminal, else a plain line now and then."""

from __future__ import annotations

import time
from collections import deque
from types import TracebackType
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from deploy.demo.watch import Seen

_LOS_ANGELES = ZoneInfo("America/Los_Angeles")
_RANK = {"CRITICAL": 0, "HIGH": 1, "MEDIUM": 2, "LOW": 3, "INFO": 4}
_COLOURS = {"CRITICAL": "bold red", "HIGH": "red", "MEDIUM": "yellow"}


class Screen:
    """Progress and findings on a console. A finding is shown each 0.4 s at most; off a terminal, each 4 s."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._every = 0.4 if console.is_terminal else 4.0
        self._shown = self._told = 0.0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[detail]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("starting", total=None, detail="")
        self._phase = ""

    def __enter__(self) -> Screen:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def phase(self, text: str, total: int | None = None) -> None:
        """Begin a phase; `total` is what `advance` counts up to."""
        self._phase = text
        self._told = time.monotonic()
        if self._console.is_terminal:
            self._progress.reset(self._task, description=text, total=total, detail="")
        else:
            self._console.print(f"… {text}", markup=False)

    def tell(self, text: str) -> None:
        """Say what is being waited for."""
        if self._console.is_terminal:
            self._progress.update(self._task, detail=text)
        else:
            self._console.print(f"  {text}", markup=False)

    def advance(self, done: int, total: int, detail: str) -> None:
        """Show how far the phase is."""
        if self._console.is_terminal:
            self._progress.update(self._task, completed=done, total=total, detail=detail)
        elif time.monotonic() - self._told > self._every:
            self._told = time.monotonic()
            self._console.print(f"  {done:,} of {total:,}; {detail}", markup=False)

    def findings(self, fresh: deque[Seen]) -> None:
        """Show the gravest of the fresh findings, if it is time, and how many came beside it."""
        if not fresh or time.monotonic() - self._shown < self._every:
            return
        self._shown = time.monotonic()
        batch = [fresh.popleft() for _ in range(len(fresh))]
        gravest = min(batch, key=lambda seen: _RANK.get(seen.record["severity"], 9))
        more = f" +{len(batch) - 1} more" if len(batch) > 1 else ""
        self._console.print(_line(gravest) + more, no_wrap=True, overflow="ellipsis")


def _line(seen: Seen) -> str:
    record = seen.record
    severity = record["severity"]
    at = record["occurred_at"].astimezone(_LOS_ANGELES)
    who = (record["officer"] or "nobody named")[:12]
    colour = _COLOURS.get(severity, "default")
    words = f"{seen.certainty.lower():<9} {seen.rule:<28} {record['agency_id']:<15} {who:<12}"
    return f"{at:%Y-%m-%d} [{colour}]{severity:<8}[/] {escape(words)}"
