"""Kafka brokers on loopback, in KRaft mode, each one a Java process with broker and controller in it.

One node is the local stack; several with the same cluster id, given each other's addresses, are a cluster.
Everything of a node is in its folder, under names relative to it, so the folder may be moved.
"""

from __future__ import annotations

import base64
import os
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.jars import java_command
from deploy.local.ports import HOST, is_open
from schemas.errors import FrwatchError

LOG_BYTES = 8 * 1024 * 1024
MESSAGE_BYTES = 2 * 1024 * 1024
# The serial collector, for its memory. C1 alone: for its first minutes C2 takes a third of a core, where two
# are shared with worker and engine. Measured side by side at 1,000 searches/s, the 99th percentile from
# search to violation fell from 350 to 153 ms; a backlog of 1,000,000 was drained no slower.
JVM = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xss512k",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "--sun-misc-unsafe-memory-access=allow",
)
HEAP = "512m"


@dataclass(frozen=True, slots=True)
class Node:
    """A broker: its number in the cluster (from 1), its two ports on loopback and its folder."""

    node_id: int
    port: int
    controller_port: int
    folder: Path

    @property
    def address(self) -> str:
        """Where clients reach it, host:port."""
        return f"{HOST}:{self.port}"


def new_cluster_id() -> str:
    """Return a fresh cluster id: 16 random bytes as Kafka writes them, and never with a leading `-`.

    Kafka's own StorageTool takes an id that begins with `-` for an option.
    """
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def prepare(
    node: Node,
    jars: Sequence[Path],
    *,
    log: Path,
    cluster: Sequence[Node] = (),
    cluster_id: str | None = None,
) -> None:
    """Write the node's configuration and, once in its life, format its storage.

    Data that are there stay. `cluster` has all nodes, this one too, where there are several; they share a
    `cluster_id`. A formatting that was cut off is taken up again. `log` is where the broker will log.

    Raises:
        FrwatchError: the storage cannot be formatted; the text quotes Kafka.
        OSError: the folder cannot be written.
    """
    node.folder.mkdir(parents=True, exist_ok=True)
    (node.folder / "server.properties").write_text(_properties(node, cluster or (node,)), encoding="ascii")
    (node.folder / "log4j2.properties").write_text(_LOG4J, encoding="ascii")
    formatted = node.folder / "formatted"
    if formatted.exists():
        return
    chosen = node.folder / "cluster.id"
    if not chosen.exists():
        draft = chosen.with_suffix(".tmp")
        draft.write_text(cluster_id or new_cluster_id())
        draft.replace(chosen)
    tool = ("kafka.tools.StorageTool", "format", "--ignore-formatted", "--cluster-id", chosen.read_text())
    done = subprocess.run(  # noqa: S603
        [*_java(jars, "128m"), *tool, "--config", "server.properties"],
        cwd=node.folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        log.write_text(done.stdout)
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        last = lines[-1][:200] if lines else "no output"
        raise FrwatchError(f"Kafka could not format {node.folder / 'data'}: {last} (see {log})")
    formatted.touch()


def command(jars: Sequence[Path], log: Path) -> list[str]:
    """Return the command that runs a prepared node; start it in the node's folder with `environment()`.

    SIGTERM stops it cleanly. It logs warnings and errors to `log`, which never outgrows `LOG_BYTES`.
    """
    options = (f"-Dfrwatch.log={log}", "-Dlog4j2.configurationFile=log4j2.properties")
    return [*_java(jars, HEAP), *options, "kafka.Kafka", "server.properties"]


def environment() -> dict[str, str]:
    """The environment of a node: this one, with a locale in which Java can name any file."""
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def answers(address: str, timeout: float = 2.0) -> bool:
    """Whether a broker at host:port serves metadata within `timeout` seconds."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    if not is_open(int(address.rpartition(":")[2])):
        return False
    client = AdminClient(
        {"bootstrap.servers": address, "log_level": 0, "socket.timeout.ms": int(timeout * 1000)}
    )
    try:
        return bool(client.list_topics(timeout=timeout).brokers)
    except KafkaException:
        return False


def _java(jars: Sequence[Path], heap: str) -> list[str]:
    return [java_command(), f"-Xmx{heap}", *JVM, "-cp", os.pathsep.join(str(jar) for jar in jars)]


def _properties(node: Node, cluster: Sequence[Node]) -> str:
    """Settings of a node. Retention is for ever: what a local stack was given, it keeps."""
    copies = min(3, len(cluster))
    in_sync = max(1, copies - 1)
    voters = ",".join(f"{each.node_id}@{HOST}:{each.controller_port}" for each in cluster)
    settings = {
        "process.roles": "broker,controller",
        "node.id": node.node_id,
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://{node.address},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{node.address}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": "data",
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "message.max.bytes": MESSAGE_BYTES,
        "replica.fetch.max.bytes": MESSAGE_BYTES,
        "log.retention.ms": -1,
        "log.retention.bytes": -1,
        "offsets.retention.minutes": 60 * 24 * 365 * 10,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": 0,
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "controlled.shutdown.enable": "true",
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


_LOG4J = f"""# Quiet: warnings and errors, to one file of bounded size.
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = ${{sys:frwatch.log}}
appender.file.filePattern = ${{sys:frwatch.log}}.1
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{ISO8601}} %p %c{{1}}: %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = {LOG_BYTES // 2}
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 1
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
"""
