"""The data of one insert, kept until they have come whole: in memory while they are few, then on disk."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from deploy.local.clickhouse.errors import QueryError

IN_MEMORY = 64 << 20
"""Bytes up to which the data are a file in memory."""


class Spool:
    """Use it as a context manager. `path` is where the engine, in this process, reads what was appended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.size = 0
        self.in_memory = hasattr(os, "memfd_create")
        self._file: IO[bytes] | Any = (
            os.fdopen(os.memfd_create("insert"), "w+b", buffering=0) if self.in_memory else self._on_disk()
        )

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    @property
    def path(self) -> str:
        """The name of the file; it is gone when the spool is."""
        return f"/proc/self/fd/{self._file.fileno()}" if self.in_memory else str(self._file.name)

    def append(self, piece: bytes) -> None:
        """Add to the data; may block on the disk where they are many.

        Raises:
            QueryError: the disk or the memory is full (243).
        """
        try:
            if self.in_memory and self.size + len(piece) > IN_MEMORY:
                self._move()
            view = memoryview(piece)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            text = f"Cannot keep the data of an insert: {error.strerror}"
            raise QueryError(243, text, "NOT_ENOUGH_SPACE") from None
        self.size += len(piece)

    def _move(self) -> None:
        kept, self._file = self._file, self._on_disk()
        self.in_memory = False
        with kept:
            kept.seek(0)
            while piece := kept.read(1 << 20):
                self._file.write(piece)

    def _on_disk(self) -> Any:
        return NamedTemporaryFile(dir=self._folder, buffering=0)
