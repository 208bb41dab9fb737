"""The folder of spools that the processes of a client share: each has its own file, and none is orphaned.

A process takes the first file that an ended process left, with what it holds, and makes one only where there
is none: so there are never more files than processes that ran at one time. What others left behind is drained
by whoever runs.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from streams.inputs.emitter.spool import Held, Limits, Spool, SpoolFault, look

MAX_SLOTS = 4096
"""Processes that may share a folder at one time."""
log = logging.getLogger("frwatch.emitter")
_NAME = re.compile(r"spool-(\d{1,4})\.sqlite")


class Slot:
    """One file of the folder, and the lock by which one process has it; a lock ends with its process."""

    def __init__(self, folder: Path, number: int) -> None:
        self.file = folder / f"spool-{number}.sqlite"
        self._lock = FileLock(folder / f"spool-{number}.lock", mode=0o600, thread_local=False)

    def take(self) -> bool:
        """Take the file, unless another process has it.

        Raises:
            SpoolFault: the lock cannot be written.
        """
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return False
        except OSError as error:
            raise SpoolFault(
                f"the folder {self.file.parent} cannot be used ({error.strerror}); "
                "make it this user's, or name another in FRWATCH_SPOOL"
            ) from None
        return True

    def leave(self) -> None:
        """Let others take the file."""
        self._lock.release()


class State(NamedTuple):
    """A file of the folder, whether a process has it, and what it holds."""

    file: Path
    in_use: bool
    held: Held


class Slots:
    """The files of one folder."""

    def __init__(self, folder: Path, limits: Limits, *, power_safe: bool = False) -> None:
        self.folder = folder
        self._limits = limits
        self._power_safe = power_safe

    def own(self) -> tuple[Slot, Spool]:
        """Take the first file that an ended process left, or else a new one.

        Raises:
            SpoolFault: the folder or the file cannot be used, or others may read the folder.
        """
        self._prepare()
        left = [number for number in self._numbers() if number < MAX_SLOTS]
        for number in [*left, *(number for number in range(MAX_SLOTS) if number not in left)]:
            slot = Slot(self.folder, number)
            if slot.take():
                return slot, self._opened(slot)
        raise SpoolFault(f"{MAX_SLOTS} processes have spools in {self.folder}; name another in FRWATCH_SPOOL")

    def orphans(self) -> Iterator[tuple[Slot, Spool]]:
        """Yield each file that no process has, taken; the caller closes the spool and leaves the slot.

        One that cannot be opened is left out, and logged.
        """
        for number in self._numbers():
            slot = Slot(self.folder, number)
            if slot.take():
                if not slot.file.exists():
                    slot.leave()
                    continue
                try:
                    spool = self._opened(slot)
                except SpoolFault as error:
                    log.warning("%s", error)
                    continue
                yield slot, spool

    def states(self) -> list[State]:
        """Return what each file holds; one that is in use is read beside its owner."""
        found = []
        for number in self._numbers():
            slot = Slot(self.folder, number)
            free = slot.take()
            try:
                if slot.file.exists():
                    found.append(State(slot.file, not free, look(slot.file)))
            finally:
                if free:
                    slot.leave()
        return found

    def _opened(self, slot: Slot) -> Spool:
        try:
            return Spool(slot.file, self._limits, power_safe=self._power_safe)
        except BaseException:
            slot.leave()
            raise

    def _numbers(self) -> list[int]:
        with contextlib.suppress(OSError):
            names = (_NAME.fullmatch(file.name) for file in self.folder.iterdir())
            return sorted(int(name[1]) for name in names if name)
        return []

    def _prepare(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            mode = self.folder.stat().st_mode
        except OSError as error:
            raise SpoolFault(
                f"the folder {self.folder} cannot be made ({error.strerror}); name another in FRWATCH_SPOOL"
            ) from None
        if mode & 0o077:
            raise SpoolFault(
                f"others can get into the folder {self.folder}, and spools name officers: "
                f"chmod 700 {self.folder}"
            )
