"""Logs of every format, through the real broker, worker and engine; and the log of a real Squid."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.cli import main
from tests.support.squid import running_squid, squid_missing
from tests.support.worker import Stack, until

ZEEK_HEAD = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n"
WHO = """
identities:
  - {proxy_user: s4711, agency: lapd, officer: P-4711}
  - {cidr: 10.20.0.0/16, agency: lapd}
  - {cidr: 127.0.0.1/32, agency: lasd}
"""
NOW = int(time.time())


def ssl_log(*rows: tuple[float, str, str, str], path: str = "ssl") -> str:
    """An ssl.log of time, client, host and whether the handshake came about."""
    fields = "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tserver_name\testablished\n"
    lines = [
        f"{at:.6f}\tCx\t{client}\t5000\t198.51.100.7\t443\t{host}\t{well}\n"
        for at, client, host, well in rows
    ]
    return f"{ZEEK_HEAD}#path\t{path}\n{fields}{''.join(lines)}"


@dataclass(frozen=True)
class Frwatch:
    """`frwatch import`, as a user of the stack runs it."""

    capture: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Status, output and errors of an import."""
        with pytest.raises(SystemExit) as ended:
            main(["import", *arguments])
        said = self.capture.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    def imported(self, *arguments: str) -> dict[str, Any]:
        """The counts of an import that went well."""
        status, out, errors = self.run(*arguments, "--json")
        assert status == 0, errors
        told: dict[str, Any] = json.loads(out)
        return told


@pytest.fixture
def frwatch(running: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Frwatch:
    for name, value in running.environment().items():
        monkeypatch.setenv(name, value)
    return Frwatch(capsys)


def rows(stack: Stack, source: str, columns: str) -> list[tuple[Any, ...]]:
    return stack.query(
        f"SELECT {columns} FROM frwatch.searches WHERE kafka_topic = {{topic}} AND source = '{source}'"
        " ORDER BY occurred_at, endpoint_host"
    )


def some_name() -> str:
    return f"n{uuid.uuid4().hex[:8]}"


LOGS = {
    "zeek/ssl": ("zeek", ssl_log((NOW, "10.20.3.4", "app.clearview.ai", "T")), "ACCESS"),
    "zeek/http": (
        "zeek",
        f'{{"ts":{NOW},"id.orig_h":"10.20.3.4","method":"GET","host":"app.clearview.ai","uri":"/search?q=1",'
        '"username":"a","password":"b","status_code":200}\n',
        "ACCESS",
    ),
    "zeek/dns": (
        "zeek",
        f'{{"ts":{NOW},"id.orig_h":"10.20.3.4","query":"app.clearview.ai","rcode":0,"rcode_name":"NOERROR"}}\n',
        "LOOKUP",
    ),
    "squid": (
        "squid",
        f"{NOW}.123    120 10.20.3.4 TCP_TUNNEL/200 39 CONNECT app.clearview.ai:443 - HIER_DIRECT/1.1.1.1 -"
        "\n",
        "ACCESS",
    ),
    "umbrella/dns": (
        "umbrella",
        f'"{time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(NOW))}","ws","ws",'
        '"10.20.3.4","198.51.100.7","Allowed","1 (A)","NOERROR","app.clearview.ai.","Business"\n',
        "LOOKUP",
    ),
}


@pytest.mark.parametrize("log", LOGS)
def test_a_line_of_each_log_that_is_followed_becomes_a_row_of_its_tier(
    running: Stack, log: str, tmp_path: Path
) -> None:
    kind, text, tier = LOGS[log]
    file, name = tmp_path / "log", some_name()
    *head, last = text.splitlines(keepends=True)
    file.write_text("".join(head))
    who = tmp_path / "who.yaml"
    who.write_text(WHO)
    follower = running.spawn(
        f"{name}.log", ["import", kind, str(file), "--follow", "--source", name, "--identities", str(who)]
    )
    with file.open("a") as out:
        out.write(last)
    columns = "evidence, provider_id, agency_id, attributes['log'], broken_rules"
    found = until(lambda: rows(running, f"{kind}/{name}", columns), "the line is a row")
    assert found == [(tier, "clearview-ai", "lapd", log, ["lapd-fr/commercial-service"])]
    follower.terminate()
    assert follower.wait(10) == 0, (running.home / f"{name}.log").read_text()


def test_no_policy_is_broken_by_what_did_not_come_about(
    running: Stack, frwatch: Frwatch, tmp_path: Path
) -> None:
    name = some_name()
    lines = [
        f"{NOW}.0    1 10.20.3.4 TCP_DENIED/407 39 CONNECT app.clearview.ai:443 - HIER_NONE/- text/html",
        f"{NOW}.0    1 10.20.3.4 TCP_DENIED/403 39 CONNECT pimeyes.com:443 - HIER_NONE/- text/html",
        f"{NOW}.0    1 10.20.3.4 TCP_TUNNEL/503 39 CONNECT facecheck.id:443 - HIER_NONE/- -",
        f"{NOW}.0    1 10.20.3.4 TCP_MISS/200 39 GET http://app.clearview.ai/help/code - HIER_NONE/- -",
    ]
    log = tmp_path / "access.log"
    log.write_text("\n".join(line.replace(".0 ", ".000 ") for line in lines) + "\n")
    told = frwatch.imported("squid", str(log), "--source", name, "--agency", "lapd")
    assert told["statuses"] == {"denied": 1, "blocked": 1, "failed": 1, "public_page": 1}
    columns = "evidence, attributes['status'], broken_rules"
    until(lambda: len(rows(running, f"squid/{name}", columns)) == 4, "all are rows")
    found = rows(running, f"squid/{name}", columns)
    assert {each[0] for each in found} == {"LOOKUP"}
    assert {each[1] for each in found} == {"denied", "blocked", "failed", "public_page"}
    assert [each[2] for each in found] == [[]] * 4
    strengths = {each[0] for each in rows(running, f"squid/{name}", "evidence_strength")}
    assert strengths == {"none"}


def test_a_log_counts_once_whether_imported_whole_twice_or_in_parts(
    running: Stack, frwatch: Frwatch, tmp_path: Path
) -> None:
    name, file = some_name(), tmp_path / "ssl.log"
    base = NOW // 1800 * 1800 - 86_400
    log = [(base + 60 * n, f"10.20.3.{n % 3}", "app.clearview.ai", "T") for n in range(60)]
    whole = ssl_log(*log)
    half = whole[: whole.index(f"{base + 60 * 25}.")]
    file.write_text(half)
    first = frwatch.imported("zeek", str(file), "--source", name)
    assert (first["read"], first["matched"], first["events"]) == (31, 25, 3)
    file.write_text(whole)
    second = frwatch.imported("zeek", str(file), "--source", name)
    assert second["resumed"]
    assert (second["matched"], second["late"], second["events"]) == (35, 5, 3)
    assert frwatch.imported("zeek", str(file), "--source", name)["read"] == 0
    again = frwatch.imported("zeek", str(file), "--source", name, "--again")
    assert (again["matched"], again["events"]) == (60, 6)
    end = tmp_path / "end.log"
    end.write_text(ssl_log((NOW, "1.1.1.1", "pimeyes.com", "T")))
    assert frwatch.imported("zeek", str(end), "--source", f"{name}-end")["events"] == 1
    until(lambda: rows(running, f"zeek/{name}-end", "1"), "what came last is a row")
    until(lambda: len(rows(running, f"zeek/{name}", "event_id")) == 6, "each visit is a row, once")


def test_a_log_of_another_kind_is_refused_in_one_line(frwatch: Frwatch, tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_text(ssl_log((NOW, "1.1.1.1", "pimeyes.com", "T"), path="conn"))
    for kind, named in (("zeek", "conn"), ("squid", "Zeek"), ("umbrella", "Zeek")):
        status, _, errors = frwatch.run(kind, str(file))
        assert (status, errors.count("\n")) == (2, 1)
        assert named in errors


def test_searches_that_no_client_reported(running: Stack, make_search: Any) -> None:
    at = (NOW - 40 * 86_400) * 1_000_000
    clearview = {"endpoint": "app.clearview.ai"}
    ids = [str(uuid.uuid4()) for _ in range(5)]
    seen = [(ids[0], "P1", 0), (ids[1], "P2", 0), (ids[2], "P3", 0), (ids[3], None, 0), (ids[4], "P4", 0)]
    values = [
        make_search(
            event_id=i, officer_id=o, occurred_at=at + d, evidence="ACCESS", provider=None, **clearview
        )
        for i, o, d in seen
    ]
    reports: Sequence[tuple[str, int, dict[str, str]]] = [
        ("P1", 3_599_000_000, {"provider": "Clearview AI"}),
        ("P2", 3_601_000_000, {"provider": "Clearview AI"}),
        ("P3", -3_599_000_000, {"provider": "Clearview AI"}),
        ("P4", 0, {"provider": "LACRIS"}),
    ]
    values += [make_search(officer_id=o, occurred_at=at + d, **what) for o, d, what in reports]
    running.produce("searches", values)
    listed = ", ".join(map(repr, ids))
    until(
        lambda: running.scalar(f"SELECT count() FROM frwatch.searches WHERE occurred_at BETWEEN"
                               f" fromUnixTimestamp64Micro({at - 3_600_000_000}) AND"
                               f" fromUnixTimestamp64Micro({at + 3_602_000_000})") >= 9,
        "all are rows",
    )  # fmt: skip
    found = running.query(f"SELECT event_id FROM frwatch.unreported_access WHERE event_id IN ({listed})")
    assert {str(row[0]) for row in found} == {ids[1], ids[3], ids[4]}


def test_a_follower_goes_through_rotation_and_takes_each_line_once(running: Stack, tmp_path: Path) -> None:
    name, file = some_name(), tmp_path / "access.log"

    def line(number: int) -> str:
        what = "TCP_TUNNEL/200 9 CONNECT pimeyes.com:443 - HIER_DIRECT/1.2.3.4 -"
        return f"{NOW}.{number:03} 1 10.20.3.{number} {what}\n"

    file.write_text(line(1))
    follower = running.spawn(f"{name}.log", ["import", "squid", str(file), "--follow", "--source", name])
    until(lambda: len(rows(running, f"squid/{name}", "client_ip")) == 1, "the first line is a row")
    with file.open("a") as out:
        file.rename(tmp_path / "access.log.1")
        out.write(line(2))
    file.write_text(line(3))
    until(lambda: len(rows(running, f"squid/{name}", "client_ip")) == 3, "lines around the rotation are rows")
    os.truncate(file, 0)
    until(lambda: "rotated" in (running.home / f"{name}.log").read_text(), "the first rotation was seen")
    follower.terminate()
    assert follower.wait(10) == 0


def test_an_import_that_kafka_did_not_take_goes_on_from_where_it_was(
    frwatch: Frwatch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "ssl.log"
    file.write_text(ssl_log((NOW, "1.1.1.1", "pimeyes.com", "T")))
    with monkeypatch.context() as away:
        away.setenv("FRWATCH_KAFKA", "127.0.0.1:1")
        status, _, errors = frwatch.run("zeek", str(file))
    assert (status, errors.count("\n")) == (3, 1)
    assert frwatch.imported("zeek", str(file), "--source", some_name())["events"] == 1


@pytest.mark.skipif(squid_missing() is not None, reason=str(squid_missing()))
def test_the_log_of_a_real_squid_gives_the_right_people_hosts_denials_and_counts(
    running: Stack, frwatch: Frwatch, tmp_path: Path
) -> None:
    name, who = some_name(), tmp_path / "who.yaml"
    who.write_text(WHO)
    with running_squid() as proxy:
        for _ in range(3):
            assert " 200 " in proxy.connect("app.clearview.ai", "s4711")
        assert " 200 " in proxy.connect("pimeyes.com", "somebody")
        assert " 200 " in proxy.connect("www.example.org", "s4711")
        assert " 407 " in proxy.connect("app.clearview.ai")
        assert " 403 " in proxy.connect("facecheck.id", "s4711")
        assert " 503 " in proxy.connect("pimeyes.com", "s4711", port=1)
        proxy.get("http://u:secret-word@app.clearview.ai:1/search?token=secret-word", "s4711")
        until(lambda: proxy.log.exists() and proxy.log.read_text().count("\n") == 9, "all is logged", 20)
        logged = proxy.log.read_text()
        assert all(word in logged for word in ("TCP_TUNNEL/200", "TCP_DENIED/407", "TCP_DENIED/403"))
        assert "token=secret-word" in logged
        given = ["--source", name, "--identities", str(who), "--malformed", str(tmp_path / "bad.jsonl")]
        told = frwatch.imported("squid", str(proxy.log), *given)
    assert (told["read"], told["matched"], told["skipped"], told["malformed"]) == (9, 8, 1, 0)
    assert told["statuses"] == {"denied": 1, "blocked": 1, "failed": 2}
    assert told["tiers"].keys() == {"ACCESS", "LOOKUP"}
    # On the border between two half hours of the clock one visit is two.
    assert told["events"] >= 6
    columns = (
        "evidence, endpoint_host, attributes['status'], attributes['identity'], agency_id,"
        " isNotNull(officer), toUInt32(attributes['lines'])"
    )
    found = until(
        lambda: len(r := rows(running, f"squid/{name}", columns)) == told["events"] and r, "all are rows"
    )
    counts: dict[tuple[Any, ...], int] = {}
    for *what, lines in found:
        counts[tuple(what)] = counts.get(tuple(what), 0) + lines
    assert counts == {
        ("ACCESS", "app.clearview.ai", "", "proxy_user", "lapd", 1): 3,
        ("ACCESS", "pimeyes.com", "", "cidr", "lasd", 0): 1,
        ("LOOKUP", "app.clearview.ai", "denied", "cidr", "lasd", 0): 1,
        ("LOOKUP", "facecheck.id", "blocked", "cidr", "lasd", 0): 1,
        ("LOOKUP", "pimeyes.com", "failed", "proxy_user", "lapd", 1): 1,
        ("LOOKUP", "app.clearview.ai", "failed", "proxy_user", "lapd", 1): 1,
    }
    assert "secret-word" not in repr(rows(running, f"squid/{name}", "*"))
