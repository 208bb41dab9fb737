import os
import signal
import socket
import stat
import subprocess
from pathlib import Path

import clickhouse_connect
import psutil
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from deploy.local.process import MARK
from tests.deploy.local.conftest import FRWATCH, Command, is_running, stack_home


def _client(stack: Command) -> clickhouse_connect.driver.Client:
    host, _, port = stack("status", "--json").json()["clickhouse"].removeprefix("http://").partition(":")
    return clickhouse_connect.get_client(host=host, port=int(port))


def _mended(stack: Command, *arguments: str) -> dict[str, int]:
    answer = stack("up", *arguments)
    assert answer.status == 0, answer.err
    assert stack("status").status == 0
    return stack.pids()


def test_what_is_up_is_ready_and_its_addresses_serve(stack: Command) -> None:
    answer = stack("status", "--json")
    found = answer.json()
    assert (answer.status, found["ready"], found["registry"], found["workers"]) == (0, True, None, [])
    assert "fr.searches" in AdminClient({"bootstrap.servers": found["kafka"]}).list_topics(timeout=10).topics
    assert _client(stack).query("SELECT count() FROM frwatch.searches").result_rows == [(0,)]


def test_the_home_is_its_owners_alone_and_the_key_is_never_shown(stack: Command) -> None:
    key = stack.home / "pseudonym.key"
    assert stat.S_IMODE(stack.home.stat().st_mode) == 0o700
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    secret = key.read_text()
    assert len(bytes.fromhex(secret)) == 32
    shown = [stack("up"), stack("status"), stack("status", "--json"), stack("up", "--json")]
    assert not any(secret in answer.out + answer.err for answer in shown)


def test_a_second_up_says_so_and_changes_nothing(stack: Command) -> None:
    before = stack.pids()
    answer = stack("up")
    assert answer.status == 0
    assert "runs already" in answer.out
    assert stack.pids() == before


def test_status_fits_80_columns_and_has_no_colour_when_asked(stack: Command) -> None:
    answer = stack("status", COLUMNS="80")
    assert max(len(line) for line in answer.out.splitlines()) <= 80
    forced = {"COLUMNS": "80", "FORCE_COLOR": "1"}
    assert "\x1b[32m" in stack("status", **forced).out
    assert "\x1b[32m" not in stack("status", **forced, NO_COLOR="1").out


def test_all_listen_on_loopback_alone(stack: Command) -> None:
    for pid in stack.pids().values():
        listening = [
            each for each in psutil.Process(pid).net_connections() if each.status == psutil.CONN_LISTEN
        ]
        assert listening
        assert all(each.laddr[0] in ("127.0.0.1", "::ffff:127.0.0.1") for each in listening)


@pytest.mark.slow
def test_a_running_part_does_not_move(stack: Command) -> None:
    answer = stack("up", "--kafka-port", "1")
    assert answer.status == 2
    assert "frwatch down" in answer.err


def test_a_killed_part_is_seen_and_mended(stack: Command) -> None:
    before = stack.pids()
    os.kill(before["kafka"], signal.SIGKILL)
    psutil.wait_procs([psutil.Process(before["kafka"])], timeout=10) if is_running(before["kafka"]) else None
    answer = stack("status", "--json")
    assert (answer.status, answer.json()["ready"]) == (1, False)
    after = _mended(stack)
    assert after["clickhouse"] == before["clickhouse"]
    assert after["kafka"] != before["kafka"]


@pytest.mark.slow
def test_a_start_that_was_never_noted_is_found(stack: Command) -> None:
    before = stack.pids()
    file = stack.home / "stack.json"
    whole = file.read_text()
    file.write_text(whole.replace(f'"pid": {before["kafka"]}', f'"pid": {os.getpid()}'))
    assert _mended(stack) == before


@pytest.mark.slow
def test_a_recycled_pid_is_not_touched(stack: Command) -> None:
    _mended(stack)
    assert stack("down").status == 0
    file = stack.home / "stack.json"
    stranger = f'"pids": {{"kafka": {{"pid": {os.getpid()}, "created": 1.0}}}}'
    file.write_text(file.read_text().replace('"pids": {}', stranger))
    assert stack("status").status == 1
    assert stack("down").status == 0
    assert stack.pids() == {}
    _mended(stack)


@pytest.mark.slow
def test_data_and_addresses_outlive_a_restart_and_nothing_runs_between(stack: Command) -> None:
    kafka = stack("status", "--json").json()["kafka"]
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce("fr.searches", b"kept", partition=0)
    assert producer.flush(10) == 0
    _client(stack).command("CREATE TABLE IF NOT EXISTS kept (a UInt8) ENGINE = MergeTree ORDER BY a")
    _client(stack).command("INSERT INTO kept SELECT 7")
    pids = stack.pids()
    answer = stack("down")
    assert answer.out.splitlines() == ["stopped clickhouse", "stopped kafka"]
    assert not any(is_running(pid) for pid in pids.values())
    assert stack("down").out.startswith("No stack")
    assert stack("status", "--json").json()["ready"] is False
    _mended(stack)
    assert stack("status", "--json").json()["kafka"] == kafka
    assert _client(stack).query("SELECT a FROM kept").result_rows == [(7,)]
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "test"})
    low, high = consumer.get_watermark_offsets(TopicPartition("fr.searches", 0), timeout=10)
    consumer.close()
    assert (low, high) == (0, 1)


@pytest.mark.slow
def test_a_kept_port_that_another_took_is_one_clear_line(stack: Command) -> None:
    port = int(stack("status", "--json").json()["kafka"].rpartition(":")[2])
    stack("down")
    with socket.socket() as taker:
        taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taker.bind(("127.0.0.1", port))
        taker.listen()
        answer = stack("up")
    assert answer.status == 3
    assert f"port {port} for kafka" in answer.err.splitlines()[-1]
    assert f"pid {os.getpid()}" in answer.err
    _mended(stack)


@pytest.mark.slow
def test_two_homes_run_side_by_side_and_fresh_deletes_one(stack: Command, tmp_path: Path) -> None:
    with stack_home(tmp_path / "other home, with a comma") as other:
        assert other("up", "--workers", "0").status == 0
        first, second = (each("status", "--json").json() for each in (stack, other))
        assert first["ready"]
        assert second["ready"]
        assert first["kafka"] != second["kafka"]
        assert first["clickhouse"] != second["clickhouse"]
        _client(other).command("CREATE TABLE gone (a UInt8) ENGINE = MergeTree ORDER BY a")
        key = (other.home / "pseudonym.key").read_text()
        assert other("up", "--fresh", "--workers", "0").status == 0
        assert _client(other).query("EXISTS TABLE gone").result_rows == [(0,)]
        assert (other.home / "pseudonym.key").read_text() != key
        assert stack("status").status == 0


@pytest.mark.slow
def test_up_killed_half_way_is_taken_up_by_the_next(tmp_path: Path) -> None:
    with stack_home(tmp_path / "home") as command:
        environment = {**os.environ, "FRWATCH_HOME": str(command.home)}
        starter = subprocess.Popen(
            [*FRWATCH, "up", "--workers", "0"],
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert starter.stderr is not None
        next(line for line in starter.stderr if "waiting for kafka" in line)
        starter.kill()
        starter.communicate()
        begun = command.pids()
        assert _mended(command) == begun
        assert _parts_of(command.home) == set(begun.values())
    assert _parts_of(command.home) == set()


def _parts_of(home: Path) -> set[int]:
    found = set()
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK, "").startswith(f"{home}:"):
                found.add(process.pid)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
def test_a_part_that_dies_at_its_start_is_quoted(tmp_path: Path) -> None:
    with stack_home(tmp_path / "home") as command:
        assert command("up", "--workers", "0").status == 0
        command("down")
        (command.home / "kafka" / "data" / "meta.properties").write_text("cluster.id=another\nversion=1\n")
        answer = command("up")
        assert answer.status == 3
        line = answer.err.splitlines()[-1]
        assert "kafka ended while it started" in line
        assert "kafka.log" in line


@pytest.mark.parametrize("command", ["up", "down", "status"])
def test_help_says_what_a_person_needs(command: str, tmp_path: Path) -> None:
    answer = Command(tmp_path)(command, "--help")
    assert answer.status == 0
    assert "--json" in answer.out


@pytest.mark.slow
def test_workers_come_and_go_as_asked_and_a_dead_one_is_replaced(stack: Command) -> None:
    two = _mended(stack, "--workers", "2")
    found = stack("status", "--json").json()["workers"]
    assert [each["lag"] for each in found] == [0, 0]
    assert len({each["policies"] for each in found}) == 1
    os.kill(two["worker-1"], signal.SIGKILL)
    one = _mended(stack, "--workers", "1")
    assert set(one) == {"kafka", "clickhouse", "worker-1"}
    assert one["worker-1"] != two["worker-1"]
    assert not is_running(two["worker-2"])
    assert _mended(stack) == one
    assert set(_mended(stack, "--workers", "0")) == {"kafka", "clickhouse"}
