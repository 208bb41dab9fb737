"""Each way in, to the row of its tier: a line of every log format, exports, the emitter and the collector."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from streams.inputs.emitter import Emitter
from tests.support.collector import KEYS, Collector, search
from tests.support.worker import Stack, until

T = TypeVar("T")
AT = 1_605_355_200
"""2020-11-14 12:00 UTC."""


def zeek(path: str, fields: str, *values: str) -> str:
    """A Zeek log of one line; all fields are texts but for the first, and those begin every log."""
    names = f"ts uid id.orig_h id.orig_p id.resp_h id.resp_p {fields}".split()
    line = [f"{AT}.5", "C1", "10.1.2.3", "50000", "203.0.113.9", "443", *values]
    return (
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n"
        f"#path\t{path}\n#fields\t{chr(9).join(names)}\n#types\t{chr(9).join(['string'] * len(names))}\n"
        f"{chr(9).join(line)}\n"
    )


ZEEK = zeek("ssl", "server_name established", "app.clearview.ai", "T")
HTTP = zeek(
    "http",
    "trans_depth method host uri user_agent status_code username",
    *("1", "POST", "app.clearview.ai", "/search", "Mozilla/5.0", "200", "-"),
)
DNS = zeek(
    "dns",
    "proto query qtype qtype_name rcode rcode_name answers",
    *("udp", "app.clearview.ai", "1", "A", "0", "NOERROR", "203.0.113.9"),
)
SQUID = (
    f"{AT}.250    120 10.1.2.4 TCP_TUNNEL/200 5120 CONNECT app.clearview.ai:443 p12345 "
    "HIER_DIRECT/203.0.113.9 -\n"
)
UMBRELLA = (
    '"2020-11-14 12:00:00","desk 7","desk 7","10.1.2.5","203.0.113.1","Allowed","1 (A)","NOERROR",'
    '"app.clearview.ai.","Business","AD Users","AD Users",""\n'
)
FLOCK = (
    "ID,Name,Org Name,Total Networks Searched,Time Frame,License Plate,Reason,Case #,Filters,Search Time,"
    "Search Type,Text Prompt,Moderation\n"
    'a1,P. 12345,LAPD,3,1 day,***,robbery,20-1,,"11/14/2020, 12:00:00 PM UTC",lookup,,\n'
)
LACRIS = (
    "Search ID,Search Date,User ID,Agency,Unit,Requesting Agency,Requester,Request Form,Case Number,"
    "Crime Type,Purpose,Approved By,Training Certificate,Candidates,Workstation\n"
    "77,11/14/2020 04:00:00,P12345,LAPD,RHD,,,,20-1,robbery,investigation,S12,T-1,12,ws17\n"
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


def test_a_request_to_the_collector_becomes_one_row_and_one_for_another_agency_none(
    running: Stack, tmp_path: Path
) -> None:
    collector = Collector(running)
    process = collector.start()
    event, foreign = search(), search(agency_id="lasd")
    assert [collector.post(event)[0] for _ in range(2)] == [202, 202]
    assert collector.post(foreign)[0] == 403
    ids = f"('{event['event_id']}', '{foreign['event_id']}')"
    sql = f"SELECT toString(event_id), evidence, provider_id FROM frwatch.searches WHERE event_id IN {ids}"
    until(lambda: running.query(sql), "it is a row")
    assert running.query(sql) == [(event["event_id"], "SEARCH", "lacris")]
    process.terminate()
    assert process.wait(15) == 0


IMPORTS = {
    "zeek ssl": (("zeek",), ZEEK, ("ACCESS", "commercial")),
    "zeek http": (("zeek",), HTTP, ("ACCESS", "commercial")),
    "zeek dns": (("zeek",), DNS, ("LOOKUP", "commercial")),
    "squid": (("squid",), SQUID, ("ACCESS", "commercial")),
    "umbrella": (("umbrella",), UMBRELLA, ("LOOKUP", "commercial")),
    "csv flock-audit": (("csv", "--mapping", "flock-audit"), FLOCK, ("SEARCH", "not_fr")),
    "csv lacris": (("csv", "--mapping", "lacris"), LACRIS, ("SEARCH", "government")),
}
WITHIN = 30.0
"""Seconds; some tenths, and for a command those of its start, where nothing else runs."""


@pytest.mark.timeout(300)
def test_on_an_empty_machine_every_input_becomes_a_row_of_its_tier(stack: Stack, tmp_path: Path) -> None:
    stack.start_worker()
    collector = Collector(stack)
    collector.start()
    emitter = Emitter(settings=stack.settings(), source="emitting", agency_id="lapd", provider="LACRIS")
    took: dict[str, float] = {}

    def becomes_a_row(how: str, source: str, tier: tuple[str, str], send: Callable[[], T]) -> T:
        sql = (
            "SELECT evidence, provider_class, agency_id FROM frwatch.searches"
            f" WHERE kafka_topic = {{topic}} AND source = '{source}'"
        )
        began = time.monotonic()
        sent = send()
        found = until(lambda: stack.query(sql), f"{how} is a row", WITHIN)
        took[how] = time.monotonic() - began
        assert found == [(*tier, "lapd")]
        return sent

    fine = ("SEARCH", "government")
    becomes_a_row("emitter", "emitting", fine, lambda: emitter.emit(officer_id="P1"))
    becomes_a_row("collector, by curl", "lacris-web", fine, lambda: by_curl(collector))
    for how, (arguments, text, tier) in IMPORTS.items():
        log = tmp_path / f"{how}.log"
        log.write_text(text)
        name = how.replace(" ", "-")
        command = ["import", *arguments, str(log), "--source", name, "--agency", "lapd"]
        start = partial(stack.spawn, "import.log", command)
        # It counts from the start of the command, not from its end.
        process = becomes_a_row(f"import {how}", f"{arguments[0]}/{name}", tier, start)
        assert process.wait(30) == 0
    assert emitter.close(5)
    print("\n" + "\n".join(f"{how:<26}{seconds:6.2f} s" for how, seconds in took.items()))


def by_curl(collector: Collector) -> None:
    """Send a search as a shell does it."""
    curl = shutil.which("curl")
    if curl is None:
        assert collector.post(search())[0] == 202
        return
    key = f"Authorization: Bearer {KEYS['lacris-web']}"
    command = [curl, "-sS", "--json", json.dumps(search()), "-H", key, f"{collector.url}/v1/searches"]
    assert json.loads(subprocess.check_output(command))["accepted"] == 1
