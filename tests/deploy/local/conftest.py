from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

FRWATCH = [sys.executable, "-c", "from deploy.cli import main; main()"]


@dataclass(frozen=True)
class Answer:
    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Command:
    """`frwatch` as a person runs it, in one home."""

    home: Path

    def __call__(self, *arguments: str, **environment: str) -> Answer:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FRWATCH_")}
        done = subprocess.run(
            [*FRWATCH, *arguments],
            env={**kept, "FRWATCH_HOME": str(self.home), **environment},
            capture_output=True,
            text=True,
            timeout=100,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def pids(self) -> dict[str, int]:
        noted = json.loads((self.home / "stack.json").read_text())["pids"]
        return {name: who["pid"] for name, who in noted.items()}


@contextmanager
def stack_home(home: Path) -> Iterator[Command]:
    command = Command(home)
    try:
        yield command
    finally:
        command("down")


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """One stack without workers, started as the first thing and shared by a module's tests."""
    with stack_home(tmp_path_factory.mktemp("stack") / "home") as command:
        answer = command("up", "--workers", "0")
        assert answer.status == 0, answer.err
        yield command
