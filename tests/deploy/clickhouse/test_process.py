"""The server as a process: what it survives, and how it ends."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
import threading
from pathlib import Path

from tests.deploy.clickhouse.conftest import Asker
from tests.deploy.clickhouse.test_server import LONG, RUNNING
from tests.support.clickhouse import running_clickhouse
from tests.support.worker import until


def test_sigkill_during_inserts_loses_no_acknowledged_row_and_data_outlive_it(tmp_path: Path) -> None:
    acknowledged: list[int] = []
    with running_clickhouse(tmp_path) as server:
        ask = Asker(server.port)
        ask("CREATE TABLE k (n UInt64) ENGINE = MergeTree ORDER BY n")

        def insert(writer: int) -> None:
            for number in range(writer * 10_000, writer * 10_000 + 2_000):
                body = f"{number}\n" * 100
                try:
                    if ask(body, query="INSERT INTO k FORMAT TSV").status != 200:
                        return
                except OSError:
                    return
                acknowledged.append(number)

        writers = [threading.Thread(target=insert, args=(writer,)) for writer in range(3)]
        for writer in writers:
            writer.start()
        until(lambda: len(acknowledged) > 60, "inserts are acknowledged")
        server.process.kill()
        for writer in writers:
            writer.join()
    with running_clickhouse(tmp_path) as again:
        lines = Asker(again.port)("SELECT n, count() FROM k GROUP BY n").body.decode().splitlines()
        kept = {int(line.split()[0]): int(line.split()[1]) for line in lines}
        assert [number for number in acknowledged if kept.get(number) != 100] == []


def test_sigterm_ends_it_within_ten_seconds_whatever_runs(tmp_path: Path) -> None:
    with running_clickhouse(tmp_path) as server:
        ask = Asker(server.port)

        def forever() -> None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                ask(LONG)

        query = threading.Thread(target=forever, daemon=True)
        query.start()
        until(lambda: ask(RUNNING).body == b"1\n", "it runs")
        server.process.terminate()
        assert server.process.wait(10) == 0


def start(data: Path, port: int, *more: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "deploy.local.clickhouse",
        "--data",
        str(data),
        "--port",
        str(port),
        *more,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_what_cannot_start_says_so_in_one_line(tmp_path: Path) -> None:
    with running_clickhouse(tmp_path) as server:
        taken = start(tmp_path / "other", server.port)
        assert taken.returncode == 3
        assert f"port {server.port} is taken" in taken.stderr
        held = start(tmp_path / "data", 1)
        assert held.returncode == 3
        assert "is in use by another ClickHouse" in held.stderr
    (tmp_path / "file").write_text("")
    assert start(tmp_path / "file", 1).returncode == 3
    assert start(tmp_path / "x", 1, "--host", "0.0.0.0").returncode == 2
