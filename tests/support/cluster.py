"""Several Kafka brokers that are one cluster, each of which a test may kill and start again."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.admin import AdminClient

from deploy.local import kafka
from deploy.local.jars import kafka_jars
from deploy.local.ports import free_ports
from tests.support.process import stop

DEADLINE = 90.0


class Cluster:
    """Brokers by their number, from 1; `address` has them all, host:port[,host:port]."""

    def __init__(self, folder: Path, brokers: int) -> None:
        ports = free_ports(2 * brokers)
        self.nodes = [
            kafka.Node(number + 1, ports[2 * number], ports[2 * number + 1], folder / f"broker-{number + 1}")
            for number in range(brokers)
        ]
        self._jars = kafka_jars()
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        cluster_id = kafka.new_cluster_id()
        for node in self.nodes:
            node.folder.mkdir(parents=True)
            kafka.prepare(
                node, self._jars, log=node.folder / "kafka.log", cluster=self.nodes, cluster_id=cluster_id
            )

    @property
    def address(self) -> str:
        """What clients are given."""
        return ",".join(node.address for node in self.nodes)

    def start(self, *numbers: int) -> None:
        """Start these brokers, or all, and wait until they answer."""
        chosen = [node for node in self.nodes if not numbers or node.node_id in numbers]
        for node in chosen:
            with (node.folder / "kafka.out").open("ab") as out:
                self._running[node.node_id] = subprocess.Popen(
                    kafka.command(self._jars, node.folder / "kafka.log"),
                    cwd=node.folder,
                    env=kafka.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        deadline = time.monotonic() + DEADLINE
        for node in chosen:
            while not kafka.answers(node.address):
                if time.monotonic() > deadline:
                    raise AssertionError(f"broker {node.node_id} did not start: see {node.folder}")
                time.sleep(0.1)

    def kill(self, *numbers: int) -> None:
        """SIGKILL these brokers, or all."""
        chosen = [number for number in self._running if not numbers or number in numbers]
        for number in chosen:
            self._running[number].kill()
        for number in chosen:
            self._running.pop(number).wait()

    @contextmanager
    def frozen(self, number: int) -> Iterator[None]:
        """Let a broker answer nobody, its connections open."""
        process = self._running[number]
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def coordinator(self, group: str) -> int:
        """The number of the broker that coordinates a group."""
        client = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        described = client.describe_consumer_groups([group], request_timeout=10)[group].result()
        return int(described.coordinator.id)

    def whole(self) -> bool:
        """Whether every replica of every partition is in sync."""
        client = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        topics = client.list_topics(timeout=10).topics.values()
        return all(
            len(partition.isrs) == len(partition.replicas) and partition.leader >= 0
            for topic in topics
            for partition in topic.partitions.values()
        )

    def stop(self) -> None:
        """Stop all that runs."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            stop(process, 10)


@contextmanager
def running_cluster(folder: Path, brokers: int = 3) -> Iterator[Cluster]:
    """Run a cluster with its data in the folder, and stop it at the end."""
    cluster = Cluster(folder, brokers)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
