"""`frwatch demo` on a real broker, engine and worker, with less routine around the same story."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.locks import locked
from deploy.local.stack import LocalStack
from deploy.local.state import Home

pytestmark = pytest.mark.timeout(300)
COMMAND = [sys.executable, "-m", "deploy.cli", "demo", "--events", "3000"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The user's home folder; the demo's is beside it, and nothing of either outlives the test."""
    yield tmp_path / "stack"
    LocalStack(Home(tmp_path / "stack-demo"), lambda _: None).down()


def environment(home: Path, **given: str) -> dict[str, str]:
    return {**os.environ, "FRWATCH_HOME": str(home), "NO_COLOR": "1", **given}


def test_the_demo_accounts_for_every_event_and_leaves_nothing_behind(home: Path) -> None:
    # A broker that the user has set must not be played to.
    elsewhere = environment(home, FRWATCH_KAFKA="127.0.0.1:1", FRWATCH_POLICIES="/nowhere")
    done = subprocess.run([*COMMAND, "--json"], env=elsewhere, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["ok"] is True
    assert said["faults"] == []
    assert said["books"][0] == {
        "what": "searches",
        "expected": 3_000,
        "sent_again": 40,
        "stored": 3_000,
        "distinct": 3_000,
    }
    [before] = said["answers"]["before_ban"]
    assert (before["searches"], before["people"], before["break_a_rule"]) == (475, 27, 0)
    same = said["answers"]["same_searches"]
    assert [(row["before"], row["before_forbidden"]) for row in same] == [(38, 0), (40, 0)]
    assert [(row["after"], row["after_forbidden"]) for row in same] == [(38, 38), (40, 40)]
    assert said["answers"]["findings"][0]["first"].startswith("2020-11-13 ")
    assert said["milliseconds_to_violation"]["findings"] > 0
    assert not home.exists()
    assert not Path(f"{home}-demo").exists()


@pytest.mark.slow
def test_a_kept_stack_is_not_touched_by_the_next_demo(home: Path) -> None:
    kept = subprocess.run(
        [*COMMAND, "--keep"], env=environment(home), capture_output=True, text=True, check=False
    )
    assert kept.returncode == 0, kept.stderr
    assert "none lost, none counted twice" in kept.stdout
    assert max(len(line) for line in kept.stdout.split("The stack is still up")[0].splitlines()) <= 100
    curl = next(line for line in kept.stdout.splitlines() if line.strip().startswith("curl"))
    asked = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, check=True)
    assert asked.stdout.split() == ["3000", "3000"]
    again = subprocess.run(COMMAND, env=environment(home), capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "still runs" in again.stderr
    asked = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, check=True)
    assert asked.stdout.split() == ["3000", "3000"]


@pytest.mark.slow
def test_an_interrupted_demo_stops_its_stack(home: Path) -> None:
    demo = subprocess.Popen(COMMAND, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    state = Path(f"{home}-demo") / "stack.json"
    deadline = time.monotonic() + 120
    while not (state.exists() and Home(state.parent).load().pids):
        assert time.monotonic() < deadline
        assert demo.poll() is None
        time.sleep(0.05)
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=120)
    assert demo.returncode == 130
    assert not state.parent.exists()


def test_a_stack_that_is_no_demo_is_never_deleted(home: Path) -> None:
    other = Home(Path(f"{home}-demo"))
    other.make()
    with locked(other.lock, "", lambda _: None):
        other.save(other.load())
    done = subprocess.run(COMMAND, env=environment(home), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no demo's" in done.stderr
    assert (other.path / "stack.json").exists()
