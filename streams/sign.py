"""Signs of life: what a process says of itself every second, in a small file that `frwatch status` reads."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SECONDS = 1.0
"""How often a sign is written."""


class Sign:
    """The file `PID.json` of this process in a folder of the home, such as `HOME/workers`."""

    def __init__(self, home: Path, folder: str) -> None:
        self._file = home / folder / f"{os.getpid()}.json"

    def write(self, **said: Any) -> None:
        """Write it anew, with `pid` and `updated_at` (ISO 8601, UTC) beside what is said.

        A reader sees the old one or the new one, never a part.

        Raises:
            OSError: the folder cannot be written.
        """
        sign = {"pid": os.getpid(), "updated_at": datetime.now(UTC).isoformat(), **said}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".tmp")
        draft.write_text(json.dumps(sign))
        draft.replace(self._file)

    def take_away(self) -> None:
        """Remove it: the process ends."""
        self._file.unlink(missing_ok=True)
