"""FR clients report through real brokers and workers: nothing accepted is lost, and no image leaves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data

from deploy.local.ports import free_ports
from schemas.contracts import contract
from sinks.kafka.topics import ensure_topics
from streams.decode import decode
from streams.values import Values
from tests.integration.conftest import fresh_prefix
from tests.support.cluster import Cluster, running_cluster
from tests.support.traces import Traces
from tests.support.worker import Stack, stack_for, until

PROBE_KEY = "p" * 40
PROBES = (3, 41, 77)


class Client:
    """A client's process, and what it has said so far."""

    def __init__(self, stack: Stack, module: str, *arguments: object, **variables: str) -> None:
        self._out = tempfile.TemporaryFile("w+b")  # noqa: SIM115  it ends with the object
        with (stack.home / "client.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *map(str, arguments)],
                env=stack.environment()
                | {"FRWATCH_SPOOL": str(stack.home / "spool"), "FRWATCH_PROBE_KEY": PROBE_KEY}
                | variables,
                stdout=self._out,
                stderr=log,
            )

    def said(self) -> list[list[str]]:
        """The words of each whole line that it printed."""
        data = os.pread(self._out.fileno(), 1 << 26, 0)
        return [line.split() for line in data.decode().splitlines(keepends=True) if line.endswith("\n")]

    def accepted(self) -> list[tuple[int, str]]:
        """Number and event_id of each search that it was told is accepted."""
        return [(int(words[0]), words[1]) for words in self.said() if words[0].isdigit()]

    def accepts(self, count: int) -> None:
        """Wait until so many were accepted."""
        until(lambda: self.process.poll() is not None or len(self.accepted()) >= count, f"{count} accepted")
        assert len(self.accepted()) >= count

    def ends(self) -> list[list[str]]:
        """Wait for its end, and return what it said."""
        assert self.process.wait(60) == 0
        return self.said()

    def kill(self) -> None:
        """SIGKILL it."""
        self.process.kill()
        assert self.process.wait(10) == -signal.SIGKILL


def emit(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `frwatch emit`."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", "emit", *arguments],
        env=stack.environment() | {"FRWATCH_SPOOL": str(stack.home / "spool")},
        capture_output=True,
        text=True,
        timeout=60,
    )


def searches(stack: Stack) -> list[dict[str, Any]]:
    """The searches in Kafka, of each partition in its order."""
    records = sorted(stack.consume("searches"), key=lambda each: (each.partition() or 0, each.offset() or 0))
    decoded = decode(Values([record.value() for record in records]), contract("search"), {})
    assert not decoded.bad
    return decoded.frame.to_dicts() if records else []


def in_order_once_each(stack: Stack, accepted: Sequence[tuple[int, str]]) -> None:
    """Check that the topic has exactly what was accepted, once each, and in order."""
    rows = searches(stack)
    assert Counter(row["event_id"].hex() for row in rows) == Counter(
        event_id.replace("-", "") for _, event_id in accepted
    )
    told: dict[tuple[int, str], list[int]] = {}
    for row in rows:
        number = int(row["case_number"])
        # The clients of a test count from a million, or ten thousand, each.
        told.setdefault((number // 1_000_000, row["officer_id"]), []).append(number)
    assert all(numbers == sorted(numbers) for numbers in told.values())


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("broker"), brokers=1) as cluster:
        yield cluster


@pytest.fixture
def client_stack(broker: Cluster, tmp_path: Path) -> Iterator[Stack]:
    """A broker that may be killed, with topics of this test; no engine and no worker."""
    with stack_for(broker.address, "http://127.0.0.1:1", tmp_path, fresh_prefix()) as stack:
        asyncio.run(ensure_topics(stack.settings(), partitions=4))
        yield stack


@pytest.mark.slow
def test_kafka_away_under_load_loses_and_doubles_nothing_though_a_client_is_killed_meanwhile(
    broker: Cluster, client_stack: Stack
) -> None:
    """One client lives through it, one is killed with its spool full, one comes later and finds that."""
    lives = Client(client_stack, "tests.support.reporter", 0, 2400, 800, 30)
    lives.accepts(600)
    broker.kill()
    killed = Client(client_stack, "tests.support.reporter", 1_000_000, 100_000, 2000, 0)
    killed.accepts(2500)
    killed.kill()
    said = killed.accepted()
    lives.accepts(1500)
    states = json.loads(emit(client_stack, "--status", "--json").stdout)
    assert [state["in_use"] for state in states] == [True, False]
    assert all(state["events"] for state in states)
    broker.start()
    after = Client(client_stack, "tests.support.reporter", 2_000_000, 50, 1000, 30)
    assert after.ends()[-1] == ["closed", "True"]
    assert lives.ends()[-1] == ["closed", "True"]
    # Who is closed has sent what it accepted itself; of what it found, the rest is the next one's.
    assert emit(client_stack, "--drain").returncode == 0
    assert len(lives.accepted()) == 2400
    # The last that was on disk when its process died may not have been printed.
    last = said[-1][0] + 1
    unsaid = [
        (last, row["event_id"].hex()) for row in searches(client_stack) if row["case_number"] == str(last)
    ]
    in_order_once_each(client_stack, [*lives.accepted(), *said, *unsaid, *after.accepted()])
    assert not list((client_stack.home / "spool").glob("*.sqlite*"))


@pytest.mark.slow
def test_clients_killed_while_searches_flow_leave_each_counted_once(running: Stack) -> None:
    accepted: list[tuple[int, str]] = []
    for first in (0, 10_000):
        client = Client(running, "tests.support.reporter", first, 10_000, 3000, 0)
        client.accepts(1500)
        client.kill()
        accepted += client.accepted()
    drained = emit(running, "--drain", "--wait", "30")
    assert drained.returncode == 0, drained.stderr
    assert drained.stdout.endswith(" 0 left\n")
    ids = {each.replace("-", "") for _, each in accepted}

    def rows() -> list[str]:
        found = running.query(
            "SELECT event_id FROM frwatch.searches WHERE source = 'reporter' AND kafka_topic = {topic}"
        )
        return [each.hex for (each,) in found]

    until(lambda: ids <= set(rows()), "all that was accepted are rows")
    assert len(rows()) == len(set(rows()))
    assert len(set(rows()) - ids) <= 3, "at most the one of each client that it could not print any more"
    assert json.loads(emit(running, "--status", "--json").stdout) == []


def test_the_searches_of_a_real_client_are_rows_and_its_images_are_nowhere(
    running: Stack, kafka: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    faces = [(face * 255).astype(np.uint8) for face in skimage.data.lfw_subset()]  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory() as outside:
        # Neither the broker's folder nor the engine's, which are searched.
        probes, secrets = _probes(Path(outside), [faces[number] for number in PROBES])
        no_image = Path(outside) / "note.txt"
        no_image.write_text("no image")
        away = Client(
            running,
            "tests.support.fr_client",
            "P-AWAY",
            *probes,
            FRWATCH_KAFKA=f"127.0.0.1:{free_ports(1)[0]}",
            TEST_CLOSE="0",
        )
        found = [int(words[0]) for words in away.ends()]
        assert found == list(PROBES), "the recogniser knows whom it sees"
        traces = Traces(secrets)
        spools = list((running.home / "spool").glob("*.sqlite*"))
        assert spools
        assert b"P-AWAY" in b"".join(file.read_bytes() for file in spools)
        assert traces.files(running.home / "spool")[0] == []
        client = Client(running, "tests.support.fr_client", "P-LIVE", *probes, no_image)
        assert client.ends()[-1] == ["no", "image"]
    sql = (
        "SELECT provider_id, provider_class, agency_id, candidates > 0, length(probe_hash), count(),"
        " uniqExact(probe_hash) FROM frwatch.searches"
        " WHERE source = 'gallery-search' AND kafka_topic = {topic} GROUP BY ALL ORDER BY 6"
    )
    expected = [
        ("lacris", "government", "lapd", None, 64, 1, 1),
        ("lacris", "government", "lapd", True, 64, 6, 3),
    ]
    until(lambda: running.query(sql) == expected, "all its searches are rows, those of the spool too")
    tables = running.query(
        "SELECT name FROM system.tables WHERE database = 'frwatch' AND engine LIKE '%Tree'"
    )
    texts = b"".join(
        cell if isinstance(cell, bytes) else str(cell).encode(errors="surrogateescape")
        for (table,) in tables
        for row in running.query(f"SELECT * FROM frwatch.{table}")
        for cell in row
    )
    assert tables
    records = b"".join(
        part
        for topic in ("searches", "dead", "violations", "outcomes")
        for record in running.consume(topic)
        for part in (record.key() or b"", record.value() or b"", repr(record.headers()).encode())
    )
    assert not any(traces.within(data[at:]) for data in (texts, records) for at in range(16))
    base = tmp_path_factory.getbasetemp()
    folders = [*base.glob("kafka*"), *base.glob("clickhouse*"), running.home]
    sizes = []
    for folder in folders:
        hits, size = traces.files(folder)
        assert hits == []
        sizes.append(size)
    assert len(sizes) >= 3
    assert all(sizes)
    planted = tmp_path_factory.mktemp("planted") / "segment"
    for secret in secrets:
        planted.write_bytes(b"\0" * 1001 + secret[len(secret) // 2 :][:32] + b"\0" * 77)
        assert traces.files(planted.parent)[0] == [planted], "whatever is there is found"
    planted.unlink()


def _probes(folder: Path, faces: Sequence[Any]) -> tuple[list[Path], list[bytes]]:
    """The faces as PNG files, and what of them must be nowhere: their pixels and files."""
    files, secrets = [], []
    for number, face in enumerate(faces):
        large = cv2.resize(face, (100, 100))
        png = cv2.imencode(".png", large)[1].tobytes()
        jpeg = cv2.imencode(".jpg", large)[1].tobytes()
        file = folder / f"{number}.png"
        file.write_bytes(png)
        files.append(file)
        secrets += [png, jpeg, large.tobytes(), face.tobytes(), (face / 255).tobytes()]
    return files, secrets
