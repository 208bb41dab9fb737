"""A canary goes the whole way from each input, so that one which is dead is noticed; it is in no table."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from deploy.local.ports import free_ports
from schemas.canary import CanaryKey
from schemas.errors import WrongUse
from tests.integration.test_inputs import ZEEK
from tests.support.alerter import Alerters
from tests.support.collector import Collector
from tests.support.worker import KEY, Stack, until

ROUTES = "canaries: {every: 1h, sources: [kafka]}\n"


def frwatch(stack: Stack, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        env=os.environ | stack.environment() | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def without_key(stack: Stack, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """As a client runs it, who has not the key of the pseudonyms."""
    environment = os.environ | stack.environment() | variables
    del environment["FRWATCH_PSEUDONYM_KEY"]
    command = [sys.executable, "-m", "deploy.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_canary_of_each_input_comes_through_and_is_in_no_table(stack: Stack, tmp_path: Path) -> None:
    alerters = Alerters(stack, "http://127.0.0.1:1", ROUTES)
    metrics = free_ports(1)[0]
    alerter = alerters.start(FRWATCH_ALERTS_METRICS=str(metrics))
    collector = Collector(stack)
    collector.start()
    stack.start_worker()
    log = tmp_path / "ssl.log"
    log.write_text(ZEEK)

    made = frwatch(stack, "alerts", "canary-key", "emit/lacris-web", "--json")
    key = json.loads(made.stdout)["key"]
    done = without_key(stack, "emit", "--canary", "--source", "lacris-web", FRWATCH_CANARY_KEY=key)
    assert done.returncode == 0, done.stderr
    refused = without_key(stack, "emit", "--canary", "--source", "other", FRWATCH_CANARY_KEY=key)
    assert (refused.returncode, "is for the canaries of emit/lacris-web" in refused.stderr) == (2, True)
    refused = without_key(stack, "emit", "--canary", "--source", "lacris-web")
    assert (refused.returncode, "FRWATCH_CANARY_KEY is not set" in refused.stderr) == (2, True)
    assert len(refused.stderr.splitlines()) == 1

    status, told, _ = collector.post(b"", "/v1/canary")
    assert (status, told) == (202, {"source": "collect/lacris-web"})
    assert collector.post(b"", "/v1/canary", client=None)[0] == 401

    imported = frwatch(
        stack, "import", "zeek", str(log), "--source", "egress-2", "--agency", "lapd", "--canary"
    )
    assert imported.returncode == 0, imported.stderr

    wanted = {"kafka", "emit/lacris-web", "collect/lacris-web", "import/zeek/egress-2"}

    def came() -> set[str]:
        sign = alerters.sign(alerter)
        return set(sign["canaries"]) if sign else set()

    until(lambda: came() == wanted, "each has come through")
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics") as answer:
        said = answer.read().decode()
    for source in wanted:
        assert re.search(rf'frwatch_alert_last_canary_timestamp_seconds{{source="{source}"}} \S+', said)
    sql = "SELECT count() FROM frwatch.searches WHERE kafka_topic = {topic}"
    until(lambda: stack.scalar(sql) == 1, "the line of the log is a row, and nothing else")
    for table in ("searches", "violations"):
        assert stack.scalar(f"SELECT count() FROM frwatch.{table} WHERE agency_id = 'frwatch-canary'") == 0


def test_the_key_of_one_source_signs_no_other() -> None:
    every = CanaryKey.of_all(KEY.encode())
    one = CanaryKey.parse(every.of("emit/a").written())
    assert one == every.of("emit/a")
    assert KEY not in one.written()
    with pytest.raises(WrongUse, match="is for the canaries of emit/a"):
        one.of("emit/b")
    for text in ("", "x", "emit/a:", "emit/a:00", ":" + "0" * 64, "x" * 129 + ":" + "0" * 64):
        with pytest.raises(WrongUse, match="is no key of canaries"):
            CanaryKey.parse(text)


def test_a_collector_without_a_key_says_that_it_signs_none(stack: Stack) -> None:
    collector = Collector(stack, FRWATCH_PSEUDONYM_KEY="")
    collector.start()
    status, told, _ = collector.post(b"", "/v1/canary")
    assert (status, "signs no canaries" in told["detail"]) == (404, True)
