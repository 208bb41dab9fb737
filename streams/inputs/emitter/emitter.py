"""The emitter: takes a search, keeps it on disk, and lets a thread of its own send it."""

from __future__ import annotations

import atexit
import contextlib
import logging
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, NamedTuple, ParamSpec, Self, TypeVar

from schemas.canary import canary, kafka_key
from schemas.contracts import contract
from schemas.errors import FrwatchError, WrongUse
from schemas.settings import Settings, load_settings
from schemas.wire import encode
from streams.inputs.emitter import fork
from streams.inputs.emitter.counts import Counts, Metrics, Tally
from streams.inputs.emitter.delivery import Delivery
from streams.inputs.emitter.probe import probe_hash
from streams.inputs.emitter.reports import reporting
from streams.inputs.emitter.sender import Sender
from streams.inputs.emitter.slots import Slot, Slots
from streams.inputs.emitter.spool import Limits, Spool, SpoolClosed, SpoolFault, SpoolFull
from streams.inputs.event import BadEvent, Kind, key_of, read_event

EXIT_WAIT = 2.0
"""Seconds for which the end of a process waits for Kafka, where `close` was not called."""
_TRY_AGAIN = 10.0
_SAY_EVERY = 1000

log = logging.getLogger("frwatch.emitter")
P = ParamSpec("P")
R = TypeVar("R")


class _Open(NamedTuple):
    """What an emitter has while it is open."""

    slot: Slot
    spool: Spool
    sender: Sender


class Emitter:
    """Reports searches to Kafka without waiting for it, for any number of threads.

    What `emit` has returned an id for is in the process's spool: it is sent once Kafka takes it, in the order
    in which events were accepted, also where the process was killed meanwhile (by the next that uses the
    folder); see `Spool` for what the loss of power costs. The topic has each event once, but where a producer
    was given up with events in flight (a kill, a close at the wrong moment): these are sent again under the
    same event_id, which counts once in every table. `emit` takes 0.1 to 0.3 ms, waits for no network, and
    raises nothing: an event that is refused is counted by its reason (`counts`), logged on `frwatch.emitter`
    without its values, and the search that it reports goes on. With `strict`, it raises instead.
    After a fork the child begins with a spool of its own.
    """

    _opening: threading.Lock
    _open_now: _Open | None

    def __init__(self, *, settings: Settings | None = None, strict: bool = False, **fields: Any) -> None:
        """Take `fields` as those of every event, such as source and agency_id; `settings` are FRWATCH_….

        Raises:
            FrwatchError: only with `strict`: the settings or the spool cannot be used.
        """
        self._given = settings
        self._strict = strict
        self._fields = fields
        self._tally = Tally()
        self.metrics = Metrics(self.counts)
        self._begin()
        fork.watch(self)
        self._at_exit = _at_exit(self)
        try:
            _warm_up()
            self._open()
        except Exception as error:
            self._refused("spool" if isinstance(error, FrwatchError) else "fault", error, count=False)

    def emit(self, /, **fields: Any) -> str | None:
        """Report one search, and return its event_id; None where it was refused.

        `fields` are those of the contract (`schemas/search.avsc`) and override the emitter's own. `event_id`
        and `occurred_at` (now) are made where they are missing. `probe` may be the image, as bytes or an
        array: it becomes `probe_hash` under FRWATCH_PROBE_KEY, and goes nowhere.

        Raises:
            FrwatchError: only with `strict`: the event was refused.
        """
        return self._take("search", self._fields | fields)

    def emit_outcome(self, /, **fields: Any) -> str | None:
        """Report what came of a search (`schemas/outcome.avsc`), and return its outcome_id, as `emit` does.

        Of the emitter's own fields it has agency_id.
        """
        own = {name: self._fields[name] for name in ("agency_id",) if name in self._fields}
        return self._take("outcome", own | fields)

    def canary(self, source: str | None = None) -> str | None:
        """Send a canary, a search that nobody ran, the way of all others, and return its id, as `emit` does.

        It is signed under FRWATCH_CANARY_KEY and goes by the name of `emit/SOURCE`, the emitter's own source
        where none is given; `frwatch status` says when the last came through, so that silence is noticed.

        Raises:
            FrwatchError: only with `strict`: it was refused.
        """
        return self._guarded(lambda: self._canary(source or str(self._fields.get("source") or "")))

    def reports(self, /, **fields: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Return a decorator: each call of a search function, sync or async, is reported once it has ended.

        A field is a value, or a function that makes it of the `Call`: its `arguments` by name, its `result`,
        or the `error` that it raised. One that fails is left out of the report, and logged. What the
        function returns or raises is left as it is; `occurred_at` is when it was called.
        """
        return reporting(self.emit, fields)

    def counts(self) -> Counts:
        """Return what became of the events since the start."""
        open_ = self._open_now
        return self._tally.counts(open_.spool.count if open_ else 0)

    def drain(self, timeout: float) -> bool:
        """Wait until Kafka has all that was accepted, at most so many seconds; return whether it has."""
        open_ = self._open_now
        return open_.sender.drain(timeout) if open_ else True

    def close(self, timeout: float = 5.0) -> bool:
        """Drain for at most so many seconds and end; return whether Kafka has all that was accepted.

        What it has not stays in the spool for the next process. An event that comes later opens it again.
        """
        with self._opening:
            open_ = self._open_now
            self._open_now = None
        if open_ is None:
            return True
        drained = open_.sender.close(timeout)
        open_.spool.close()
        open_.slot.leave()
        return drained

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def after_fork(self) -> None:
        """Begin anew in a forked child; what the parent has is its own."""
        fork.abandon(self._open_now)
        self._tally = Tally()
        self._begin()

    def _begin(self) -> None:
        self._opening = threading.Lock()
        self._open_now = None
        self._try_at = 0.0

    def _take(self, kind: Kind, fields: dict[str, Any]) -> str | None:
        return self._guarded(lambda: self._accept(kind, fields))

    def _guarded(self, accept: Callable[[], str]) -> str | None:
        try:
            return accept()
        except BadEvent as error:
            self._refused("invalid", error)
        except SpoolFull as error:
            self._refused("full", error)
        except SpoolFault as error:
            self._refused("spool", error)
        except Exception as error:
            self._refused("fault", error)
        return None

    def _accept(self, kind: Kind, fields: dict[str, Any]) -> str:
        name, moment = ("event_id", "occurred_at") if kind == "search" else ("outcome_id", "recorded_at")
        if fields.get(name) is None:
            fields[name] = uuid.uuid4()
        if fields.get(moment) is None:
            fields[moment] = datetime.now(UTC)
        if "probe" in fields and kind == "search":
            self._hash(fields)
        record = read_event(kind, fields)
        event_id: str = record[name]
        return self._keep(kind, event_id, key_of(kind, record), encode(contract(kind), record))

    def _canary(self, source: str) -> str:
        if not source:
            raise WrongUse("a canary needs a source; name the client's, such as lacris-web")
        event_id, name = uuid.uuid4(), f"emit/{source}"
        record = canary(event_id, time.time_ns() // 1000, name, self._settings().require_canary_key())
        return self._keep("search", str(event_id), kafka_key(name), encode(contract("search"), record))

    def _keep(self, kind: Kind, event_id: str, key: bytes, value: bytes) -> str:
        while True:
            open_ = self._open_now or self._open()
            # Where another thread closes it at this moment, it is opened again.
            with contextlib.suppress(SpoolClosed):
                open_.spool.add(kind, event_id, key, value)
                self._tally.add("accepted")
                open_.sender.wake()
                return event_id

    def _hash(self, fields: dict[str, Any]) -> None:
        """Put the probe's hash in its place; a search whose probe cannot be hashed is reported without."""
        probe = fields.pop("probe")
        if probe is None:
            return
        try:
            fields["probe_hash"] = probe_hash(probe, self._settings().require_probe_key())
        except FrwatchError as error:
            if self._strict:
                raise
            if self._tally.refuse("probe") % _SAY_EVERY == 1:
                log.warning("searches are reported without probe_hash: %s", error)

    def _settings(self) -> Settings:
        if self._given is None:
            self._given = load_settings()
        return self._given

    def _open(self) -> _Open:
        with self._opening:
            if self._open_now is not None:
                return self._open_now
            if time.monotonic() < self._try_at:
                raise SpoolFault("the spool could not be opened; it is tried again within seconds")
            self._try_at = time.monotonic() + _TRY_AGAIN
            settings = self._settings()
            limits = Limits(settings.spool_events, settings.spool_bytes)
            slots = Slots(settings.spool_folder, limits, power_safe=settings.spool_power_safe)
            slot, spool = slots.own()
            sender = Sender(spool, slots, Delivery(settings, on_away=self._away), self._tally)
            sender.start()
            self._try_at = 0.0
            self._open_now = _Open(slot, spool, sender)
            return self._open_now

    def _away(self) -> None:
        if self._tally.away(True):
            log.warning("Kafka does not answer; events wait in the spool")

    def _refused(self, reason: str, error: Exception, *, count: bool = True) -> None:
        number = self._tally.refuse(reason) if count else 1
        if self._strict:
            raise error
        # An unforeseen error's text may quote what the event holds.
        said = str(error) if isinstance(error, FrwatchError) else type(error).__name__
        if number % _SAY_EVERY == 1:
            log.error("an event is not reported (%s, number %d): %s", reason, number, said)


def _warm_up() -> None:
    """Load what the first event would have to load, some tenths of a second, before a search waits for it."""
    moment = datetime.now(UTC)
    search = {"event_id": uuid.uuid4(), "occurred_at": moment, "source": "x", "agency_id": "x"}
    encode(contract("search"), read_event("search", {**search, "purpose": "no. 1 + 1\n" * 20}))
    outcome = {"outcome_id": uuid.uuid4(), "agency_id": "x", "recorded_at": moment, "kind": "LEAD"}
    encode(contract("outcome"), read_event("outcome", outcome))


def _at_exit(emitter: Emitter) -> Callable[[], None]:
    kept = weakref.ref(emitter)

    def close() -> None:
        if (alive := kept()) is not None:
            alive.close(EXIT_WAIT)

    atexit.register(close)
    weakref.finalize(emitter, atexit.unregister, close)
    return close
