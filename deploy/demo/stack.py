"""The demo's own stack: a fresh one in a folder of its own, beside the user's and never in its place."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

from deploy.local.health import lags_of
from deploy.local.jars import Tell
from deploy.local.locks import locked
from deploy.local.ports import free_ports
from deploy.local.stack import LocalStack, Wish
from deploy.local.state import Home
from schemas.errors import FrwatchError, WrongUse
from schemas.settings import STACK_FILE, Settings, load_settings
from sinks.kafka.topics import SEARCH_PARTITIONS, SIDE_PARTITIONS

PARTITIONS = {"searches": SEARCH_PARTITIONS, "outcomes": SIDE_PARTITIONS}


def demo_home() -> Home:
    """Return the demo's home: beside the one that FRWATCH_HOME names, with `-demo` behind its name."""
    home = Home(load_settings().home)
    return Home(home.path.with_name(f"{home.path.name}-demo"))


def shown(path: Path) -> str:
    """Return a path as a person would write it here: relative, where it is below the current folder."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


class DemoStack:
    """A stack that is new when it starts.

    `started` is true from when a part of it may run: before that, what runs in the folder is another's.
    """

    def __init__(self, home: Home, tell: Tell) -> None:
        self.home = home
        self._tell = tell
        self._stack = LocalStack(home, tell)
        self._marker = home.path / "logs" / "demo"
        self.started = False

    def start(self) -> Settings:
        """Start broker, engine and one worker, and return their settings.

        No variable FRWATCH_… of the caller counts: the scenario must never reach another broker, and what is
        expected of it follows from the shipped policies. What an earlier demo left behind is deleted.

        Raises:
            WrongUse: the stack of an earlier demo still runs, or the folder is not a demo's.
            NotThere: a part does not start.
        """
        for name in [name for name in os.environ if name.upper().startswith("FRWATCH_")]:
            del os.environ[name]
        os.environ["FRWATCH_HOME"] = str(self.home)
        self._refuse_others()
        with self._locked():
            if any(who.process() for who in self.home.load().pids.values()):
                raise WrongUse(
                    "the stack of an earlier demo still runs; stop it with "
                    f"`FRWATCH_HOME={self.shown()} frwatch down`"
                )
            self.started = True
            self._stack.down()
            self.home.empty()
            self.home.make()
            self._marker.touch()
            # Ports that no other stack comes back to.
            ports = dict(zip(("kafka", "clickhouse"), free_ports(2), strict=True))
            self._stack.up(Wish(workers=1, registry=False, ports=ports))
        return load_settings(home=self.home.path)

    def stop(self, *, forget: bool) -> None:
        """Stop it; with `forget`, delete its data too, or tell why they stay."""
        if not self.home.path.is_dir():
            return
        with self._locked():
            self._stack.down()
            if not forget:
                return
            try:
                self.home.empty()
            except FrwatchError as error:
                self._tell(str(error))
                return
        self.home.lock.unlink(missing_ok=True)
        self.home.path.rmdir()

    def lag(self) -> int | None:
        """Return how many records the worker is behind, or None where Kafka does not tell."""
        prefix = load_settings(home=self.home.path).topic_prefix
        wanted = [
            (f"{prefix}{name}", number) for name, count in PARTITIONS.items() for number in range(count)
        ]
        lags = lags_of(self.home, self._stack.state, wanted)
        return sum(lags.values()) if len(lags) == len(wanted) else None

    def shown(self) -> str:
        """The home as a person would write it here."""
        return shown(self.home.path)

    def _refuse_others(self) -> None:
        """A stack that somebody keeps in the folder is not the demo's to delete."""
        self.home.refuse_strangers()
        if (self.home.path / STACK_FILE).exists() and not self._marker.exists():
            raise WrongUse(
                f"{self.home} is the home of a stack that is no demo's: set FRWATCH_HOME to another folder"
            )

    def _locked(self) -> AbstractContextManager[None]:
        return locked(
            self.home.lock, f"waiting for another frwatch that is at work on {self.home}", self._tell
        )
