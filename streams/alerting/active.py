"""The active alerter: reads, decides, sends, and writes down what it decided and sent.

The first of a group is sent at once; that it was decided is written meanwhile, in one transaction with the
offset of what it was decided on. If that fails it is decided again, alike, and sent again under the same key.
What could be decided otherwise the second time (a summary's count, a group that spans partitions) is sent
once it is written.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.alert_routes import Routes
from schemas.contracts import WriterSchema, contract
from schemas.fault_point import reach
from schemas.registry import Registry, RegistryAway
from schemas.settings import Settings
from sinks.alerts.outcome import Channel
from sinks.kafka.alert_log import AlertLog
from sinks.kafka.publisher import DeadLetter
from streams.alerting.alert import Alert, Violation
from streams.alerting.book import REIGN, Book
from streams.alerting.canary_schedule import keep_sending
from streams.alerting.clock import now_micros
from streams.alerting.decide import acknowledge, decide, keeps_order, retry, tick
from streams.alerting.lane import Lane
from streams.alerting.metrics import Metrics
from streams.alerting.orders import Acknowledge, BadOrder, from_value
from streams.alerting.reader import read
from streams.alerting.text import Words, tell
from streams.values import Values

log = structlog.get_logger(__name__)

FETCH_RECORDS = 500
MAX_PENDING = 50_000
"""Alerts in hand at which reading pauses: destinations are away, and memory must stay flat."""
TICK_SECONDS = 0.25
COMMIT_SECONDS = 0.03
"""Pause between two transactions: the broker is still finishing the one before."""
YIELD_SECONDS = 0.005
"""How long a transaction lets alerts go first that do not wait for it: both would share one loop. By turns at
1,000 searches/s sending takes 1.7 ms instead of 2.0, and 6.5 instead of 8.0 at the 99th percentile."""
OUTCOME_SECONDS = 0.25
"""How long an outcome may wait to be written; a decision does not wait."""
RETRY_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
STOP_SECONDS = 4.0


class Active:
    """One reign of one alerter, from the book that it restored to the loss of its partitions."""

    def __init__(
        self,
        settings: Settings,
        routes: Routes,
        channels: Mapping[str, Channel],
        words: Words,
        alert_log: AlertLog,
        consumer: AIOKafkaConsumer,
        book: Book,
        metrics: Metrics,
        topic_ids: Mapping[str, bytes],
        registry: Registry | None = None,
    ) -> None:
        self.book = book
        self.lanes = {
            name: Lane(name, destination, channels[name], book, metrics, self._attempted)
            for name, destination in routes.destinations.items()
        }
        self._settings = settings
        self._routes = routes
        self._words = words
        self._log = alert_log
        self._consumer = consumer
        self._metrics = metrics
        self._topic_ids = topic_ids
        self._registry = registry
        self._offsets: dict[TopicPartition, int] = {}
        self._dead: list[DeadLetter] = []
        self._held: list[Alert] = []
        self._urgent = asyncio.Event()
        self._proven = asyncio.Event()
        book.begin_reign()
        self._urgent.set()
        self._early = {route.name for route in routes.routes if keeps_order(route)}
        for alert in list(book.alerts.values()):
            self._take_up(alert)
        for source, came in book.canaries.items():
            metrics.canary(source, came["arrived_at"])

    async def run(self) -> None:
        """Work until cancelled; then finish what is being sent, and write down what came of it.

        Raises:
            Fenced: another alerter is active.
            FrwatchError, KafkaError: it cannot go on.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for task in (self._read(), self._tick(), self._commit()):
                    group.create_task(task)
                if self._routes.canaries is not None:
                    group.create_task(keep_sending(self._settings, self._routes.canaries))
                for lane in self.lanes.values():
                    group.create_task(lane.run())
        finally:
            await asyncio.gather(*(lane.finish(STOP_SECONDS) for lane in self.lanes.values()))

    def prove(self) -> None:
        """Decide nothing more before it is written that this is still the active one."""
        self._proven.clear()
        self.book.changed[REIGN] = None
        self._urgent.set()

    async def write_last(self) -> None:
        """Write what is not written yet; for the end of a reign that nobody has taken over."""
        await self._write()

    # -- reading -----------------------------------------------------------------------------------

    async def _read(self) -> None:
        orders = self._settings.topic("alert-commands")
        while True:
            self._throttle()
            fetched = await self._consumer.getmany(timeout_ms=200, max_records=FETCH_RECORDS)
            await self._proven.wait()
            if not fetched:
                continue
            # Of all partitions together: to read a few takes as long as to read one.
            if told := [each for tp, records in fetched.items() if tp.topic != orders for each in records]:
                await self._decide(told)
            for partition, records in fetched.items():
                if partition.topic == orders:
                    for record in records:
                        self._obey(record.value)
                self._offsets[partition] = records[-1].offset + 1
            self._urgent.set()

    def _throttle(self) -> None:
        """Read nothing while too much waits; but go on asking: who does not loses its place in the group."""
        assigned, paused = self._consumer.assignment(), self._consumer.paused()
        alerts = self.book.alerts
        # Those that were given up are kept for a person, and wait for nobody.
        if len(alerts) >= MAX_PENDING and sum(each.pending for each in alerts.values()) >= MAX_PENDING:
            self._consumer.pause(*(assigned - paused))
        elif paused:
            self._consumer.resume(*(paused & assigned))

    async def _decide(self, records: list[Any]) -> None:
        values = Values([record.value for record in records])
        found = read(records, values, await self._schemas(values))
        reach("alert-fetched")
        for letter in found.dead:
            log.warning(
                "no violation; it goes to the dead letters",
                at=f"{letter.topic}/{letter.partition}/{letter.offset}",
                reason=letter.reason,
            )
            self._bury(letter)
        for each in found.canaries:
            now = now_micros()
            if self.book.see(each.violation_id, now):
                # Its title is the source.
                self.book.canary(each.title, each.occurred_at, now)
                self._metrics.canary(each.title, now)
        for violation in found.violations:
            self._decide_one(violation)

    def _decide_one(self, violation: Violation) -> None:
        for alert in decide(self.book, violation, self._routes, now_micros()):
            self._tell(alert)
            if alert.route in self._early:
                self._queue(alert)
            else:
                self._held.append(alert)
        reach("alert-decided")

    async def _schemas(self, values: Values) -> Mapping[int, WriterSchema | str]:
        if self._registry is None:
            return {}
        while ids := values.schema_ids():
            try:
                return await self._registry.resolve(ids, contract("violation"))
            except RegistryAway as error:
                log.warning("the registry does not answer; asking again", error=str(error))
                await asyncio.sleep(RETRY_SECONDS[2])
        return {}

    def _obey(self, value: bytes | None) -> None:
        try:
            order = from_value(value)
        except BadOrder as error:
            log.warning("an order was not understood", why=str(error))
            return
        if isinstance(order, Acknowledge):
            acknowledge(self.book, str(order.alert_id))
            row = {
                "alert_id": str(order.alert_id),
                "acknowledged_at": order.at,
                "acknowledged_by": order.by,
                "note": order.note,
            }
            key = f"{order.alert_id}/acknowledged/{order.at}"
            self.book.add_row(key, {"table": "alert_acknowledgements", "row": row})
            return
        wanted = [name for name in self.lanes if order.destination in (None, name)]
        ids: Iterable[str | None] = map(str, order.alert_ids) if order.alert_ids else [None]
        for alert_id in ids:
            for alert in retry(self.book, now_micros(), wanted, alert_id):
                self._queue(alert)

    # -- telling -----------------------------------------------------------------------------------

    def _tell(self, alert: Alert) -> None:
        alert.told = tell(alert, self._words)
        self.book.changed[f"a/{alert.id}"] = None
        self._metrics.decided(alert)

    def _take_up(self, alert: Alert) -> None:
        """Queue an alert of an earlier reign; to a destination that is no more it is given up."""
        if alert.told is None:
            self._tell(alert)
        self._queue(alert)
        for name, delivery in alert.deliveries.items():
            if delivery.status == "pending" and name not in self.lanes:
                log.error("an alert's destination is gone; it is given up", alert=alert.id, destination=name)
                delivery.status = "given_up"
                self.book.note(alert)

    def _queue(self, alert: Alert) -> None:
        for name in alert.deliveries:
            if name in self.lanes:
                self.lanes[name].put(alert)

    def _attempted(self, alert: Alert, given_up: bool) -> None:
        if given_up:
            violation = alert.violation
            detail = f"alert {alert.id} of route {alert.route} reached not every destination in its time"
            self._bury(
                DeadLetter(
                    violation.topic,
                    violation.partition,
                    violation.offset,
                    "alert_undeliverable",
                    detail,
                    None,
                    violation.value,
                    (("alert_id", alert.id.encode()),),
                )
            )
        reach("alert-attempted")

    def _bury(self, letter: DeadLetter) -> None:
        self._dead.append(letter)
        topic_id = self._topic_ids.get(letter.topic)
        if topic_id is None:
            return
        row = {
            "kafka_topic": letter.topic,
            "kafka_topic_id": base64.b64encode(topic_id).decode(),
            "kafka_partition": letter.partition,
            "kafka_offset": letter.offset,
            "received_at": now_micros(),
            "reason": letter.reason,
            "detail": letter.detail,
            "key": None if letter.key is None else base64.b64encode(letter.key).decode(),
            "value": base64.b64encode(letter.value).decode(),
            "headers": {name: base64.b64encode(held).decode() for name, held in letter.headers},
        }
        key = f"dead/{letter.topic}/{letter.partition}/{letter.offset}/{letter.reason}"
        self.book.add_row(key, {"table": "dead_letters", "row": row})

    async def _tick(self) -> None:
        while True:
            made = tick(self.book, self._routes, now_micros(), self._settings.alerts_remember_days)
            for alert in made:
                self._tell(alert)
                self._held.append(alert)
            if made:
                self._urgent.set()
            for name, lane in self.lanes.items():
                self._metrics.lane(name, lane.circuit.state, lane.waiting)
            self._metrics.state(active=True, rows=len(self.book.rows))
            await asyncio.sleep(TICK_SECONDS)

    # -- writing -----------------------------------------------------------------------------------

    async def _commit(self) -> None:
        failures = 0
        while True:
            await self._wait_for_news()
            if not self._held:
                await asyncio.sleep(YIELD_SECONDS)
            self._urgent.clear()
            try:
                await self._write()
            except KafkaError as error:
                failures += 1
                log.warning("the state was not written; trying again", error=type(error).__name__)
                self._urgent.set()
                await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1])
            else:
                failures = 0
                await asyncio.sleep(COMMIT_SECONDS)

    async def _wait_for_news(self) -> None:
        while True:
            try:
                async with asyncio.timeout(OUTCOME_SECONDS):
                    await self._urgent.wait()
                    return
            except TimeoutError:
                if self.book.changed or self._dead or self._offsets:
                    return

    async def _write(self) -> None:
        """Write all that is new in one transaction; then let go what waited for it.

        Raises:
            Fenced, KafkaError: it is not written, and still to be.
        """
        changes, held, dead = self.book.take_changes(), self._held, self._dead
        offsets, self._offsets = self._offsets, {}
        self._held, self._dead = [], []
        if changes or offsets or dead:
            writing = asyncio.create_task(self._log.commit(changes, offsets, dead))
            try:
                await asyncio.shield(writing)
            except BaseException:
                # A transaction that was begun is finished, also by one who is told to stop.
                await asyncio.wait([writing])
                if writing.exception() is not None:
                    self.book.not_written(changes)
                    self._held, self._dead = held + self._held, dead + self._dead
                    self._offsets = offsets | self._offsets
                raise
        if any(key == REIGN for key, _ in changes) and REIGN not in self.book.changed:
            self._proven.set()
        reach("alert-committed")
        for alert in held:
            self._queue(alert)
