"""Alerters are killed, and the receiver fails, hangs and goes away: each is told, under one key."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from deploy.local.ports import free_ports
from schemas.fault_point import ALERT_POINTS, VARIABLE
from tests.support.alerter import NOON, Alerters, violation
from tests.support.receiver import Answer, Receiver, Request, receiving
from tests.support.worker import Stack, until

GROUP = 3
"""Violations of one officer within an hour: one is told, the others are counted."""
ROUTES = """
destinations:
  hook:
    {kind: webhook, url_env: HOOK_URL, secret_env: HOOK_SECRET, allow_private: true, timeout: 1s,
     per_minute: 60000, at_once: 32}
routes: [{name: all, to: hook}]
"""


def id_of(officer: int, turn: int) -> str:
    return f"{turn:08x}-0000-4000-8000-{officer:012x}"


def made(officer: int, turn: int) -> tuple[str, bytes]:
    """An officer's violation, and the key under which workers publish it."""
    value = violation(officer, violation_id=id_of(officer, turn), occurred_at=NOON + turn)
    return f"lapd/{officer:064x}", value


def unreliable(seed: int) -> Callable[[Request], Answer]:
    """Answers that fail 30 % of the time and hang 5 %."""
    chance = random.Random(seed)

    def behave(_: Request) -> Answer:
        drawn = chance.random()
        if drawn < 0.30:
            return 500, {}, 0.0
        return 200, {}, 3.0 if drawn < 0.35 else 0.0

    return behave


def tell(stack: Stack, count: int, *, kill_after: int, down: float, patience: float) -> None:
    """Kill an alerter five times while it tells so many violations, and count what came."""
    port = free_ports(1)[0]
    alerters = Alerters(stack, f"http://127.0.0.1:{port}/x", ROUTES)
    officers = count // GROUP
    sent = [made(officer, turn) for turn in range(GROUP) for officer in range(officers)]
    firsts = {id_of(officer, 0) for officer in range(officers)}
    alerters.send_keyed(sent)
    requests: list[Request] = []
    taken: list[Request] = []

    def up(seed: int) -> AbstractContextManager[Receiver]:
        return receiving(unreliable(seed), port)

    with up(1) as receiver:
        for number, point in enumerate(ALERT_POINTS):
            wait = kill_after if point in ("alert-decided", "alert-attempted") else number + 1
            victim = alerters.spawn(**{VARIABLE: f"{point}:{wait}"})
            assert victim.wait(120) == -signal.SIGKILL, alerters.log()[-2000:]
        victim = alerters.start()
        requests, taken = receiver.requests, receiver.taken
    time.sleep(down)  # The receiver is down: this is the length of it, not a wait for something.
    victim.kill()
    victim.wait()
    with up(2) as receiver:
        alerters.start()

        def told() -> bool:
            came = {json.loads(each.body)["subject"] for each in [*taken, *receiver.taken]}
            return len(came) == len(firsts)

        until(told, "every group's first has come", patience)
        alerters.send_keyed([*sent[: count // 2], made(officers, 0)])
        firsts.add(id_of(officers, 0))
        until(told, "what came after the resends has come", patience)
        requests, taken = requests + receiver.requests, taken + receiver.taken
    keys: dict[str, set[str]] = {}
    for each in requests:
        event = json.loads(each.body)
        assert event["type"] == "frwatch.alert.first"
        assert event["id"] == each.headers["webhook-id"]
        keys.setdefault(event["subject"], set()).add(event["id"])
    assert keys.keys() == firsts, "no group's first was suppressed, and none of the others told"
    assert all(len(each) == 1 for each in keys.values()), "one key each"
    assert len({key for each in keys.values() for key in each}) == len(firsts)
    assert {each.headers["webhook-id"] for each in taken} == {key for each in keys.values() for key in each}
    rows = (
        "SELECT uniqExact(alert_id), countIf(outcome = 'given_up') FROM frwatch.alerts_delivered"
        f" WHERE violation_id IN ({', '.join(repr(each) for each in firsts)})"
    )
    until(lambda: stack.query(rows) == [(len(firsts), 0)], "the attempts are rows")


@pytest.mark.timeout(240)
def test_alerters_that_are_killed_tell_each_first_under_one_key(stack: Stack) -> None:
    tell(stack, 300, kill_after=40, down=2.0, patience=90)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_thousand_are_told_through_a_receiver_that_is_down_for_a_minute(stack: Stack) -> None:
    tell(stack, 10_000, kill_after=1_000, down=60.0, patience=600)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_an_alerter_that_was_frozen_past_its_session_stands_by_and_tells_nobody_else(stack: Stack) -> None:
    with receiving() as receiver:
        alerters = Alerters(stack, receiver.url)
        frozen, other = alerters.start(), alerters.start()
        alerters.send_keyed([made(officer, 0) for officer in range(50)])
        until(lambda: len(receiver.keys) == 50, "the first have come")
        frozen.send_signal(signal.SIGSTOP)
        until(lambda: alerters.signs()[other.pid]["active"], "the other is active")
        alerters.send_keyed([made(officer, 0) for officer in range(40, 100)])
        until(lambda: len(receiver.keys) == 100, "it goes on")
        frozen.send_signal(signal.SIGCONT)
        until(lambda: not alerters.signs()[frozen.pid]["active"], "the one that was frozen stands by")
        alerters.send_keyed([made(officer, 0) for officer in range(90, 120)])
        until(lambda: len(receiver.keys) == 120, "the other is still active")
        assert len({each.headers["webhook-id"] for each in receiver.requests}) == 120
        assert frozen.poll() is None
        other.kill()
        until(lambda: alerters.signs()[frozen.pid]["active"], "it takes over again")
