"""Background processes: started apart from the terminal, recognised for certain, ended politely."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict

MARK = "FRWATCH_PART"
"""The variable in a part's environment by which it is known: the home folder, a colon, its name."""
CLOCK_SLACK = 2.0
"""Seconds by which the start of one process may read differently once the clock was corrected."""
LOG_TAIL = 1024 * 1024
_TELLING = re.compile(
    r"ERROR|FATAL|CRITICAL|Exception|Error\b|error:|denied|No space|frwatch:", re.IGNORECASE
)


class Identity(BaseModel):
    """Whose process a pid is: `pid` and when it started, in seconds since 1970 (psutil's create_time)."""

    model_config = ConfigDict(frozen=True)

    pid: int
    created: float

    def process(self) -> psutil.Process | None:
        """Return the process while it lives; None once it ended, even if its pid is another's by now."""
        try:
            found = psutil.Process(self.pid)
            if abs(found.create_time() - self.created) > CLOCK_SLACK:
                return None
            return None if found.status() == psutil.STATUS_ZOMBIE else found
        except psutil.NoSuchProcess:
            return None


def spawn(
    arguments: Sequence[str],
    *,
    mark: str,
    out: Path,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Identity:
    """Start a process that outlives this one and its terminal; its output goes to the file `out`.

    It holds none of this process's files. What `out` had is kept, up to `LOG_TAIL`, beside it as `.1`.

    Raises:
        OSError: it cannot be started, or `out` cannot be written.
    """
    put_aside(out)
    with out.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603
            arguments,
            cwd=folder,
            env={**(os.environ if environment is None else environment), MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # It is meant to outlive us: its end is watched through psutil.
    process.returncode = 0
    return Identity(pid=process.pid, created=psutil.Process(process.pid).create_time())


def marked(home: Path) -> dict[str, list[Identity]]:
    """Return this user's processes that a stack of this home started, by the name of the part.

    It finds those too whose start was never noted down, because the starter was killed.
    """
    found: dict[str, list[Identity]] = {}
    for process in psutil.process_iter():
        try:
            folder, _, part = process.environ().get(MARK, "").rpartition(":")
            if not part or folder != str(home) or process.pid == os.getpid():
                continue
            if process.status() != psutil.STATUS_ZOMBIE:
                who = Identity(pid=process.pid, created=process.create_time())
                found.setdefault(part, []).append(who)
        except (psutil.Error, OSError):
            continue
    return found


def stop(identities: Sequence[Identity], patience: float) -> list[Identity]:
    """Send SIGTERM to all, wait up to `patience` seconds, and SIGKILL what is left, which is returned.

    When this returns none of them runs.
    """
    processes = [process for who in identities if (process := who.process())]
    for process in processes:
        _signal(process, kill=False)
    _, left = psutil.wait_procs(processes, timeout=patience)
    for process in left:
        _signal(process, kill=True)
    psutil.wait_procs(left, timeout=patience)
    pids = {process.pid for process in left}
    return [who for who in identities if who.pid in pids]


def _signal(process: psutil.Process, *, kill: bool) -> None:
    try:
        if kill:
            process.kill()
        else:
            process.terminate()
            # A stopped process gets the signal only once it goes on.
            process.resume()
    except psutil.NoSuchProcess:
        return


def put_aside(log: Path) -> None:
    """Keep the last `LOG_TAIL` bytes of a log as `NAME.1` and empty it."""
    try:
        with log.open("rb") as old:
            old.seek(max(0, os.fstat(old.fileno()).st_size - LOG_TAIL))
            tail = old.read()
    except FileNotFoundError:
        return
    if tail:
        log.with_name(f"{log.name}.1").write_bytes(tail)
        log.write_bytes(b"")


def last_words(*logs: Path) -> str:
    """Return the last line of the logs that tells of an error, else the last line at all, else ''."""
    telling, last = "", ""
    for log in logs:
        try:
            with log.open("rb") as stream:
                stream.seek(max(0, os.fstat(stream.fileno()).st_size - 65536))
                lines = stream.read().decode(errors="replace").splitlines()
        except OSError:
            continue
        for line in (line.strip() for line in lines):
            if line and not line.startswith("at "):
                last = line
                telling = line if _TELLING.search(line) else telling
    return (telling or last)[:240]
