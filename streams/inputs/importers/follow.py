"""Logs that are still written to: read as they grow, through rotation, until told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import structlog

from schemas.errors import NotThere
from streams.inputs.importers.canaries import Canaries
from streams.inputs.importers.log_file import LogFile, Takes
from streams.inputs.importers.positions import Positions

LOOK = 0.2
"""Seconds between two looks at the files."""
AWAY = 2.0
"""Seconds until what Kafka did not take is sent again."""


class Follower:
    """Reads files as they grow; a file that is rotated away is read to its end before the new one.

    While Kafka is away it waits, without limit, reads nothing more and says so once.
    """

    def __init__(
        self,
        paths: Sequence[Path | None],
        importer: Takes,
        positions: Positions,
        canaries: Canaries | None = None,
    ) -> None:
        self._paths = paths
        self._canaries = canaries
        self._importer = importer
        self._positions = positions
        self._files: dict[Path, LogFile] = {}
        self._stop = threading.Event()
        self._log = structlog.get_logger()
        self._away = False

    def run(self) -> None:
        """Follow until SIGTERM, SIGINT or the end of standard input; what was seen is sent then."""
        with self._signals():
            if None in self._paths:
                self._pipe()
                return
            while not self._stop.is_set():
                for path in self._paths:
                    if path is not None:
                        self._try(partial(self._look, path), str(path))
                if self._canaries is not None and not self._away:
                    self._try(self._canaries.send_due, "canaries")
                self._stop.wait(AWAY if self._away else LOOK)
        for file in self._files.values():
            file.send_due()
            file.close()

    def _try(self, step: Callable[[], None], what: str) -> None:
        try:
            step()
        except NotThere as error:
            if not self._away:
                self._log.warning("waiting", why=str(error))
            self._away = True
            return
        if self._away:
            self._log.info("going on", path=what)
        self._away = False

    def _look(self, path: Path) -> None:
        file = self._files.get(path)
        if file is None:
            if not path.exists():
                return
            file = self._files[path] = LogFile(path, self._importer, self._positions)
        if self._away:
            file.send_due()
        replaced = file.replaced
        file.read(final=replaced)
        if replaced:
            file.send_due()
            file.close()
            del self._files[path]
            self._log.info("rotated", path=str(path))
            self._look(path)

    def _pipe(self) -> None:
        file = LogFile(None, self._importer, None, live=True)
        file.read()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(*_: object) -> None:
            self._stop.set()
            if None in self._paths:
                raise KeyboardInterrupt

        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
