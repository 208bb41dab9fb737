"""One `up` or `down` at a time in a home folder, and one choice of ports at a time for a user."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from deploy.local.jars import Tell
from deploy.local.state import unwritable
from schemas.errors import NotThere

PATIENCE = 600.0


@contextlib.contextmanager
def locked(file: Path, why: str, tell: Tell) -> Iterator[None]:
    """Hold a lock file; where another process holds it, tell `why` and wait for it.

    Raises:
        NotThere: it is held for longer than `PATIENCE` seconds, or the file cannot be written.
    """
    lock = FileLock(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            tell(why)
            lock.acquire(timeout=PATIENCE, poll_interval=0.2)
    except Timeout:
        raise NotThere(f"another process has held {file} for {PATIENCE:.0f} s: end it first") from None
    except OSError as error:
        raise unwritable(file, error) from None
    try:
        yield
    finally:
        lock.release()
