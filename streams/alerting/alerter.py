"""The alerter: a process apart from the workers, so that no judging delays an alert.

Several may run. The consumer group gives all partitions to one, the active one; the others stand by. Whoever
becomes active fences off its predecessor, restores the state that was written, and goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from mode import Service

from schemas.alert_routes import Routes
from schemas.contracts import contract
from schemas.errors import FrwatchError, NotThere
from schemas.registry import Registry
from schemas.settings import Settings
from sinks.alerts.outcome import Channel
from sinks.kafka.alert_log import AlertLog, Fenced
from sinks.kafka.one_member import one_member
from sinks.kafka.policy_log import PolicyLog
from sinks.kafka.topic_ids import ask_topic_ids
from streams.alerting.active import Active
from streams.alerting.book import Book
from streams.alerting.heartbeat import Heartbeat
from streams.alerting.metrics import Metrics
from streams.alerting.rows import RowKeeper
from streams.alerting.text import Words
from streams.alerting.words import WordsFeed
from streams.decode import warm_up

log = structlog.get_logger(__name__)

PATIENCE = 15.0
"""Seconds, longer than the group takes to notice that a member is gone."""


class Alerter:
    """One alerter: `run` it until it is told to stop or cannot go on."""

    def __init__(
        self, settings: Settings, routes: Routes, channels: Mapping[str, Channel], words: Words
    ) -> None:
        self._settings = settings
        self._routes = routes
        self._channels = channels
        self._words = words
        self.metrics = Metrics()
        self.active: Active | None = None
        self.joined = False
        self._owns = False
        self._rebalance = 0
        self._changed = asyncio.Event()
        self._over = asyncio.Event()

    def stop(self) -> None:
        """Ask it to stop; what is being sent is finished, and written down."""
        self._over.set()
        self._changed.set()

    async def run(self) -> None:
        """Work until `stop`, within 10 s of it.

        Raises:
            NotThere: Kafka does not answer at the start, or a port is taken.
            FrwatchError: it cannot go on; another may be started.
        """
        if self._settings.alerts_metrics:
            self.metrics.serve(self._settings.alerts_metrics)
        async with AsyncExitStack() as stack:
            for channel in self._channels.values():
                stack.push_async_callback(channel.close)
            registry = Registry(self._settings.schema_registry) if self._settings.schema_registry else None
            if registry is not None:
                stack.push_async_callback(registry.close)
            records = await stack.enter_async_context(PolicyLog(self._settings))
            feed = WordsFeed(self._words, records)
            await feed.catch_up()
            self._say_what_matches_nothing()
            await asyncio.to_thread(warm_up, contract("violation"))
            await stack.enter_async_context(_running(feed))
            ids = await ask_topic_ids(self._settings, [self._settings.topic("violations")])
            consumer = self._consumer()
            topics = [self._settings.topic("violations"), self._settings.topic("alert-commands")]
            consumer.subscribe(topics, listener=_Listener(self))
            try:
                await consumer.start()
            except (KafkaError, OSError) as error:
                raise NotThere(
                    f"Kafka does not answer at {self._settings.kafka} ({type(error).__name__}); "
                    "start it with `frwatch up`, or set FRWATCH_KAFKA"
                ) from error
            stack.push_async_callback(consumer.stop)
            await stack.enter_async_context(_running(Heartbeat(self._settings, self)))
            while not self._over.is_set():
                if self._owns:
                    await self._reign(consumer, registry, ids)
                else:
                    self.metrics.state(active=False, rows=0)
                    # Who asks for nothing loses its place in the group.
                    await consumer.getmany(timeout_ms=500)

    async def _reign(
        self, consumer: AIOKafkaConsumer, registry: Registry | None, ids: Mapping[str, bytes]
    ) -> None:
        """Be the active one until told to stop, or until another is."""
        try:
            async with AlertLog(self._settings) as alert_log:
                # A large book takes seconds, and the heartbeat must go on.
                book = await asyncio.to_thread(Book.restore, await alert_log.read())
                await _go_back(consumer)
                self.active = active = Active(
                    self._settings,
                    self._routes,
                    self._channels,
                    self._words,
                    alert_log,
                    consumer,
                    book,
                    self.metrics,
                    ids,
                    registry,
                )
                log.info(
                    "active",
                    reign=book.reign,
                    seen=len(book.seen),
                    alerts=len(book.alerts),
                    rows=len(book.rows),
                )
                async with _running(RowKeeper(self._settings, book)):
                    await self._until_told(active)
                if self._owns:
                    with suppress(KafkaError):
                        await active.write_last()
        except Fenced:
            # Nobody may fence off its successor: it waits for the group to say whose turn it is. Where the
            # group still says that it is this one's, the successor is gone.
            log.warning("another alerter is or was active; standing by")
            self.active, rebalance = None, self._rebalance
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    while self._rebalance == rebalance and not self._over.is_set():
                        self._changed.clear()
                        await self._changed.wait()
        finally:
            self.active = None

    async def _until_told(self, active: Active) -> None:
        """Run until told to stop or until the partitions are gone.

        Raises:
            Fenced, FrwatchError: what ended it.
        """
        running = asyncio.create_task(active.run())
        try:
            while self._owns and not self._over.is_set() and not running.done():
                told = asyncio.create_task(self._changed.wait())
                await asyncio.wait([running, told], return_when=asyncio.FIRST_COMPLETED)
                told.cancel()
                self._changed.clear()
        finally:
            running.cancel()
            await asyncio.wait([running])
        if not running.cancelled() and (error := running.exception()) is not None:
            raise _first(error)

    def _say_what_matches_nothing(self) -> None:
        """Warn of policies that routes name and nobody has: published policies come and go."""
        known = self._words.reasons.rules
        for route in self._routes.routes:
            if unknown := [each for each in route.match.policy if each not in known]:
                log.warning("a route names policies that are not in force", route=route.name, unknown=unknown)

    def assigned(self, partitions: set[TopicPartition]) -> None:
        """Note what the group has decided."""
        self.joined = True
        self._owns = bool(partitions)
        self._rebalance += 1
        self._changed.set()
        if self.active is not None:
            self.active.prove()

    def _reign_number(self) -> int:
        return self.active.book.reign if self.active is not None else 0

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka,
            group_id=f"{self._settings.group}-alerts",
            client_id="frwatch-alerts",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(one_member(self._reign_number),),
            max_partition_fetch_bytes=1 << 20,
            # As short as brokers allow: so long a killed alerter's successor waits.
            session_timeout_ms=6_000,
            heartbeat_interval_ms=1_000,
        )


async def _go_back(consumer: AIOKafkaConsumer) -> None:
    """Read on from what is written, whatever was read meanwhile."""
    for partition in consumer.assignment():
        offset = await consumer.committed(partition)
        if offset is None:
            await consumer.seek_to_beginning(partition)
        else:
            consumer.seek(partition, offset)


def _first(error: BaseException) -> BaseException:
    """The cause in a group of errors that a person can act on."""
    while isinstance(error, BaseExceptionGroup):
        causes = sorted(error.exceptions, key=lambda each: not isinstance(each, FrwatchError))
        error = causes[0]
    return error


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """aiokafka's callbacks. Who gets back what it had goes on: had another had it, it would be fenced off."""

    def __init__(self, alerter: Alerter) -> None:
        self._alerter = alerter

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        return None

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._alerter.assigned(assigned)


@asynccontextmanager
async def _running(service: Service) -> AsyncIterator[None]:
    await service.start()
    try:
        yield
    finally:
        await service.stop()
