"""The thread that sends what is in the spool, in order, and what ended processes left in theirs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from schemas.errors import FrwatchError
from streams.inputs.emitter.counts import Tally
from streams.inputs.emitter.delivery import Delivery
from streams.inputs.emitter.slots import Slots
from streams.inputs.emitter.spool import Spool, Spooled, SpoolFault

BATCH = 2000
"""Events that are sent at once."""
LINGER = 0.005
"""Seconds for which a first event waits for others."""
ORPHANS = 15.0
"""Seconds after which the files of ended processes are looked for again."""
_IDLE = 1.0
_PAUSES = (0.2, 1.0, 5.0, 15.0)

log = logging.getLogger("frwatch.emitter")


class Sender:
    """Sends one spool, and the orphans of its folder, until it is closed.

    No fault ends it: what cannot be sent now is tried again, and stays in the spool.
    """

    def __init__(self, spool: Spool, slots: Slots, delivery: Delivery, tally: Tally) -> None:
        self._spool = spool
        self._slots = slots
        self._delivery = delivery
        self._tally = tally
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._aborted = threading.Event()
        self._progress = threading.Condition()
        self._orphans_at = 0.0
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="frwatch-emitter", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def wake(self) -> None:
        """Say that something was added."""
        if not self._wake.is_set():
            self._wake.set()

    def drain(self, timeout: float) -> bool:
        """Wait until the spool is empty, at most so many seconds; return whether it is."""
        self.wake()
        with self._progress:
            self._progress.wait_for(lambda: self._spool.count == 0, timeout)
            return self._spool.count == 0

    def close(self, timeout: float) -> bool:
        """Drain for at most so many seconds, then end the thread; return whether the spool is empty."""
        empty = self.drain(timeout)
        self._closing.set()
        self._aborted.set()
        self._wake.set()
        self._thread.join(5.0)
        return empty

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._turn()
            except FrwatchError as error:
                self._fail(str(error))
            except Exception as error:
                # Whatever it is, the client's searches go on, and the spool keeps them.
                self._fail(f"{type(error).__name__}, a fault of the emitter")
        self._delivery.close()

    def _turn(self) -> None:
        events = self._spool.first(BATCH)
        if events:
            self._send(self._spool, events)
        elif time.monotonic() >= self._orphans_at:
            self._send_orphans()
        else:
            self._spool.tidy()
            if self._wake.wait(_IDLE):
                self._wake.clear()
                time.sleep(LINGER)

    def _send(self, spool: Spool, events: list[Spooled]) -> bool:
        """Send events and forget those that are settled; return whether all are."""
        found = self._delivery.deliver(events, self._aborted.is_set, spool.tidy)
        if found.acknowledged:
            self._failures = 0
            if self._tally.away(False):
                log.warning("Kafka answers again; the spool is drained")
        self._settle(lambda: spool.done(found.acknowledged))
        self._tally.add("sent", len(found.acknowledged))
        if found.never:
            self._settle(lambda: spool.refuse(found.never, "Kafka refuses it"))
            self._tally.add("unsendable", len(found.never))
            log.error(
                "Kafka will never take %d events; they are put aside in %s", len(found.never), spool.file
            )
        with self._progress:
            self._progress.notify_all()
        if found.why is not None:
            self._fail(f"Kafka does not take events ({found.why}); they wait in the spool")
        return len(found.acknowledged) + len(found.never) == len(events)

    def _settle(self, forget: Callable[[], None]) -> None:
        """What Kafka has must be forgotten before anything else is sent, or it would be sent again."""
        while True:
            try:
                forget()
                return
            except SpoolFault as error:
                self._fail(str(error))
                if self._aborted.is_set():
                    return

    def _send_orphans(self) -> None:
        self._orphans_at = time.monotonic() + ORPHANS
        for slot, spool in self._slots.orphans():
            try:
                while not self._closing.is_set() and (events := spool.first(BATCH)):
                    if not self._send(spool, events) or self._spool.count:
                        # The process's own events first.
                        self._orphans_at = 0.0 if self._spool.count else self._orphans_at
                        return
            finally:
                spool.close()
                slot.leave()

    def _fail(self, why: str) -> None:
        """Say once why nothing goes, and pause a little longer each time."""
        if self._failures == 0:
            log.warning("%s", why)
        pause = _PAUSES[min(self._failures, len(_PAUSES) - 1)]
        self._failures += 1
        self._aborted.wait(pause)
