"""`frwatch collect` and its keys and lint: what is wrong is said in one line, with place and remedy."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import trustme

from deploy.local.ports import free_ports
from schemas.collector_clients import client_of_key, sha256_of_key
from schemas.errors import FrwatchError
from schemas.settings import load_settings
from streams.inputs.collector.command import check_settings
from tests.support.collector import CLIENTS, KEYS, Collector
from tests.support.worker import Stack


def frwatch(*arguments: str, **variables: str) -> tuple[int, str, str]:
    """Run it; exit status, output, and what it says on standard error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FRWATCH_")}
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        env=kept | {f"FRWATCH_{name}": value for name, value in variables.items()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def clients(tmp_path: Path) -> str:
    file = tmp_path / "clients.yaml"
    file.write_text(CLIENTS)
    return str(file)


def test_a_key_is_shown_once_with_what_goes_into_the_file(tmp_path: Path) -> None:
    status, out, _ = frwatch("collect", "key", "lacris-web", "--json")
    told = json.loads(out)
    assert (status, told["client"], client_of_key(told["key"])) == (0, "lacris-web", "lacris-web")
    assert told["sha256"] == sha256_of_key(told["key"])
    status, out, _ = frwatch("collect", "key", "lacris-web")
    assert told["key"] not in out, "each is made anew"
    file = tmp_path / "clients.yaml"
    file.write_text("clients:\n" + "\n".join(out.splitlines()[2:]))
    assert frwatch("collect", "lint", str(file)) == (0, "no faults: 1 clients\n", "")


@pytest.mark.parametrize("name", ["LACRIS", "a_b", "", "x" * 65, "a--b"])
def test_a_client_must_have_an_id(name: str) -> None:
    status, _, said = frwatch("collect", "key", name)
    assert (status, len(said.splitlines())) == (2, 1)
    assert "is no id" in said


def test_every_fault_of_the_clients_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "clients.yaml"
    key = KEYS["lacris-web"]
    file.write_text(
        f"clients:\n  - {{id: a, keys: [{key}], agencies: [lapd], sources: [a]}}\n"
        "  - {id: b, agencies: [nobody], sources: [b]}\n"
        "  - {id: c, keys: [" + "0" * 64 + "], agencies: [lapd], sources: ['*'], rate: -1}\n"
        "  - {id: c, keys: [" + "0" * 64 + "], agencies: [lapd], sources: [c], rats: 1}\n"
    )
    status, out, _ = frwatch("collect", "lint", str(file), "--json")
    found = json.loads(out)
    assert status == 1
    assert {each["line"] for each in found} == {2, 3, 4, 5}
    assert all(each["column"] and each["text"] and each["file"] == str(file) for each in found)
    assert key not in out, "a key that stands there by mistake is not told on"
    status, out, said = frwatch("collect", COLLECT_CLIENTS=str(file))
    assert (status, key in out + said) == (2, False)
    assert f"{file}:3:" in said


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"collect_clients": None}, 2, "FRWATCH_COLLECT_CLIENTS names no file"),
        ({"collect_clients": "/nowhere/clients.yaml"}, 3, "/nowhere/clients.yaml"),
        ({"collect_listen": "0.0.0.0:8480"}, 2, "beyond loopback"),
        ({"collect_listen": "[::]:8480"}, 2, "beyond loopback"),
        ({"collect_listen": "127.0.0.1:99999"}, 2, "at most 65535"),
        ({"collect_listen": "8480"}, 2, "FRWATCH_COLLECT_LISTEN"),
        ({"collect_cert": "PEM"}, 2, "go together"),
        ({"collect_client_ca": "PEM"}, 2, "is for TLS"),
        ({"collect_cert": "PEM", "collect_cert_key": "/nowhere.pem"}, 3, "cannot be read"),
        ({"collect_cert": "YAML", "collect_cert_key": "YAML"}, 2, "cannot be used"),
        (
            {"collect_cert": "PEM", "collect_cert_key": "PEM", "collect_client_ca": "YAML"},
            2,
            "cannot be used",
        ),
        ({"collect_metrics": "words"}, 2, "FRWATCH_COLLECT_METRICS"),
    ],
)
def test_a_setting_that_cannot_be_is_named(
    clients: str, tmp_path: Path, given: dict[str, str | None], status: int, words: str
) -> None:
    pem = tmp_path / "server.pem"
    pem.write_bytes(trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.bytes())
    files = {"PEM": str(pem), "YAML": clients}
    named = {name: files.get(value or "", value) for name, value in given.items()}
    with pytest.raises(FrwatchError, match=re.escape(words)) as error:
        check_settings(load_settings(**{"home": tmp_path, "collect_clients": clients} | named))
    assert error.value.exit_status == status
    assert len(str(error.value).splitlines()) == 1


def test_tls_or_a_proxy_before_it_lets_it_listen_anywhere(clients: str, tmp_path: Path) -> None:
    pem = tmp_path / "server.pem"
    pem.write_bytes(trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.bytes())
    given = {"home": tmp_path, "collect_clients": clients, "collect_listen": "0.0.0.0:8480"}
    check_settings(load_settings(**given, collect_cert=pem, collect_cert_key=pem))
    check_settings(load_settings(**given, collect_plain=True))


def test_what_is_wrong_is_said_in_one_line(clients: str, tmp_path: Path) -> None:
    status, out, said = frwatch("collect", HOME=str(tmp_path), COLLECT_CLIENTS="/nowhere/clients.yaml")
    assert (status, out, len(said.splitlines())) == (3, "", 1)
    given = {"HOME": str(tmp_path), "COLLECT_CLIENTS": clients, "COLLECT_LISTEN": "0.0.0.0:1"}
    status, out, said = frwatch("collect", **given)
    assert (status, out, len(said.splitlines())) == (2, "", 1)


@pytest.mark.slow  # The client of Kafka waits 10 s before it says so.
def test_kafka_that_is_not_there_is_said_in_one_line(clients: str, tmp_path: Path) -> None:
    given = {"HOME": str(tmp_path), "COLLECT_CLIENTS": clients, "KAFKA": "127.0.0.1:1"}
    status, out, said = frwatch("collect", **given)
    assert (status, out, len(said.splitlines())) == (3, "", 1)
    assert "127.0.0.1:1" in said


def test_a_port_that_is_taken_is_said(topics: Stack) -> None:
    collector = Collector(topics)
    with socket.create_server(("127.0.0.1", collector.port)):
        process = topics.spawn("collect.log", ["collect"], **collector.variables)
        assert process.wait(30) == 3
    last = collector.log().strip().splitlines()[-1]
    assert f"127.0.0.1:{collector.port} cannot be listened on" in last
    assert "name another address" in last


def test_metrics_are_told_and_name_nobody(topics: Stack) -> None:
    port = free_ports(1)[0]
    collector = Collector(topics, FRWATCH_COLLECT_METRICS=str(port))
    collector.start()
    assert collector.post([{"agency_id": "secret"}, 7])[0] == 422
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        told = answer.read().decode()
    assert 'frwatch_collect_events_total{client="lacris-web",kind="search",result="refused"} 2.0' in told
    assert 'frwatch_collect_requests_total{status="422"} 1.0' in told
    assert "secret" not in told
