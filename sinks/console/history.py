"""What was typed at the prompt, kept for the next time in a file that its owner alone reads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory

from schemas.errors import NotThere
from schemas.settings import Settings

LONGEST = 1 << 20
"""Bytes above which the older half of the file is dropped at the next start."""
_SECRET = re.compile(
    r"\b(identified|password|passwd|secret|token|credentials?|private_key|access_key\w*|api_?key)\b"
    r"|://[^/\s'\"@]*:[^/\s'\"@]*@"
    r"|\b(s3\w*|gcs|azureBlobStorage\w*|mysql|postgresql|mongodb|redis|sqlite|remote|remoteSecure|url\w*"
    r"|jdbc|odbc|hdfs\w*|iceberg\w*|deltaLake\w*|encrypt|decrypt|aes_\w+|HMAC\w*)\s*\(",
    re.IGNORECASE,
)


def history_file(settings: Settings) -> Path:
    """Return where the history is kept: a local stack's home, else where a user's programs keep state."""
    if settings.home.is_dir():
        return settings.home / "sql-history"
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "frwatch" / "sql-history"


def secrets_of(settings: Settings) -> list[str]:
    """Return what must never be written down: the password of ClickHouse and the keys."""
    from sinks.clickhouse.client import clickhouse_address

    held = [settings.pseudonym_key, settings.probe_key]
    return [clickhouse_address(settings)["password"], *(each.get_secret_value() for each in held if each)]


def holds_secret(text: str, secrets: Iterable[str]) -> bool:
    """Whether a statement has a secret in it, or might: a login, a key, or a function that takes one."""
    return _SECRET.search(text) is not None or any(each and each in text for each in secrets)


class SafeHistory(FileHistory):
    """A history that forgets, when the prompt ends, what holds a secret or begins with a space."""

    def __init__(self, file: Path, secrets: Iterable[str]) -> None:
        """Make the file, or take the one that is there.

        Raises:
            NotThere: it cannot be written.
        """
        try:
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(file, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600))
            file.chmod(0o600)
            if file.stat().st_size > LONGEST:
                kept = file.read_bytes()[-LONGEST // 2 :]
                file.write_bytes(kept[kept.find(b"\n# ") :])
        except OSError as error:
            raise NotThere(f"{file} cannot be written ({error.strerror}); mend it or remove it") from None
        self._secrets = list(secrets)
        super().__init__(str(file))

    def store_string(self, string: str) -> None:
        """Write a statement down, unless it holds a secret or begins with a space."""
        if not string.startswith(" ") and not holds_secret(string, self._secrets):
            super().store_string(string)
