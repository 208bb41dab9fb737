"""What a statement that takes long has read by now, said while it runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from sinks.console.session import Progress, Session

AFTER, EVERY = 1.0, 0.5
"""Seconds after which it is said, and how often."""


@contextmanager
def watched(session: Session, query_id: str, console: Console) -> Iterator[None]:
    """Say in a line of the terminal, which goes away again, how far a statement is."""
    if not console.is_terminal:
        yield
        return
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(session, query_id, console, ended), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join(5)


def said(progress: Progress) -> str:
    """Return progress in words."""
    of = f" of some {progress.of:,}" if progress.of >= progress.rows > 0 else ""
    return f"{progress.rows:,}{of} rows read, {progress.seconds:.0f} s; Ctrl-C cancels"


def _watch(session: Session, query_id: str, console: Console, ended: threading.Event) -> None:
    if ended.wait(AFTER):
        return
    with console.status("running; Ctrl-C cancels") as status:
        while not ended.wait(EVERY):
            if (progress := session.progress(query_id)) is not None:
                status.update(said(progress))
