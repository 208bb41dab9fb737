"""Starting, mending and stopping the local stack of one home folder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

from deploy.local import parts
from deploy.local.addresses import settle
from deploy.local.jars import Tell, cache_folder
from deploy.local.locks import locked
from deploy.local.parts import (
    ALERTER,
    CLICKHOUSE,
    COLLECTOR,
    KAFKA,
    REGISTRY,
    SIGNS,
    STOP_SECONDS,
    WORKER,
    Part,
)
from deploy.local.process import last_words, marked, stop
from deploy.local.state import Home, Stack, unwritable
from schemas.agencies import load_agencies
from schemas.alert_routes import load_routes
from schemas.errors import FrwatchError, NotThere
from schemas.settings import load_settings
from sinks.clickhouse.migrate import migrate
from sinks.kafka.topics import ensure_topics
from streams.inputs.collector.command import check_settings


@dataclass(frozen=True, slots=True)
class Wish:
    """What `up` is asked for; None leaves a thing as it was, or at its default in a new home.

    `ports` has the ports asked for, by part: `kafka`, `clickhouse`, `registry`.
    """

    workers: int | None = None
    registry: bool | None = None
    ports: dict[str, int] = field(default_factory=dict)


class LocalStack:
    """The stack of a home folder. Whoever calls `up` or `down` holds the folder's lock.

    `tell` hears what is being waited for. `state` is what `stack.json` holds or will hold.
    """

    def __init__(self, home: Home, tell: Tell) -> None:
        self.home = home
        self.state = Stack()
        self._tell = tell

    def up(self, wish: Wish) -> bool:
        """Start what does not run and return once all is ready; True where anything was started or stopped.

        Data are kept, and with them the addresses. What was started stays, even where a later part fails,
        and the next call goes on from there.

        Raises:
            NotThere: a port is taken, a part died or is not ready in time (its log is quoted), or a
                download or the disk fails.
            WrongUse: a running part is asked to move to another port, or the alert routes or the
                collector's clients have faults.
        """
        alerts, collects = _tells_anybody(self.home), _takes_from_anybody(self.home)
        state = self.state = self.home.load()
        before = dict(state.pids)
        self._recognise()
        self.home.ensure_key()
        had = state.schema_registry
        with_registry = bool(had) if wish.registry is None else wish.registry
        if with_registry != bool(had):
            # They read the registry's address when they start.
            self._stop([COLLECTOR, *self._workers(), ALERTER])
            self._stop([REGISTRY])
        # Nobody else may choose a port between our choice and the moment it is taken.
        with locked(cache_folder() / "ports.lock", "waiting for another stack that is starting", self._tell):
            settle(state, wish.ports, with_registry=with_registry)
            wanted = state.workers_wanted if wish.workers is None else wish.workers
            state.workers_wanted = 1 if wanted is None else wanted
            self.home.save(state)
            self._start(self._servers())
        self._fill()
        numbers = range(1, state.workers_wanted + 1)
        self._stop([name for name in self._workers() if int(name.removeprefix(WORKER)) not in numbers])
        wanted_parts = [parts.worker_part(self.home, number) for number in numbers]
        # What runs stays, also where this shell names no routes or clients: nobody's alerts end unawares.
        if alerts:
            wanted_parts.append(parts.alerter_part(self.home))
        if collects:
            wanted_parts.append(parts.collector_part(self.home))
        self._start(wanted_parts)
        return state.pids != before

    def down(self) -> list[str]:
        """Stop all parts, collector and workers first; return as lines which ran and which had to be killed.

        Nothing that this home started runs afterwards, whether it was noted down or not.
        """
        try:
            self.state = self.home.load()
        except FrwatchError as error:
            self._tell(str(error))
        noted = dict(self.state.pids)
        self._recognise()
        lines = []
        gone = sorted(noted.keys() - self.state.pids.keys())
        if gone:
            lines.append(f"had ended before: {', '.join(gone)}")
        for names in ([COLLECTOR], self._workers(), [ALERTER], [CLICKHOUSE], [REGISTRY], [KAFKA]):
            if running := [name for name in names if name in self.state.pids]:
                killed = self._stop(running)
                lines += [f"{'killed' if name in killed else 'stopped'} {name}" for name in running]
        if gone:
            self.home.save(self.state)
        return lines

    def _servers(self) -> list[Part]:
        state = self.state
        wanted = [
            parts.kafka_part(self.home, state.ports, self._tell),
            parts.clickhouse_part(self.home, state.ports),
        ]
        if state.schema_registry:
            wanted.append(parts.registry_part(self.home, state.ports, self._tell))
        return wanted

    def _fill(self) -> None:
        """Make the topics and tables that are missing."""
        settings = load_settings(
            home=self.home.path,
            kafka=self.state.kafka,
            clickhouse=self.state.clickhouse,
            schema_registry=self.state.schema_registry,
        )
        self._tell("waiting for topics and tables")
        asyncio.run(ensure_topics(settings))
        asyncio.run(migrate(settings))

    def _recognise(self) -> None:
        """Forget the parts that ended, adopt those whose start was not noted, stop the doubles."""
        pids = self.state.pids
        for name in [name for name, who in pids.items() if who.process() is None]:
            del pids[name]
        for name, identities in marked(self.home.path).items():
            known = pids.setdefault(name, identities[0])
            stop([who for who in identities if who.pid != known.pid], STOP_SECONDS[KAFKA])
        for sign in (sign for signs in SIGNS for sign in (self.home.path / signs).glob("*.json")):
            if not (sign.stem.isdigit() and psutil.pid_exists(int(sign.stem))):
                sign.unlink(missing_ok=True)

    def _start(self, wanted: Sequence[Part]) -> None:
        """Start those parts that do not run, side by side, and wait until every one is ready."""
        for part in wanted:
            if part.name in self.state.pids:
                continue
            try:
                self.state.pids[part.name] = part.start()
            except OSError as error:
                raise unwritable(self.home.path, error) from None
            self.home.save(self.state)
        began, told = time.monotonic(), ""
        waiting = {part.name: part for part in wanted}
        while waiting:
            for name, part in list(waiting.items()):
                who = self.state.pids[name]
                if part.ready(who):
                    del waiting[name]
                elif who.process() is None:
                    raise NotThere(_said(f"{name} ended while it started", part))
                elif time.monotonic() - began > part.patience:
                    raise NotThere(_said(f"{name} is not ready after {part.patience:.0f} s", part))
            if waiting and told != (text := f"waiting for {', '.join(waiting)}"):
                self._tell(told := text)
            if waiting:
                time.sleep(0.05)

    def _stop(self, names: Sequence[str]) -> list[str]:
        """Stop some parts at once and note it; return the names of those that had to be killed."""
        pids = self.state.pids
        running = {name: pids[name] for name in names if name in pids}
        if not running:
            return []
        self._tell(f"stopping {', '.join(running)}")
        patience = max(STOP_SECONDS.get(name, STOP_SECONDS[WORKER]) for name in running)
        killed = {who.pid for who in stop(list(running.values()), patience)}
        for name, who in running.items():
            del pids[name]
            for signs in SIGNS:
                (self.home.path / signs / f"{who.pid}.json").unlink(missing_ok=True)
        if self.home.path.is_dir():
            self.home.save(self.state)
        return [name for name, who in running.items() if who.pid in killed]

    def _workers(self) -> list[str]:
        return sorted(name for name in self.state.pids if name.startswith(WORKER))


def _tells_anybody(home: Home) -> bool:
    """Whether alert routes or canaries are configured.

    Raises:
        WrongUse, NotThere: they have faults, or are not where FRWATCH_ALERTS says.
    """
    settings = load_settings(home=home.path)
    return not load_routes(settings.alerts, load_agencies(settings.agencies)).idle


def _takes_from_anybody(home: Home) -> bool:
    """Whether clients of the collector are configured.

    Raises:
        WrongUse, NotThere: they, or the other settings of the collector, have faults.
    """
    settings = load_settings(home=home.path)
    if settings.collect_clients is None:
        return False
    check_settings(settings)
    return True


def _said(what: str, part: Part) -> str:
    words = last_words(*part.logs)
    log = next((log for log in reversed(part.logs) if log.exists() and log.stat().st_size), part.logs[0])
    return f"{what}: {words or 'its log is empty'} (log: {log}); `frwatch down` stops what runs"
