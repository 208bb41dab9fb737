"""The Faust app of a worker: its services, its agents and its timers, put together.

    Kafka ─ Ingest ─ channel ─ agent: decode, enrich, judge ─┬─ fr.violations, fr.dead
              └───────────────── rows ◄──────────────────────┘
              └─ ClickHouse

Faust's own consumer is not used for the flow of searches: its `take` acknowledges a batch whose handler
failed, and it can commit past a message in flight. Its web server stays off: it would serve tables to anyone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import faust
import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from faust.app import BootStrategy
from mode import Service

from schemas.contracts import Contract, WriterSchema, contract
from schemas.errors import NotThere
from schemas.fault_point import reach
from schemas.registry import Registry, RegistryAway
from schemas.settings import Settings
from schemas.wire import encode
from sinks.clickhouse.client import connect
from sinks.clickhouse.copies import Copies
from sinks.clickhouse.months import Months
from sinks.clickhouse.most import MostSearched
from sinks.clickhouse.references import References
from sinks.clickhouse.removed import RemovedLog
from sinks.clickhouse.rollups import Rollups
from sinks.clickhouse.writer import Writer
from sinks.kafka.policy_log import PolicyLog
from sinks.kafka.publisher import Publisher
from streams.fetched import Fetched
from streams.fetcher import SMALL_FETCH, size
from streams.garbage import GarbageKeeper
from streams.heartbeat import Heartbeat
from streams.ingest import Ingest
from streams.ledger import Partition
from streams.memory import calm_collector
from streams.offsets import Offsets
from streams.originals import Originals
from streams.pipeline import Batch, Judged, Record, judge_searches, read_outcomes
from streams.policy_feed import PolicyFeed
from streams.rollup_keeper import RollupKeeper
from streams.rules import CompiledRules
from streams.store import Store
from streams.strangers import Strangers

log = structlog.get_logger(__name__)

HELD_FETCHES = 1
"""Fetches that wait for the agent: aiokafka fetches ahead by itself, and what waits here only grows old."""
RETRY_SECONDS = 1.0


class _WithoutKafka(BootStrategy):
    """Starts agents and timers, and none of Faust's own consumer, producer and tables."""

    enable_kafka = False


class _App(faust.App):
    BootStrategy = _WithoutKafka


@dataclass(frozen=True, slots=True)
class _Nobody:
    """A record that no topic has."""

    value: bytes
    offset: int = 0
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class Worker:
    """One worker: `run` it until it is told to stop or cannot go on."""

    def __init__(self, settings: Settings, rules: CompiledRules) -> None:
        self._settings = settings
        self._rules = rules
        self._registry = Registry(settings.schema_registry) if settings.schema_registry else None
        self._strangers = Strangers()
        self._canaries = 0
        # The rules of a range that is replayed, where others are in force by now.
        self._past: CompiledRules | None = None
        self._failure: BaseException | None = None
        self._over = asyncio.Event()
        self._judged = asyncio.Event()
        self.app = _App(
            "frwatch-worker",
            broker=f"kafka://{settings.kafka.replace(',', ';kafka://')}",
            web_enabled=False,
            topic_disable_leader=True,
            datadir=str(Path(settings.home) / "faust"),
        )

    def stop(self) -> None:
        """Ask it to stop; what has been judged is stored first."""
        self._over.set()

    async def run(self) -> None:
        """Work until `stop`, within 10 s of it.

        Raises:
            NotThere: Kafka, ClickHouse or the registry does not answer at the start.
            FrwatchError: it cannot go on; another may be started once its cause is mended.
        """
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(connect(self._settings, send_receive_timeout=60))
            if self._registry is not None:
                stack.push_async_callback(self._registry.close)
            consumer = self._consumer()
            self._publisher = Publisher(self._settings, self._registry)
            self._offsets = Offsets(self._settings, consumer)
            await self._start(self._publisher, stack)
            await self._start(self._offsets, stack)
            records = await stack.enter_async_context(PolicyLog(self._settings))
            writer = Writer(client)
            self._references = References(writer)
            self._feed = feed = PolicyFeed(self._settings, records, self._rules, self._take_rules)
            of_files = self._rules
            await feed.catch_up()
            if self._rules is of_files:
                self._take_rules(of_files)
            self._fetches = self.app.channel(maxsize=HELD_FETCHES)
            self.ingest = Ingest(
                consumer=consumer,
                topics=[self._settings.topic("searches"), self._settings.topic("outcomes")],
                offsets=self._offsets,
                store=Store(
                    writer,
                    self._references,
                    Copies(client),
                    Originals(self._settings),
                    self._publisher.dead,
                    lambda: self._offsets.topic_ids,
                    RemovedLog(client),
                    self._settings.require_key(),
                ),
                deliver=self._deliver,
                failed=self._fail,
            )
            self.app.agent(self._fetches, name="judge")(self._judge)
            await asyncio.to_thread(self._warm_up)
            calm_collector()
            await stack.enter_async_context(_running(self.app))
            # Faust opens its channels when its own consumer has partitions, which here it never has.
            self.app.flow_control.resume()
            await stack.enter_async_context(_running(feed))
            heartbeat = Heartbeat(
                self._settings,
                lambda: self._rules.version,
                feed,
                self.ingest,
                self._strangers,
                lambda: self._canaries,
            )
            await stack.enter_async_context(_running(heartbeat))
            keeper = RollupKeeper(
                [Rollups(client), Months(client), MostSearched(client)], lambda: self.ingest.behind
            )
            await stack.enter_async_context(_running(keeper))
            await stack.enter_async_context(_running(GarbageKeeper()))
            await stack.enter_async_context(_running(self.ingest))
            await self._over.wait()
        if self._failure is not None:
            raise self._failure

    def _take_rules(self, rules: CompiledRules) -> None:
        """Judge by these from the next batch on: a batch asks for the rules once."""
        self._rules = rules
        self._references.note_in_force(rules.policies, rules.catalogue, rules.agencies, datetime.now(UTC))

    async def _deliver(self, fetched: Fetched) -> None:
        """Hand a fetch to the agent, and wait until a small one is judged: the next is all that came since.

        Behind a large one there is a backlog, and fetching goes on beside the judging.
        """
        self._judged.clear()
        await self._fetches.put(cast(Any, fetched))
        if size(fetched.runs) < SMALL_FETCH:
            await self._judged.wait()

    async def _judge(self, fetches: Any) -> None:
        """The agent: each fetch is judged, its findings are published, and its rows go back to the ingest."""
        async for fetched in fetches:
            try:
                await self._judge_one(fetched)
            except (KafkaError, RegistryAway, NotThere) as error:
                log.warning("cannot go on for now; reading again", error=str(error) or type(error).__name__)
                self.ingest.rewind()
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as error:
                self.ingest.fail(error)
                return
            finally:
                self._judged.set()

    async def _judge_one(self, fetched: Fetched) -> None:
        if fetched.epoch != self.ingest.epoch:
            return
        reach("fetched")
        received_at = datetime.now(UTC)
        batch = Batch.of(fetched.runs)
        topic_ids = self._offsets.topic_ids
        if fetched.topic == self._settings.topic("searches"):
            schemas = await self._schemas(batch, contract("search"))
            rules = await self._rules_by(fetched.judge_by)
            judged = await _beside(judge_searches, batch, rules, schemas, topic_ids, received_at)
        else:
            schemas = await self._schemas(batch, contract("outcome"))
            judged = await _beside(read_outcomes, batch, schemas, topic_ids, received_at)
        reach("judged")
        self._judged.set()
        self._strangers.note(judged.strangers)
        self._canaries += judged.canaries
        await self._publish(judged)
        reach("published")
        self.ingest.accept(fetched.epoch, judged.chunks)

    async def _rules_by(self, version: str) -> CompiledRules:
        """The rules that judged a range before, so that all its tables get what belongs together.

        Those in force, where there was none; and where the version is in no record any more.

        Raises:
            NotThere: the published policies cannot be read.
        """
        if version in ("", self._rules.version):
            return self._rules
        if self._past is None or self._past.version != version:
            self._past = await self._feed.rules_of(version)
        if self._past is None:
            log.error(
                "a range begun under other policies is judged anew: those are neither published nor on disk",
                version=version,
                instead=self._rules.version,
            )
            return self._rules
        self._references.note(self._past.policies, self._past.catalogue, self._past.agencies)
        return self._past

    def _warm_up(self) -> None:
        """Judge a search that nobody made: what is loaded and compiled at the first one is ready then."""
        nobody = {"event_id": str(UUID(int=0)), "occurred_at": 0, "source": "", "agency_id": ""}
        runs: dict[Partition, Sequence[Record]] = {
            Partition("", 0): [_Nobody(encode(contract("search"), nobody))]
        }
        judge_searches(Batch.of(runs), self._rules, {}, {}, datetime.now(UTC))

    async def _publish(self, judged: Judged) -> None:
        if judged.violations.height:
            await self._publisher.violations(judged.violations)
        if judged.dead:
            await self._publisher.dead(judged.dead)

    async def _schemas(self, batch: Batch, shape: Contract) -> dict[int, WriterSchema | str]:
        ids = batch.values.schema_ids()
        if not ids or self._registry is None:
            return {}
        return await self._registry.resolve(ids, shape)

    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._over.set()

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka,
            group_id=self._settings.group,
            client_id="frwatch-worker",
            enable_auto_commit=False,
            # Where to begin is the ledger's to say: a position that Kafka has not is never moved silently.
            auto_offset_reset="none",
            # New partitions, and brokers that have moved, are seen within seconds.
            metadata_max_age_ms=5_000,
            max_partition_fetch_bytes=1 << 20,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=2_000,
            rebalance_timeout_ms=60_000,
        )

    async def _start(self, part: Publisher | Offsets, stack: AsyncExitStack) -> None:
        try:
            await part.start()
        except (KafkaError, OSError) as error:
            raise NotThere(
                f"Kafka does not answer at {self._settings.kafka} ({type(error).__name__}); "
                "start it with `frwatch up`, or set FRWATCH_KAFKA"
            ) from error
        stack.push_async_callback(part.stop)


async def _beside(judge: Callable[..., Judged], batch: Batch, *arguments: Any) -> Judged:
    """Judge in a thread, so that the loop goes on; a small batch is sooner done than handed over.

    Two threads that run Python wait for each other's turns, of 5 ms each.
    """
    if len(batch.values) < SMALL_FETCH:
        return judge(batch, *arguments)
    return await asyncio.to_thread(judge, batch, *arguments)


@asynccontextmanager
async def _running(service: Service) -> AsyncIterator[None]:
    await service.start()
    try:
        yield
    finally:
        await service.stop()
