"""The collector of a local stack: there where clients are configured, and not otherwise."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from deploy.local.ports import free_ports
from tests.deploy.local.conftest import Command, is_running
from tests.support.collector import CLIENTS, post, search
from tests.support.worker import until


def configured(folder: Path, text: str = CLIENTS, port: int = 0) -> dict[str, str]:
    """A file of clients, and the variables that name it and where to listen."""
    clients = folder / "clients.yaml"
    clients.write_text(text)
    listen = f"127.0.0.1:{port or free_ports(1)[0]}"
    return {"FRWATCH_COLLECT_CLIENTS": str(clients), "FRWATCH_COLLECT_LISTEN": listen}


@pytest.mark.timeout(240)
def test_the_collector_runs_where_clients_are_configured(stack: Command, tmp_path: Path) -> None:
    assert stack("status", "--json").json()["collector"] is None
    given = configured(tmp_path)
    url = f"http://{given['FRWATCH_COLLECT_LISTEN']}"
    answer = stack("up", **given)
    assert answer.status == 0, answer.err
    assert f"collector  {url}\n" in answer.out
    first = stack.pids()["collector"]
    assert post(url, search())[0] == 202
    assert post(url, search(agency_id="lasd"))[0] == 403

    def told() -> bool:
        found = stack("status", "--json").json()["collector"]
        return bool(found["accepted"] == found["refused"] == found["foreign"] == 1)

    until(told, "it says what it took and refused")
    found = stack("status", "--json").json()
    assert found["ready"]
    assert (found["collector"]["state"], found["collector"]["address"]) == ("ready", url)
    assert found["collector"]["clients"] == 3
    table = stack("status", COLUMNS="80")
    assert "1 accepted, 1 refused" in " ".join(table.out.split())
    assert max(len(line) for line in table.out.splitlines()) <= 80
    os.kill(first, signal.SIGKILL)
    until(lambda: not is_running(first), "it is dead")
    assert stack("status").status == 1
    assert stack("up", **given).status == 0
    second = stack.pids()["collector"]
    assert second != first
    assert stack("up").status == 0, "a shell that names no clients ends nobody's collector"
    assert stack.pids()["collector"] == second
    assert "stopped collector" in stack("down").out
    assert not is_running(second)
    assert stack("up").status == 0
    assert "collector" not in stack.pids()


def test_clients_with_faults_stop_a_start_with_their_place(stack: Command, tmp_path: Path) -> None:
    answer = stack("up", **configured(tmp_path, CLIENTS.replace("[lapd]", "[nobody]", 1)))
    assert answer.status == 2
    assert "clients.yaml:5:" in answer.err
    assert "'nobody'" in answer.err


def test_a_port_that_is_taken_is_named_with_the_remedy(stack: Command, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = stack("up", **configured(tmp_path, port=taken.getsockname()[1]))
    assert answer.status == 3
    assert "cannot be listened on" in answer.err
    assert "name another address" in answer.err
    assert stack("up").status == 0
