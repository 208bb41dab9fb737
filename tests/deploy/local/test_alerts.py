"""The alerter of a local stack: there where somebody is to be told, and not otherwise."""

from __future__ import annotations

import base64
import os
import signal
from pathlib import Path

import pytest

from tests.deploy.local.conftest import Command, is_running
from tests.support.worker import until

ROUTES = """
destinations:
  hook: {kind: webhook, url: https://hooks.example/x, secret_env: HOOK_SECRET}
routes: [{name: all, to: hook}]
"""


@pytest.mark.timeout(240)
def test_the_alerter_runs_where_routes_are_configured(stack: Command, tmp_path: Path) -> None:
    assert stack("status", "--json").json()["alerts"] is None
    routes = tmp_path / "routes.yaml"
    routes.write_text(ROUTES)
    given = {"FRWATCH_ALERTS": str(routes), "HOOK_SECRET": base64.b64encode(bytes(32)).decode()}
    answer = stack("up", **given)
    assert answer.status == 0, answer.err
    assert "alerts     on" in answer.out
    first = stack.pids()["alerts"]
    until(lambda: (stack("status", "--json").json()["alerts"] or {})["active"], "it is active")
    found = stack("status", "--json").json()
    assert found["alerts"]["state"] == "ready"
    assert found["alerts"]["destinations"] == {"hook": {"circuit": "closed", "waiting": 0}}
    assert found["ready"]
    table = stack("status", COLUMNS="80")
    assert "to send" in table.out
    assert max(len(line) for line in table.out.splitlines()) <= 80
    os.kill(first, signal.SIGKILL)
    until(lambda: not is_running(first), "it is dead")
    assert stack("status").status == 1
    assert stack("up", **given).status == 0
    second = stack.pids()["alerts"]
    assert second != first
    assert stack("up").status == 0, "a shell that names no routes ends nobody's alerts"
    assert stack.pids()["alerts"] == second
    stack("down")
    assert not is_running(second)
    assert stack("up").status == 0
    assert "alerts" not in stack.pids()


def test_routes_with_faults_stop_a_start_with_their_place(stack: Command, tmp_path: Path) -> None:
    routes = tmp_path / "routes.yaml"
    routes.write_text("routes: [{name: all, to: nobody}]")
    answer = stack("up", FRWATCH_ALERTS=str(routes))
    assert answer.status == 2
    assert f"{routes}:1:26: there is no destination 'nobody'" in answer.err


def test_a_secret_that_is_missing_is_named(stack: Command, tmp_path: Path) -> None:
    routes = tmp_path / "routes.yaml"
    routes.write_text(ROUTES)
    answer = stack("up", FRWATCH_ALERTS=str(routes))
    assert answer.status == 3
    assert "HOOK_SECRET is not set" in answer.err
    assert stack("up").status == 0
