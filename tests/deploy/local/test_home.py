import json
import os
from pathlib import Path

import pytest

from deploy.local.ports import free_ports
from deploy.local.process import Identity, last_words, put_aside
from deploy.local.state import Home, Stack
from schemas.errors import FrwatchError, NotThere, WrongUse
from tests.deploy.local.conftest import Command


@pytest.mark.parametrize("arguments", [("up",), ("up", "--fresh"), ("down",)])
def test_a_folder_of_something_else_is_refused_and_left_alone(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    mode = tmp_path.stat().st_mode
    (tmp_path / "thesis.txt").write_text("ten years")
    answer = Command(tmp_path)(*arguments)
    assert answer.status == 2
    assert "thesis.txt" in answer.err
    assert os.listdir(tmp_path) == ["thesis.txt"]
    assert tmp_path.stat().st_mode == mode


def test_the_root_folder_is_refused() -> None:
    assert Command(Path("/"))("up", "--fresh").status == 2


def test_data_without_the_marker_are_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    with pytest.raises(WrongUse, match="nothing was deleted"):
        Home(tmp_path).empty()
    assert (tmp_path / "kafka").is_dir()


def test_a_stack_starts_beside_a_file_of_something_else_but_does_not_delete_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    (home.path / "thesis.txt").touch()
    home.make()
    answer = Command(home.path)("up", "--fresh")
    assert answer.status == 2
    assert "thesis.txt" in answer.err
    assert (home.path / "thesis.txt").exists()


def test_deleting_does_not_follow_links(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept").touch()
    home = Home(tmp_path / "home")
    home.make()
    (home.path / "kafka").symlink_to(elsewhere)
    home.empty()
    assert os.listdir(home.path) == []
    assert (elsewhere / "kept").exists()


def test_a_home_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    file = tmp_path / "home"
    file.touch()
    answer = Command(file)("up")
    assert answer.status == 2
    assert "is not a folder" in answer.err


def test_a_home_that_cannot_be_made_is_one_clear_line() -> None:
    answer = Command(Path("/proc/nowhere"))("up")
    assert answer.status == 3
    assert "/proc/nowhere" in answer.err
    assert "FRWATCH_HOME" in answer.err


def test_a_full_disk_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.state.ROOM", 1 << 60)
    with pytest.raises(NotThere, match="MiB left"):
        Home(tmp_path / "home").make()


def test_where_nothing_was_started_status_says_so_and_down_is_done(tmp_path: Path) -> None:
    command = Command(tmp_path / "home")
    answer = command("status", "--json")
    assert answer.status == 1
    assert answer.json()["kafka"] is None
    assert answer.json()["ready"] is False
    assert "never started" in command("status").out
    assert command("down").status == 0
    assert not command.home.exists()


def test_a_damaged_state_names_the_file_and_the_remedy(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    (home.path / "stack.json").write_text('{"kafka":')
    answer = Command(home.path)("up")
    assert answer.status == 1
    assert "stack.json is damaged: delete it" in answer.err.replace("\n", " ")


def test_a_lost_key_is_not_replaced_while_there_are_data(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    home.ensure_key()
    (home.path / "clickhouse").mkdir()
    home.ensure_key()
    (home.path / "pseudonym.key").unlink()
    with pytest.raises(FrwatchError, match="restore it"):
        home.ensure_key()


def test_state_survives_writing_and_reading(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    stack = Stack(kafka="127.0.0.1:1", pids={"kafka": Identity(pid=1, created=2.5)})
    home.save(stack)
    assert home.load() == stack
    assert json.loads((home.path / "stack.json").read_text())["schema_registry"] is None


@pytest.mark.parametrize("port", ["0", "65536", "x"])
def test_a_port_that_is_none_is_wrong_use(tmp_path: Path, port: str) -> None:
    assert Command(tmp_path / "home")("up", "--kafka-port", port).status == 2


def test_one_port_for_two_parts_is_wrong_use(tmp_path: Path) -> None:
    port = str(free_ports(1)[0])
    answer = Command(tmp_path / "home")("up", "--kafka-port", port, "--clickhouse-port", port)
    assert answer.status == 2


def test_the_last_words_are_those_of_an_error(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("starting\nERROR Address already in use\n\tat java.net.Bind\nbye\n")
    assert last_words(log) == "ERROR Address already in use"


def test_a_log_is_put_aside_up_to_its_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.process.LOG_TAIL", 3)
    log = tmp_path / "a.log"
    log.write_text("123456")
    put_aside(log)
    assert log.read_text() == ""
    assert (tmp_path / "a.log.1").read_text() == "456"
