"""How far each file was read, kept only once Kafka has acknowledged all that stands before.

A position is that of a file (its inode and its first bytes), read as one format for one source into one
topic: one that was made anew has had nothing of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.errors import NotThere, WrongUse

FOLDER = "imports"
_KEPT = 256
"""So many first bytes tell a file from another that took its place."""


class Position(BaseModel):
    """Where reading goes on: `offset` in the unpacked file, `line` its number there, from 1.

    `head` is the SHA-256 of the first `head_size` bytes as they are stored. `told` are visits that were sent
    and to which later lines may belong, `moment` the latest time that was read.
    """

    model_config = ConfigDict(extra="ignore")

    path: str
    into: str
    inode: int
    head: str
    head_size: int
    offset: int = 0
    line: int = 1
    moment: int = 0
    state: dict[str, Any] = {}
    told: list[str] = []

    def is_of(self, file: IO[bytes]) -> bool:
        """Whether it is the position of this file: what is longer and begins alike is the same."""
        inode, head, size = identify(file, self.head_size)
        return (inode, head, size) == (self.inode, self.head, self.head_size)


class Positions:
    """Positions in the folder `imports` of the home folder, a file each."""

    def __init__(self, home: Path, *into: str) -> None:
        self._folder = home / FOLDER
        self._into = "\0".join(into)

    @property
    def into(self) -> str:
        """What the positions are for."""
        return self._into

    @contextmanager
    def locked(self, path: Path) -> Iterator[None]:
        """Hold a log for one import at a time.

        Raises:
            WrongUse: another one has it.
            NotThere: the home folder cannot be written to.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._file(path).with_suffix(".lock"), timeout=0)
            with lock:
                yield
        except Timeout:
            raise WrongUse(f"{path}: another import reads it now; let it end, or stop it") from None
        except PermissionError as error:
            raise NotThere(
                f"{self._folder}: {error.strerror}; set FRWATCH_HOME to a folder of yours"
            ) from None

    def load(self, path: Path, file: IO[bytes]) -> Position | None:
        """Return the position of an open file, also where it had another name; None where it has none."""
        own = self._file(path)
        others = (each for each in self._folder.glob("*.json") if each != own)
        return next(
            (kept for each in (own, *others) if (kept := self._read(each)) and kept.is_of(file)), None
        )

    def last(self, path: Path) -> Position | None:
        """Return the position that was kept last under a name, whatever file has the name now."""
        return self._read(self._file(path))

    def _read(self, file: Path) -> Position | None:
        try:
            kept = Position.model_validate_json(file.read_text())
        except (OSError, ValidationError):
            return None
        return kept if kept.into == self._into else None

    def save(self, path: Path, position: Position) -> None:
        """Keep a position, whole or not at all, on disk when this returns."""
        file = self._file(path)
        draft = file.with_suffix(".new")
        with draft.open("w") as out:
            json.dump(position.model_dump(), out)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)

    def _file(self, path: Path) -> Path:
        name = f"{self._into}\0{path.resolve()}".encode()
        return self._folder / f"{hashlib.sha256(name).hexdigest()[:32]}.json"


def identify(file: IO[bytes], size: int = _KEPT) -> tuple[int, str, int]:
    """Return inode, SHA-256 of the first `size` bytes (fewer where it has fewer), and how many they were."""
    head = os.pread(file.fileno(), size, 0)
    return os.fstat(file.fileno()).st_ino, hashlib.sha256(head).hexdigest(), len(head)
