"""A JDBC tool speaks to the local ClickHouse as to a server: the real driver, on a real JVM."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support.clickhouse import RunningClickHouse


def test_the_real_driver_connects_reads_writes_and_sees_errors(server: RunningClickHouse) -> None:
    command = [sys.executable, "-m", "tests.support.jdbc", str(server.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["product"] == "ClickHouse"
    assert seen["batch"] == 100
    assert seen["row"][:2] == [50, 25]
    assert seen["row"][2].startswith("2020-11-13 08:00:00")
    assert seen["columns"] == ["n", "s", "t"]
    assert seen["many"] == 200_000
    assert "Code: 60." in seen["error"]
