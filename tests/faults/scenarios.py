"""The faults: each is a function that breaks something while searches flow, and returns what it saw."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from statistics import median

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from schemas.fault_point import POINTS
from sinks.kafka.topics import ensure_topics
from tests.faults.flow import Flow
from tests.faults.proxy import Proxy, running_proxy
from tests.faults.world import PARTITIONS, Outcome, World
from tests.support.worker import until

# -- workers -----------------------------------------------------------------------------------------


def kill_workers(world: World) -> Outcome:
    """SIGKILL of a random worker of three, at random points."""
    outcome = Outcome(world.scale.times(20, 1))
    with world.flow(workers=world.scale.times(3, 2)) as flow:
        for _ in range(outcome.times):
            time.sleep(world.rng.uniform(0, 2))
            outcome.recovered.append(flow.recovery(lambda: flow.kill(world.rng.choice(flow.workers))))
        return world.judge(flow, outcome)


def kill_at_each_step(world: World) -> Outcome:
    """A worker that kills itself at each step of the state machine, one step after the other."""
    outcome = Outcome(len(POINTS))
    with world.flow(workers=1) as flow:
        for point in POINTS:

            def strike(point: str = point) -> None:
                before = flow.workers
                victim = flow.start(f"{point}:{world.rng.randrange(2, 6)}")
                for worker in before:
                    flow.retire(worker)
                until(lambda: victim.poll() is not None, f"a worker kills itself at {point}", 120)

            outcome.recovered.append(flow.recovery(strike))
        return world.judge(flow, outcome)


def freeze_worker(world: World) -> Outcome:
    """A worker frozen past its session time-out, and woken after its partitions have moved."""
    outcome = Outcome(world.scale.times(3, 1))
    with world.flow(workers=2) as flow:
        for _ in range(outcome.times):
            victim = world.rng.choice(flow.workers)
            outcome.recovered.append(flow.recovery(lambda: victim.send_signal(signal.SIGSTOP)))  # noqa: B023
            victim.send_signal(signal.SIGCONT)
            time.sleep(world.scale.seconds(10, 2))
        return world.judge(flow, outcome)


def join_and_leave(world: World) -> Outcome:
    """Workers joining and leaving every 5 s for 2 minutes."""
    seconds, pause = world.scale.seconds(120, 6), world.scale.seconds(5, 2)
    outcome = Outcome()
    with world.flow(workers=2) as flow:
        usual = flow.usual()
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            flow.start()
            time.sleep(pause)
            flow.retire(world.rng.choice(flow.workers))
            time.sleep(pause)
            outcome.times += 2
        outcome.recovered.append(flow.recovery(lambda: None, usual=usual))
        return world.judge(flow, outcome)


def add_partitions(world: World) -> Outcome:
    """Partitions added to the topic while it runs."""
    outcome = Outcome(1)
    with world.flow(workers=2) as flow:
        name = f"{flow.stack.prefix}searches"
        admin = AdminClient({"bootstrap.servers": flow.stack.kafka})

        def strike() -> None:
            for future in admin.create_partitions([NewPartitions(name, PARTITIONS + 3)]).values():
                future.result()
            until(
                lambda: sum(flow.ends().values()) and min(flow.ends().values()) > 0,
                "new partitions get records",
            )

        outcome.recovered.append(flow.recovery(strike))
        time.sleep(world.scale.seconds(10, 1))
        return world.judge(flow, outcome)


def make_topic_anew(world: World) -> Outcome:
    """The topic deleted and made anew under running workers, to get more records than before, and fewer."""
    outcome = Outcome(2)
    with world.flow(workers=2, poison=0) as flow:
        name = f"{flow.stack.prefix}searches"
        admin = AdminClient({"bootstrap.servers": flow.stack.kafka})
        for seconds in (world.scale.seconds(15, 3), world.scale.seconds(3, 0.5)):
            flow.drain()

            def strike() -> None:
                for future in admin.delete_topics([name]).values():
                    future.result()
                until(lambda: name not in admin.list_topics(timeout=5).topics, "the topic is gone")
                asyncio.run(ensure_topics(flow.stack.settings(), partitions=PARTITIONS))
                flow.begin()

            outcome.recovered.append(_anew(flow, strike))
            time.sleep(seconds)
        return world.judge(flow, outcome, kept=False)


def _anew(flow: Flow, strike: Callable[[], None]) -> float:
    """Seconds from the first record of a new topic until the lag is small."""
    strike()
    began = time.monotonic()
    until(lambda: sum(flow.ends().values()) > 0 and sum(flow.committed().values()) > 0, "it is read", 60)
    flow.steady()
    return time.monotonic() - began


# -- ClickHouse --------------------------------------------------------------------------------------


def kill_clickhouse(world: World) -> Outcome:
    """SIGKILL of ClickHouse at random points; it is started again at once."""
    outcome = Outcome(world.scale.times(10, 1))
    with world.flow() as flow:
        for _ in range(outcome.times):
            time.sleep(world.rng.uniform(0, 2))

            def strike() -> None:
                world.engine.process.kill()
                world.engine.process.wait()
                world.restart_engine()

            outcome.recovered.append(flow.recovery(strike))
        return world.judge(flow, outcome)


def hang_clickhouse(world: World) -> Outcome:
    """ClickHouse hung for 30 s by SIGSTOP."""
    outcome = Outcome(1)
    with world.flow() as flow:

        def strike() -> None:
            world.engine.process.send_signal(signal.SIGSTOP)
            time.sleep(world.scale.seconds(30, 3))
            world.engine.process.send_signal(signal.SIGCONT)

        outcome.recovered.append(flow.recovery(strike))
        return world.judge(flow, outcome)


def break_inserts(fault: str) -> Callable[[World], Outcome]:
    """A fault that a proxy before ClickHouse makes."""

    def scenario(world: World) -> Outcome:
        times = world.scale.times(30, 4)
        outcome = Outcome(times)
        proxy: Proxy
        with running_proxy(world.engine.url) as proxy, world.flow(clickhouse=proxy.url) as flow:

            def strike() -> None:
                proxy.arm(fault, times)
                until(lambda: not proxy.armed, f"{times} inserts: {fault}", 240)

            outcome.recovered.append(flow.recovery(strike))
            outcome.times = proxy.struck
            return world.judge(flow, outcome)

    return scenario


def clickhouse_away(world: World) -> Outcome:
    """ClickHouse away for 10 minutes under load: memory, and how fast the lag goes."""
    outcome = Outcome(1)
    with world.flow(workers=1) as flow:
        time.sleep(world.scale.seconds(20, 1))
        usual = flow.usual()
        before = highest = flow.memory()
        world.engine.process.kill()
        world.engine.process.wait()
        ends = time.monotonic() + world.scale.seconds(600, 3)
        while time.monotonic() < ends:
            time.sleep(0.5)
            highest = max(highest, flow.memory())
        outcome.notes.append(f"memory {before:.0f} to {highest:.0f} MiB while it was away")
        world.restart_engine()
        began, done = time.monotonic(), sum(flow.committed().values())
        outcome.recovered.append(flow.recovery(lambda: None, 3600, usual))
        rate = (sum(flow.committed().values()) - done) / (time.monotonic() - began)
        outcome.notes.append(f"caught up at {rate:,.0f}/s, {rate / flow.rate:.1f} times the arrival rate")
        return world.judge(flow, outcome)


# -- Kafka -------------------------------------------------------------------------------------------


def kill_each_broker(world: World) -> Outcome:
    """One of three brokers killed, the coordinator of the workers first, then the others."""
    outcome = Outcome(world.scale.times(3, 1))
    cluster = world.cluster(3)
    with world.flow(brokers=3) as flow:
        coordinator = cluster.coordinator(flow.stack.settings().group)
        numbers = sorted((node.node_id for node in cluster.nodes), key=lambda number: number != coordinator)
        for number in numbers[: outcome.times]:
            outcome.recovered.append(flow.recovery(lambda: cluster.kill(number)))  # noqa: B023
            cluster.start(number)
            until(cluster.whole, "every replica is in sync again", 120)
        return world.judge(flow, outcome)


def all_brokers_down(world: World) -> Outcome:
    """All brokers down for 60 s."""
    outcome = Outcome(1)
    cluster = world.cluster(3)
    with world.flow(brokers=3) as flow:

        def strike() -> None:
            cluster.kill()
            time.sleep(world.scale.seconds(60, 5))
            cluster.start()

        outcome.recovered.append(flow.recovery(strike))
        return world.judge(flow, outcome)


# -- what comes --------------------------------------------------------------------------------------


def poison(world: World) -> Outcome:
    """1 % bad values of all kinds in every batch, 1 MiB and 10 MB ones among them."""
    outcome = Outcome()
    with world.flow(poison=100) as flow:
        time.sleep(world.scale.seconds(60, 3))
        world.judge(flow, outcome)
        outcome.times = outcome.count.dead
        return outcome


def nothing_but_poison(world: World) -> Outcome:
    """Batches of nothing but bad values."""
    outcome = Outcome()
    with world.flow(poison=1, rate=min(world.scale.rate, 2_000)) as flow:
        time.sleep(world.scale.seconds(20, 2))
        world.judge(flow, outcome)
        outcome.times = outcome.count.dead
        return outcome


def soak(world: World) -> Outcome:
    """30 minutes at 10,000 searches/s: memory at the end against that after 5 minutes."""
    outcome = Outcome(1)
    with world.flow(workers=1, rate=min(world.scale.rate, 10_000)) as flow:
        whole, early, span = (world.scale.seconds(*each) for each in ((1800, 6), (300, 3), (60, 1)))
        began = time.monotonic()
        seen: list[tuple[float, float]] = []
        while (at := time.monotonic() - began) < whole:
            time.sleep(0.5)
            seen.append((at, flow.memory()))
        # It goes up and down by some 20 MiB with each flush: what counts is the middle of a minute.
        first = median(memory for at, memory in seen if early <= at < early + span)
        last = median(memory for at, memory in seen if at >= whole - span)
        outcome.notes.append(
            f"memory {first:.0f} MiB in the minute after {early:.0f} s, {last:.0f} MiB in the last "
            f"({100 * (last / first - 1):+.1f} %), at most {max(memory for _, memory in seen):.0f} MiB"
        )
        return world.judge(flow, outcome)


SCENARIOS: dict[str, Callable[[World], Outcome]] = {
    "worker killed": kill_workers,
    "worker killed at each step": kill_at_each_step,
    "worker frozen, then woken": freeze_worker,
    "workers join and leave": join_and_leave,
    "partitions added": add_partitions,
    "topic made anew": make_topic_anew,
    "ClickHouse killed": kill_clickhouse,
    "ClickHouse hung": hang_clickhouse,
    **{
        f"insert: {fault}": break_inserts(fault)
        for fault in ("stored, then cut off", "500", "too many parts", "memory limit", "half a reply")
    },
    "one of three brokers killed": kill_each_broker,
    "all brokers down": all_brokers_down,
    "1 % poison": poison,
    "nothing but poison": nothing_but_poison,
    "ClickHouse away": clickhouse_away,
    "soak": soak,
}
"""Every fault by its name, in the order of the table."""
