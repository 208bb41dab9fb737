"""The home folder of a local stack: what is in it, whose it is, and `stack.json`."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from deploy.local.process import Identity
from schemas.errors import FrwatchError, NotThere, WrongUse
from schemas.settings import KEY_FILE, STACK_FILE

MARKER = ".frwatch-home"
LOCK_FILE = ".lock"
DATA = ("kafka", "clickhouse", "registry")
_SIGNS = ("workers", "alerts", "collector")
_OURS = {MARKER, LOCK_FILE, STACK_FILE, KEY_FILE, "logs", "faust", "demo", *_SIGNS, *DATA}
_DRAFTS = re.compile(r"(stack|pseudonym)\.tmp")
ROOM = 256 * 1024 * 1024
"""Bytes that must be free on the disk for a stack to start."""


class Ports(BaseModel):
    """Loopback ports of the parts; 0 where none was chosen yet."""

    kafka: int = 0
    controller: int = 0
    clickhouse: int = 0
    registry: int = 0


class Stack(BaseModel):
    """What `stack.json` holds. The addresses stay when the stack is down, so that it comes back to them."""

    kafka: str | None = None
    clickhouse: str | None = None
    schema_registry: str | None = None
    ports: Ports = Field(default_factory=Ports)
    workers_wanted: int | None = None
    pids: dict[str, Identity] = Field(default_factory=dict)


class Home:
    """The folder of one stack. Its path is absolute; making a `Home` touches nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()

    def __str__(self) -> str:
        return str(self.path)

    def log(self, part: str) -> Path:
        """Where a part logs."""
        return self.path / "logs" / f"{part}.log"

    def data(self, part: str) -> Path:
        """Where a part keeps its data."""
        return self.path / part

    @property
    def lock(self) -> Path:
        """The file that `up` and `down` lock."""
        return self.path / LOCK_FILE

    def make(self) -> None:
        """Make the folder, for its owner alone; one that is there must be a stack's own or empty.

        Raises:
            WrongUse: the folder has files that are no stack's.
            NotThere: it cannot be made or written, or its disk is full.
        """
        try:
            self.refuse_strangers()
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.chmod(0o700)
            (self.path / MARKER).touch()
            (self.path / "logs").mkdir(exist_ok=True)
            free = shutil.disk_usage(self.path).free
        except OSError as error:
            raise unwritable(self.path, error) from None
        if free < ROOM:
            raise NotThere(
                f"the disk of {self} has {free >> 20} MiB left, and a stack needs {ROOM >> 20} MiB to start: "
                "make room, or set FRWATCH_HOME to a folder on another disk"
            )

    def refuse_strangers(self) -> None:
        """Do nothing where the folder is missing, was made by `make`, or has only what frwatch makes.

        Raises:
            WrongUse: it holds something else; the text names it.
        """
        if self.path.exists() and not self.path.is_dir():
            raise WrongUse(f"FRWATCH_HOME {self} is not a folder: name one that is, or a new one")
        if not (self.path / MARKER).exists() and (named := self._strangers()):
            raise WrongUse(
                f"{self} has files that are not a stack's ({named}): set FRWATCH_HOME to a folder of its own"
            )

    def _strangers(self) -> str:
        names = os.listdir(self.path) if self.path.exists() else []
        strangers = sorted(name for name in names if not _is_ours(name))
        return ", ".join(strangers[:3]) + (", …" if len(strangers) > 3 else "")

    def refuse_to_empty(self) -> None:
        """Do nothing where `empty` may delete what is in the folder.

        Raises:
            WrongUse: the folder holds something that frwatch did not make, or was not made by it.
        """
        if named := self._strangers():
            raise WrongUse(
                f"{self} has files that frwatch did not make ({named}): move them; nothing was deleted"
            )
        if any((self.path / name).exists() for name in DATA) and not (self.path / MARKER).exists():
            raise WrongUse(f"{self} was not made by `frwatch up` (it has no {MARKER}): nothing was deleted")

    def empty(self) -> None:
        """Delete all that frwatch made in the folder, but the lock file, which the caller holds.

        Raises:
            WrongUse: as `refuse_to_empty`; nothing was deleted.
            NotThere: something cannot be deleted.
        """
        self.refuse_to_empty()
        if not self.path.exists():
            return
        try:
            # The marker goes last: a deletion that was cut off can be taken up again.
            for name in sorted(os.listdir(self.path), key=lambda name: name == MARKER):
                target = self.path / name
                if name == LOCK_FILE:
                    continue
                if target.is_dir() and not target.is_symlink():
                    shutil.rmtree(target)
                else:
                    target.unlink()
        except OSError as error:
            raise unwritable(Path(error.filename or self.path), error) from None

    def load(self) -> Stack:
        """Return the stack's state; an empty one where there is none yet.

        Raises:
            FrwatchError: `stack.json` is damaged.
        """
        file = self.path / STACK_FILE
        try:
            return Stack.model_validate_json(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return Stack()
        except (ValidationError, UnicodeDecodeError):
            raise FrwatchError(
                f"{file} is damaged: delete it and run `frwatch up`; the data stay, the ports may change"
            ) from None
        except OSError as error:
            raise unwritable(file, error) from None

    def save(self, stack: Stack) -> None:
        """Write the stack's state at once or not at all."""
        self._write(STACK_FILE, json.dumps(stack.model_dump(), indent=2) + "\n")

    def ensure_key(self) -> None:
        """Make the key of the pseudonyms, once.

        Raises:
            FrwatchError: it is gone while there are data written with it, or it is no key.
        """
        file = self.path / KEY_FILE
        try:
            key = file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            if self.data("clickhouse").exists():
                raise FrwatchError(
                    f"{file} is gone, and the data in {self} were written with it: restore it, "
                    "or begin anew with `frwatch up --fresh`"
                ) from None
            self._write(KEY_FILE, secrets.token_hex(32))
            return
        except (OSError, UnicodeDecodeError):
            key = ""
        if not re.fullmatch(r"[0-9a-f]{64}", key):
            raise FrwatchError(f"{file} does not hold 64 hex digits: restore it, or `frwatch up --fresh`")

    def _write(self, name: str, text: str) -> None:
        draft = (self.path / name).with_suffix(".tmp")
        try:
            draft.unlink(missing_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(self.path / name)
        except OSError as error:
            raise unwritable(self.path / name, error) from None


def unwritable(path: Path, error: OSError) -> NotThere:
    """Return the error that says why a path of the home folder cannot be used."""
    return NotThere(f"cannot use {path}: {error.strerror or error}; free it, or set FRWATCH_HOME elsewhere")


def _is_ours(name: str) -> bool:
    return name in _OURS or _DRAFTS.fullmatch(name) is not None
