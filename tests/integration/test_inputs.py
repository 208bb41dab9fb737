"""Each way in, to the row: a log line of every format, an export, and a request to the collector."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.ports import free_ports
from tests.support.worker import Stack, until

AT = 1_605_355_200
"""2020-11-14 12:00 UTC."""
ZEEK = (
    "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tssl\n"
    "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tserver_name\testablished\n"
    "#types\ttime\tstring\taddr\tport\taddr\tport\tstring\tbool\n"
    f"{AT}.5\tC1\t10.1.2.3\t50000\t203.0.113.9\t443\tapp.clearview.ai\tT\n"
)
SQUID = (
    f"{AT}.250    120 10.1.2.4 TCP_TUNNEL/200 5120 CONNECT app.clearview.ai:443 p12345 "
    "HIER_DIRECT/203.0.113.9 -\n"
)
UMBRELLA = (
    '"2020-11-14 12:00:00","desk 7","desk 7","10.1.2.5","203.0.113.1","Allowed","1 (A)","NOERROR",'
    '"app.clearview.ai.","Business","AD Users","AD Users",""\n'
)


def run(stack: Stack, *arguments: str) -> str:
    """Run `frwatch` and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        env=os.environ | stack.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows(stack: Stack, source: str) -> list[tuple[object, ...]]:
    """The rows that came from a source."""
    return stack.query(
        "SELECT evidence, provider_id, agency_id, toUnixTimestamp(occurred_at) FROM frwatch.searches"
        f" WHERE kafka_topic = {{topic}} AND source = '{source}'"
    )


@pytest.mark.parametrize(
    ("kind", "text", "tier"),
    [("zeek", ZEEK, "ACCESS"), ("squid", SQUID, "ACCESS"), ("umbrella", UMBRELLA, "LOOKUP")],
)
def test_a_line_of_a_log_becomes_one_row_of_its_tier_however_often_it_is_imported(
    running: Stack, tmp_path: Path, kind: str, text: str, tier: str
) -> None:
    log = tmp_path / "some.log"
    log.write_text(text)
    name = f"egress-{uuid.uuid4().hex[:6]}"
    for again in ([], ["--again"]):
        run(running, "import", kind, str(log), "--source", name, "--agency", "lapd", "--json", *again)
    until(lambda: rows(running, f"{kind}/{name}"), "it is a row")
    assert rows(running, f"{kind}/{name}") == [(tier, "clearview-ai", "lapd", AT)]


@pytest.fixture
def collector(running: Stack, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A collector with one client, who may speak for the LAPD: its URL and key."""
    key = json.loads(run(running, "collect", "key", "lacris-web", "--json"))
    clients = tmp_path / "clients.yaml"
    clients.write_text(
        f"clients:\n  - id: lacris-web\n    keys: [{key['sha256']}]\n"
        "    agencies: [lapd]\n    sources: [lacris-web]\n"
    )
    port = free_ports(1)[0]
    process = running.spawn(
        "collect.log",
        ["collect"],
        FRWATCH_COLLECT_CLIENTS=str(clients),
        FRWATCH_COLLECT_LISTEN=f"127.0.0.1:{port}",
    )
    yield f"http://127.0.0.1:{port}", key["key"]
    process.terminate()
    assert process.wait(15) == 0


def post(url: str, key: str, body: object) -> tuple[int, dict[str, object]]:
    """Post JSON; the status and the answer."""
    request = urllib.request.Request(
        f"{url}/v1/searches",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


def is_up(url: str) -> bool:
    """Whether the collector answers."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=2):
            return True
    except OSError:
        return False


def test_a_request_to_the_collector_becomes_one_row_and_one_for_another_agency_none(
    running: Stack, collector: tuple[str, str]
) -> None:
    url, key = collector
    until(lambda: is_up(url), "the collector listens")
    search = {
        "event_id": str(uuid.uuid4()),
        "occurred_at": "2020-11-14T12:00:00Z",
        "source": "lacris-web",
        "agency_id": "lapd",
        "officer_id": "P1",
        "provider": "LACRIS",
    }
    foreign = search | {"event_id": str(uuid.uuid4()), "agency_id": "lasd"}
    assert post(url, key, search)[0] == 202
    assert post(url, key, search)[0] == 202
    assert post(url, key, foreign)[0] in (403, 422)
    assert post(url, key[:-1] + ("a" if key[-1] != "a" else "b"), search)[0] == 401
    ids = f"('{search['event_id']}', '{foreign['event_id']}')"
    sql = f"SELECT toString(event_id), evidence, provider_id FROM frwatch.searches WHERE event_id IN {ids}"
    until(lambda: running.query(sql), "it is a row")
    assert running.query(sql) == [(search["event_id"], "SEARCH", "lacris")]
