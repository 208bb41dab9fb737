"""Violations to people, on a real broker and engine, to a real receiver."""

from __future__ import annotations

import json
import re
import signal
import time
import urllib.request
import uuid
from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook

from deploy.local.ports import free_ports
from tests.integration.test_whole_way import CLEARVIEW
from tests.streams.conftest import MakeSearch
from tests.support.alerter import NOON, SECRET, Alerters, violation
from tests.support.receiver import Receiver, receiving
from tests.support.worker import Stack, until


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def alerters(stack: Stack, receiver: Receiver) -> Alerters:
    return Alerters(stack, f"{receiver.url}/hunter2")


def test_a_search_that_is_forbidden_reaches_the_receiver_signed(
    alerters: Alerters, stack: Stack, receiver: Receiver, make_search: MakeSearch
) -> None:
    alerters.start()
    stack.start_worker()
    stack.produce("searches", [make_search(**CLEARVIEW, training_cert="T-1")])
    until(lambda: len(receiver.taken) == 1, "the alert has come")
    (came,) = receiver.taken
    event = Webhook(SECRET).verify(came.body, came.headers)
    data = event["data"]
    assert (data["rule_id"], data["certainty"]) == ("commercial-service", "CONFIRMED")
    assert data["policy_title"] == "Photo comparison technology"
    assert "clause 1" in data["text"]
    sql = f"SELECT outcome, kind, http_status, attempt FROM frwatch.alerts WHERE alert_id = '{event['id']}'"
    until(lambda: stack.query(sql) == [("delivered", "first", 200, 1)], "the attempt is a row")
    latency = "SELECT alerts, from_detection, from_arrival FROM frwatch.alert_latency WHERE route = 'all'"
    until(lambda: stack.query(latency)[0][2][0] > 0, "the arrival of the event is known")
    state = alerters.state()
    assert state
    assert b"hunter2" not in state
    assert "hunter2" not in alerters.log() + json.dumps(list(alerters.signs().values()))
    assert stack.scalar("SELECT countIf(toString(tuple(*)) LIKE '%hunter2%') FROM frwatch.alerts") == 0


def test_a_resend_and_a_restart_alert_nobody_again_and_the_summary_counts(
    alerters: Alerters, receiver: Receiver
) -> None:
    same = [violation(1) for _ in range(5)]
    first = alerters.start()
    alerters.send(same[:3], partition=0)
    until(lambda: len(receiver.taken) == 1, "the first has come")
    first.send_signal(signal.SIGTERM)
    assert first.wait(20) == 0, alerters.log()
    alerters.start()
    alerters.send([*same, *same], partition=0)
    # A day later by the searches' own time: the window of the first has passed.
    alerters.send([violation(2, occurred_at=NOON + 86_400_000_000)], partition=0)
    until(lambda: len(receiver.taken) == 3, "the summary and the second have come")
    kinds = sorted(
        (json.loads(each.body)["type"], json.loads(each.body)["data"]["suppressed"])
        for each in receiver.taken
    )
    assert kinds == [("frwatch.alert.first", 0), ("frwatch.alert.first", 0), ("frwatch.alert.summary", 4)]
    assert len(receiver.requests) == 3


def test_what_is_no_violation_is_a_dead_letter_and_stops_nothing(
    alerters: Alerters, stack: Stack, receiver: Receiver
) -> None:
    alerters.start()
    alerters.send(
        [b"damaged", None, b"\xc3\x01" + bytes(8), violation(1), b"\x00\x00\x00\x00\x01x"], partition=1
    )
    until(lambda: len(receiver.taken) == 1, "the sound one has come")
    assert len(alerters.dead(4)) == 4
    topic = f"{stack.prefix}violations"
    dead = f"SELECT reason FROM frwatch.dead_letters WHERE kafka_topic = '{topic}' ORDER BY kafka_offset"
    reasons = [("unknown_framing",), ("empty",), ("unknown_schema",), ("unknown_schema",)]
    until(lambda: stack.query(dead) == reasons, "they are rows too")


def test_a_slow_destination_holds_up_no_other(stack: Stack) -> None:
    hook = "kind: webhook, secret_env: HOOK_SECRET, allow_private: true"
    text = f"""
destinations:
  slow: {{{hook}, url_env: SLOW_URL, timeout: 60s, at_once: 1}}
  hook: {{{hook}, url_env: HOOK_URL}}
routes: [{{name: all, to: [slow, hook]}}]
"""
    with receiving(lambda _: (200, {}, 30.0)) as slow, receiving() as quick:
        alerters = Alerters(stack, quick.url, text)
        alerters.start(SLOW_URL=slow.url)
        alerters.send([violation(number) for number in range(20)])
        until(lambda: len(quick.keys) == 20, "the quick one has had all")
        assert (len(slow.requests), slow.taken) == (1, [])


def test_what_is_given_up_is_a_dead_letter_and_can_be_sent_again(
    alerters: Alerters, stack: Stack, receiver: Receiver
) -> None:
    receiver.behave = lambda _: (500, {}, 0.0)
    alerters.routes.write_text(
        alerters.routes.read_text().replace("timeout: 2s", "timeout: 2s, give_up_after: 1s")
    )
    alerters.start()
    alerters.send([violation(1)])
    (found,) = until(lambda: json.loads(alerters.command("list", "--failed", "--json")), "it is given up")
    reasons = [dict(message.headers() or [])["reason"] for message in alerters.dead(1)]
    assert reasons == [b"alert_undeliverable"]
    receiver.behave = lambda _: (200, {}, 0.0)
    alerters.command("retry", str(found["alert_id"]))
    until(lambda: receiver.keys == {found["alert_id"]}, "it has come")
    assert {each.headers["webhook-id"] for each in receiver.requests} == {found["alert_id"]}
    until(lambda: json.loads(alerters.command("list", "--failed", "--json")) == [], "the list says so")


def test_an_acknowledgement_stops_the_escalation(
    alerters: Alerters, stack: Stack, receiver: Receiver
) -> None:
    text = alerters.routes.read_text().replace("to: hook", "to: hook, escalate: {after: 15s, to: hook}")
    alerters.routes.write_text(text)
    alerters.start()
    alerters.send([violation(1), violation(2)])
    until(lambda: len(receiver.taken) == 2, "both have come")
    taken, left = (each.headers["webhook-id"] for each in receiver.taken)
    known = f"SELECT count() FROM frwatch.alerts WHERE alert_id = '{taken}'"
    until(lambda: stack.scalar(known), "it is listed")
    alerters.command("ack", taken, "--by", "Lt. Ruiz", "--note", "on it")
    until(lambda: len(receiver.taken) == 3, "the other is escalated")
    event = json.loads(receiver.taken[2].body)
    assert (event["type"], event["data"]["follows"]) == ("frwatch.alert.escalation", left)
    by = f"SELECT acknowledged_by, note FROM frwatch.alerts WHERE alert_id = '{taken}'"
    until(lambda: stack.query(by) == [("Lt. Ruiz", "on it")], "it is written who has it")
    assert "Lt. Ruiz: on it" in alerters.command("list", "--since", "2020-01-01")
    opened = json.loads(alerters.command("list", "--open", "--json"))
    assert {each["alert_id"] for each in opened} >= {left}
    assert taken not in {each["alert_id"] for each in opened}
    assert "there is no alert" in alerters.command("ack", str(uuid.uuid4()), "--by", "x", status=1)


def test_one_is_active_and_another_takes_over(alerters: Alerters, receiver: Receiver) -> None:
    first = alerters.start()
    second = alerters.start()
    assert [alerters.signs()[each.pid]["active"] for each in (first, second)] == [True, False]
    alerters.send([violation(number) for number in range(40)])
    until(lambda: len(receiver.keys) == 40, "all have come")
    first.send_signal(signal.SIGTERM)
    assert first.wait(20) == 0
    until(lambda: alerters.signs()[second.pid]["active"], "the other is active")
    alerters.send([violation(99)])
    until(lambda: len(receiver.keys) == 41, "it goes on")
    assert len(receiver.requests) == 41


def test_a_test_says_what_came_of_it(alerters: Alerters, receiver: Receiver) -> None:
    assert "delivered to hook" in alerters.command("test", "hook")
    (came,) = receiver.taken
    assert json.loads(came.body)["type"] == "frwatch.alert.test"
    assert "CONFIRMED" not in json.loads(came.body)["data"]["text"]
    receiver.behave = lambda _: (503, {}, 0.0)
    said = json.loads(alerters.command("test", "hook", "--json", status=1))
    assert (said["delivered"], said["http_status"]) == (False, 503)
    assert "there is no destination 'nobody'; there are hook" in alerters.command("test", "nobody", status=2)
    text = alerters.routes.read_text()
    alerters.routes.write_text(text.replace("allow_private: true, ", ""))
    assert "its URL must be https" in alerters.command("test", "hook", status=2)
    alerters.variables["HOOK_URL"] = receiver.url.replace("http", "https")
    assert "its address is not public" in alerters.command("test", "hook", status=1)
    del alerters.variables["HOOK_SECRET"]
    assert "HOOK_SECRET is not set" in alerters.command("test", "hook", status=2)


def test_a_canary_comes_through_and_is_in_no_table(
    alerters: Alerters, stack: Stack, receiver: Receiver
) -> None:
    port = free_ports(1)[0]
    text = alerters.routes.read_text() + "canaries: {every: 1h, sources: [zeek/egress-2]}\n"
    alerters.routes.write_text(text)
    alerter = alerters.start(FRWATCH_ALERTS_METRICS=str(port))
    stack.start_worker()

    def canaries() -> dict[str, str]:
        sign = alerters.sign(alerter)
        return sign["canaries"] if sign else {}

    until(lambda: set(canaries()) == {"zeek/egress-2"}, "the scheduled one has come through")
    alerters.command("canary", "lacris-web")
    until(lambda: set(canaries()) == {"zeek/egress-2", "lacris-web"}, "the other has come through")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        metrics = answer.read().decode()
    at = re.search(r'frwatch_alert_last_canary_timestamp_seconds{source="lacris-web"} (\S+)', metrics)
    assert at is not None
    assert abs(float(at[1]) - time.time()) < 60
    assert "frwatch_alert_active 1.0" in metrics
    alerters.send([violation(1)])
    until(lambda: len(receiver.taken) == 1, "a real one has come")
    assert len(receiver.requests) == 1, "canaries alert nobody"
    until(lambda: sum(sign["canaries"] for sign in stack.signs()) == 2, "workers count them")
    for table in ("searches", "violations", "search_arrivals"):
        assert stack.scalar(f"SELECT count() FROM frwatch.{table} WHERE agency_id = 'frwatch-canary'") == 0
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        metrics = answer.read().decode()
    assert 'frwatch_alert_attempts_total{destination="hook",outcome="delivered"} 1.0' in metrics
    assert 'frwatch_alert_delivery_seconds_count{destination="hook"} 1.0' in metrics
    assert 'frwatch_alert_circuit{destination="hook"} 0.0' in metrics


@pytest.mark.slow
def test_an_engine_that_is_away_holds_up_no_alert_and_loses_no_row(
    alerters: Alerters, stack: Stack, receiver: Receiver
) -> None:
    alerter = alerters.start(FRWATCH_CLICKHOUSE="http://127.0.0.1:1")
    alerters.send([violation(1)])
    until(lambda: len(receiver.taken) == 1, "the alert has come")

    def waits() -> bool:
        sign = alerters.sign(alerter) or {}
        return (sign.get("rows"), sign.get("unwritten")) == (1, 0)

    until(waits, "its row waits, written down")
    alerter.kill()
    alerter.wait()
    alerters.start()
    sql = f"SELECT outcome FROM frwatch.alerts WHERE alert_id = '{receiver.taken[0].headers['webhook-id']}'"
    until(lambda: stack.query(sql) == [("delivered",)], "the row has come")
    assert len(receiver.requests) == 1


def test_apprise_is_a_destination_like_any_other(stack: Stack, receiver: Receiver) -> None:
    text = """
destinations: {chat: {kind: apprise, url_env: CHAT_URL, allow_private: true}}
routes: [{name: all, to: chat}]
"""
    alerters = Alerters(stack, receiver.url, text)
    token = "hunter2hunter2hunter2hunt"
    alerters.start(CHAT_URL=f"mmost://{receiver.url.removeprefix('http://')}/{token}")
    alerters.send([violation(1)])
    until(lambda: len(receiver.taken) == 1, "the message has come")
    assert "broke the rule" in json.loads(receiver.taken[0].body)["text"]
    assert "hunter2" not in alerters.log()
    assert b"hunter2" not in alerters.state()
