"""The way to one destination: its queue, its limits and its circuit. No lane waits for another."""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable

import structlog

from schemas.alert_routes import Destination
from sinks.alerts.outcome import Channel, Message, Outcome
from streams.alerting.alert import Alert
from streams.alerting.attempts import moment, note_attempt
from streams.alerting.book import Book
from streams.alerting.clock import now_micros
from streams.alerting.limits import Circuit, TokenBucket
from streams.alerting.metrics import Metrics

log = structlog.get_logger(__name__)

IDLE_SECONDS = 5.0
"""How often a lane whose destination does not answer looks for what it must give up."""
DOWN = Outcome("failed", "it did not answer for as long as it was given")


class Lane:
    """Sends what is due to one destination, and writes what came of it into the book.

    `attempted` is called after each attempt, with the alert and whether its destination was given up.
    """

    def __init__(
        self,
        name: str,
        destination: Destination,
        channel: Channel,
        book: Book,
        metrics: Metrics,
        attempted: Callable[[Alert, bool], None],
    ) -> None:
        self.name = name
        self.circuit = Circuit()
        self._destination = destination
        self._channel = channel
        self._book = book
        self._metrics = metrics
        self._attempted = attempted
        self._queue: list[tuple[int, str]] = []
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(destination.at_once)
        self._bucket = TokenBucket(destination.per_minute, 0.0)
        self._news = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many deliveries are queued or being sent."""
        return len(self._queue) + len(self._sending)

    def put(self, alert: Alert) -> None:
        """Queue an alert's delivery for when it is due."""
        delivery = alert.deliveries.get(self.name)
        if delivery is not None and delivery.status == "pending":
            heapq.heappush(self._queue, (delivery.due, alert.id))
            self._news.set()

    async def run(self) -> None:
        """Send until cancelled; what is being sent then is finished or cut off by `finish`."""
        while True:
            self._news.clear()
            seconds = await self._next()
            if seconds > 0:
                await self._wait(seconds)

    async def finish(self, seconds: float) -> None:
        """Wait for what is being sent, so long, and cut off what is left."""
        tasks = list(self._sending.values())
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _next(self) -> float:
        """Begin to send the next delivery, if one may be sent now; else say in how many seconds to look."""
        alert = self._due()
        if alert is None:
            return self._until_due()
        await self._slots.acquire()
        now = asyncio.get_running_loop().time()
        wait = self.circuit.wait(now)
        # What is let through while it is not closed is the probe.
        probe = wait == 0 and self.circuit.state == "half-open"
        if wait == 0:
            wait = self._bucket.wait(now)
            if wait and probe:
                self.circuit.let_go()
        if wait != 0:
            self._slots.release()
            if self.circuit.state != "closed":
                self._give_up_the_old()
            return min(IDLE_SECONDS if wait is None else wait, IDLE_SECONDS)
        if self._due() is not alert:
            self._slots.release()
            if probe:
                self.circuit.let_go()
            return 0.0
        heapq.heappop(self._queue)
        task = asyncio.create_task(self._send(alert, probe=probe))
        self._sending[alert.id] = task
        return 0.0

    def _due(self) -> Alert | None:
        """The alert at the head of the queue, if it is due; what needs no sending any more is dropped."""
        while self._queue and self._queue[0][0] <= now_micros():
            due, alert_id = self._queue[0]
            alert = self._book.alerts.get(alert_id)
            delivery = alert.deliveries.get(self.name) if alert else None
            wanted = delivery is not None and delivery.status == "pending" and delivery.due <= due
            if wanted and alert_id not in self._sending:
                return alert
            heapq.heappop(self._queue)
        return None

    def _until_due(self) -> float:
        if not self._queue:
            return IDLE_SECONDS
        return min(max(0.001, (self._queue[0][0] - now_micros()) / 1_000_000), IDLE_SECONDS)

    async def _send(self, alert: Alert, *, probe: bool) -> None:
        began, loop = now_micros(), asyncio.get_running_loop()
        try:
            outcome = await self._channel.send(message_of(alert))
        except Exception as error:
            # A fault of ours must not be the end of this lane.
            log.error("sending failed", destination=self.name, error=type(error).__name__)
            outcome = Outcome("failed", f"it could not be sent ({type(error).__name__})")
        finally:
            del self._sending[alert.id]
            self._slots.release()
        self.circuit.note(delivered=outcome.result != "failed", now=loop.time(), probe=probe)
        if outcome.retry_after is not None:
            self.circuit.rest(loop.time() + outcome.retry_after)
        self._note(alert, outcome, began)
        self._news.set()

    def _note(self, alert: Alert, outcome: Outcome, began: int) -> None:
        ended = now_micros()
        # Of jitter, not of secrets.
        draw = random.random()  # noqa: S311
        gone = note_attempt(
            self._book,
            alert,
            self.name,
            outcome,
            self._destination,
            began=began,
            ended=ended,
            draw=draw,
        )
        self._metrics.attempt(self.name, alert, outcome, began=began, ended=ended, given_up=gone)
        if outcome.result != "delivered":
            log.warning(
                "alert given up" if gone else "alert not delivered; it is tried again",
                alert=alert.id,
                destination=self.name,
                attempt=alert.deliveries[self.name].attempts,
                status=outcome.http_status,
                why=outcome.error,
            )
        self.put(alert)
        self._attempted(alert, gone)

    def _give_up_the_old(self) -> None:
        """Give up what was wanted for longer than it may be, while the destination answers nobody."""
        patience = int(self._destination.give_up_after.total_seconds() * 1_000_000)
        now = now_micros()
        for _, alert_id in list(self._queue):
            alert = self._book.alerts.get(alert_id)
            if alert is None or alert_id in self._sending:
                continue
            delivery = alert.deliveries[self.name]
            if delivery.status == "pending" and now - delivery.since > patience:
                self._note(alert, DOWN, now)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return


def message_of(alert: Alert) -> Message:
    """Return an alert as a destination gets it."""
    told = alert.told
    if told is None:
        raise RuntimeError("the alert has no text")
    return Message(
        id=alert.id,
        kind=alert.kind,
        source=f"frwatch/alerts/{alert.route}",
        subject=alert.violation.violation_id,
        at=moment(alert.decided_at),
        title=told.title,
        text=told.text,
        severity=alert.violation.severity,
        data=told.data,
    )
