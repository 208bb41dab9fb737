"""A pseudonym is revealed from the record or the roster, and never before it was written down who asks."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import clickhouse_connect
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

import streams.reveal
from deploy.cli import main
from schemas.contracts import contract
from schemas.fault_point import VARIABLE
from schemas.wire import encode
from sinks.kafka.topics import ensure_topics
from streams.pseudonym import pseudonym
from tests.integration.conftest import fresh_prefix
from tests.integration.test_whole_way import fresh, ids_stored
from tests.streams.conftest import MakeSearch
from tests.support.clickhouse import RunningClickHouse, running_clickhouse
from tests.support.roles import SPOOLS, tables_of_operator, users_xml
from tests.support.worker import KEY, Stack, stack_for, until

WHY = ("--reason", "complaint 26-114", "--case-number", "IA-26-114", "--by", "auditor-7")


class Ran(NamedTuple):
    status: int
    out: str
    err: str


Reveal = Callable[..., Ran]


@pytest.fixture
def reveal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[Stack], Reveal]:
    """`frwatch reveal …` in this process, and all that it prints."""

    def on(stack: Stack, **variables: str) -> Reveal:
        for name, value in (stack.environment() | variables).items():
            monkeypatch.setenv(name, value)

        def run(*arguments: str) -> Ran:
            with pytest.raises(SystemExit) as ended:
                main(["reveal", *arguments])
            said = capsys.readouterr()
            return Ran(int(str(ended.value.code)), said.out, said.err)

        return run

    return on


def officer(person_id: str, agency_id: str = "lapd") -> str:
    return pseudonym(KEY.encode(), agency_id, person_id)


def searched(stack: Stack, make_search: MakeSearch, person_id: str, partition: int = 0, **more: Any) -> str:
    """The pseudonym of a person who has searched, once the search is stored."""
    (event_id,) = fresh(1)
    stack.produce("searches", [make_search(event_id=event_id, officer_id=person_id, **more)], partition)
    until(lambda: ids_stored(stack, [event_id]), "the search is a row")
    return officer(person_id)


def written(stack: Stack, text: str) -> list[tuple[Any, ...]]:
    return stack.query(
        "SELECT asked_by, login, reason, case_number, agency_id, outcome, detail FROM frwatch.reveals"
        f" WHERE pseudonym = '{text}' ORDER BY asked_at"
    )


def test_the_record_in_kafka_names_the_officer_and_standard_output_alone_has_the_name(
    running: Stack, make_search: MakeSearch, reveal: Callable[[Stack], Reveal]
) -> None:
    text = searched(running, make_search, "P-SECRET-1")
    ran = reveal(running)(text, *WHY)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("P-SECRET-1  (officer of lapd)\n")
    ((by, login, reason, case, agency, outcome, detail),) = written(running, text)
    assert (by, login, reason, case) == ("auditor-7", "default", "complaint 26-114", "IA-26-114")
    assert (agency, outcome) == ("lapd", "found")
    assert detail.startswith(f"{running.prefix}searches/0/")
    assert "P-SECRET-1" not in repr(running.query("SELECT * FROM frwatch.reveals_raw"))


def test_the_record_names_who_asked_for_the_search_too(
    running: Stack, make_search: MakeSearch, reveal: Callable[[Stack], Reveal]
) -> None:
    searched(running, make_search, "P-2", requester="j.roe@lasd.org", requesting_agency_id="LASD")
    run = reveal(running)
    told = json.loads(run(officer("j.roe@lasd.org", "lasd"), *WHY, "--json").out)
    assert (told["person_id"], told["role"], told["agency_id"]) == ("j.roe@lasd.org", "requester", "lasd")
    searched(running, make_search, "P-2", requester="j.roe@nowhere.example")
    told = json.loads(run(officer("j.roe@nowhere.example", ""), *WHY, "--json").out)
    assert (told["person_id"], told["role"], told["agency_id"]) == ("j.roe@nowhere.example", "requester", "")


def test_a_roster_names_whom_kafka_no_longer_does(
    running: Stack, make_search: MakeSearch, reveal: Callable[[Stack], Reveal], tmp_path: Path
) -> None:
    text = searched(running, make_search, "P-GONE", partition=2)
    admin = AdminClient({"bootstrap.servers": running.kafka})
    for future in admin.delete_records([TopicPartition(f"{running.prefix}searches", 2, -1)]).values():
        future.result()
    run = reveal(running)
    ran = run(text, *WHY)
    assert (ran.status, ran.out) == (1, "")
    assert "gone from Kafka" in ran.err
    assert "--roster" in ran.err
    roster = tmp_path / "officers.csv"
    roster.write_text("\ufeffName,ID\nA. Other,P-1\nJ. Roe, P-GONE\n", encoding="utf-8")
    told = json.loads(run(text, *WHY, "--roster", str(roster), "--json").out)
    assert (told["person_id"], told["found_by"], told["roster"]) == ("P-GONE", "roster", {"name": "J. Roe"})
    roster.write_text("P-1\nP-3\n")
    assert run(text, *WHY, "--roster", str(roster)).status == 1
    assert [row[5] for row in written(running, text)] == ["not_found", "found", "not_found"]


def test_a_wrong_key_is_told_from_a_record_that_is_gone(
    running: Stack, make_search: MakeSearch, reveal: Callable[..., Reveal], tmp_path: Path
) -> None:
    text = searched(running, make_search, "P-KEY")
    roster = tmp_path / "officers.csv"
    roster.write_text("officer_id\nP-KEY\n")
    run = reveal(running, FRWATCH_PSEUDONYM_KEY="another key of thirty-two characters")
    for more in ((), ("--roster", str(roster))):
        ran = run(text, *WHY, *more)
        assert (ran.status, ran.out) == (2, "")
        assert "FRWATCH_PSEUDONYM_KEY is not the key" in ran.err
    assert {row[5] for row in written(running, text)} == {"refused"}


def test_a_person_whom_a_court_let_be_forgotten_is_not_named_though_kafka_has_the_record(
    running: Stack, make_search: MakeSearch, reveal: Callable[[Stack], Reveal], tmp_path: Path
) -> None:
    text = searched(running, make_search, "P-FORGOTTEN")
    running.command(
        f"ALTER TABLE frwatch.searches_raw UPDATE officer = 'expunged-1' WHERE officer = '{text}'"
        " SETTINGS mutations_sync = 2"
    )
    roster = tmp_path / "officers.csv"
    roster.write_text("P-FORGOTTEN\n")
    ran = reveal(running)(text, *WHY, "--roster", str(roster))
    assert (ran.status, ran.out) == (1, "")
    assert "no stored search has this pseudonym" in ran.err
    assert [row[4:6] for row in written(running, text)] == [("", "not_found")]


def test_what_is_killed_after_it_asked_stands_there_unanswered(
    running: Stack, make_search: MakeSearch
) -> None:
    text = searched(running, make_search, "P-KILLED")
    command = [sys.executable, "-m", "deploy.cli", "reveal", text, *WHY]
    ended = subprocess.run(
        command, env=running.environment() | {VARIABLE: "reveal-asked"}, capture_output=True, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"")
    assert [row[5] for row in written(running, text)] == ["unanswered"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((officer("P-1"), "--case-number", "1"), "--reason is empty"),
        ((officer("P-1"), "--reason", " \t ", "--case-number", "1"), "--reason is empty"),
        ((officer("P-1"), "--reason", "...", "--case-number", "1"), "--reason is empty"),
        ((officer("P-1"), "--reason", "why"), "--case-number is empty"),
        ((officer("P-1"), "--reason", "a\nb", "--case-number", "1"), "one line"),
        ((officer("P-1"), "--reason", "x" * 1001, "--case-number", "1"), "1000 characters"),
        (("P-1", *WHY), "64 hexadecimal digits"),
        (WHY, "64 hexadecimal digits"),
        ((officer("P-1"), "--audit"), "leave the pseudonym out"),
    ],
)
def test_who_does_not_say_why_is_refused_and_nothing_is_looked_for(
    running: Stack, reveal: Callable[[Stack], Reveal], arguments: tuple[str, ...], said: str
) -> None:
    before = running.scalar("SELECT count() FROM frwatch.reveals_raw")
    ran = reveal(running)(*arguments)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err
    assert running.scalar("SELECT count() FROM frwatch.reveals_raw") == before


def test_without_a_key_nothing_is_asked(
    running: Stack, reveal: Callable[[Stack], Reveal], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = reveal(running)
    monkeypatch.delenv("FRWATCH_PSEUDONYM_KEY")
    ran = run(officer("P-1"), *WHY)
    assert (ran.status, ran.out) == (2, "")
    assert "FRWATCH_PSEUDONYM_KEY is not set" in ran.err


def test_the_audit_lists_who_asked(
    running: Stack, make_search: MakeSearch, reveal: Callable[[Stack], Reveal]
) -> None:
    text = searched(running, make_search, "P-LISTED")
    run = reveal(running)
    assert run(text, *WHY).status == 0
    (last,) = json.loads(run("--audit", "--limit", "1", "--json").out)
    assert (last["pseudonym"], last["outcome"], last["asked_by"]) == (text, "found", "auditor-7")
    assert "IA-26-114" in run("--audit").out
    assert "P-LISTED" not in run("--audit").out


class Kept(NamedTuple):
    folder: Path
    prefix: str
    text: str


class Place(NamedTuple):
    stack: Stack
    engine: RunningClickHouse


@pytest.fixture(scope="module")
def kept(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The operator's tables with a row, and its record in Kafka; no engine runs."""
    folder, prefix, text = tmp_path_factory.mktemp("revealer"), fresh_prefix(), officer("P-ROLE")
    event_id, now = uuid.uuid4(), datetime.now(UTC)
    said = {"event_id": str(event_id), "occurred_at": now, "source": "test", "agency_id": "lapd"}
    with stack_for(kafka, "http://127.0.0.1:1", folder, prefix) as stack:
        asyncio.run(ensure_topics(stack.settings(), partitions=4))
        value = encode(contract("search"), said | {"officer_id": "P-ROLE"})
        (sent,) = stack.produce("searches", [value], 0)
    row = {"event_id": event_id, "occurred_at": now, "ingested_at": now, "agency_id": "lapd"}
    row |= {"officer": text, "kafka_topic": sent.topic(), "kafka_offset": sent.offset()}
    with tables_of_operator(folder) as client:
        client.insert("frwatch.searches_raw", [list(row.values())], column_names=list(row))
    return Kept(folder, prefix, text)


@contextmanager
def as_revealer(kafka: str, kept: Kept, **options: Any) -> Iterator[Place]:
    """An engine over these tables whose user has the revealer's role and no more."""
    users = users_xml(kept.folder / "revealer.xml", ["frwatch_revealer"], more=SPOOLS, **options)
    with (
        running_clickhouse(kept.folder, users=users) as engine,
        stack_for(kafka, engine.url, kept.folder, kept.prefix) as stack,
    ):
        yield Place(stack, engine)


def rows(place: Place) -> list[Any]:
    client = clickhouse_connect.get_client(host="127.0.0.1", port=place.engine.port)
    try:
        return list(client.query("SELECT outcome FROM frwatch.reveals").result_rows)
    finally:
        client.close()


def test_who_may_not_write_down_that_he_asks_is_told_nothing(
    kafka: str, kept: Kept, reveal: Callable[[Stack], Reveal]
) -> None:
    with as_revealer(kafka, kept, without="INSERT") as place:
        before = rows(place)
        ran = reveal(place.stack)(kept.text, *WHY)
        assert (ran.status, ran.out) == (1, "")
        assert "so nothing is revealed" in ran.err
        assert "code: 497" in ran.err
        assert rows(place) == before


def test_the_revealers_role_is_enough_and_an_engine_that_dies_after_the_question_reveals_nothing(
    kafka: str, kept: Kept, reveal: Callable[[Stack], Reveal], monkeypatch: pytest.MonkeyPatch
) -> None:
    with as_revealer(kafka, kept) as place:
        run = reveal(place.stack)
        ran = run(kept.text, *WHY)
        assert (ran.status, ran.out[:6]) == (0, "P-ROLE"), ran.err
        assert rows(place) == [("found",)]

        def kill(point: str) -> None:
            if point == "reveal-asked":
                place.engine.process.kill()
                place.engine.process.wait()

        monkeypatch.setattr(streams.reveal, "reach", kill)
        ran = run(kept.text, *WHY)
        assert (ran.status, ran.out) == (3, "")
        assert "so nothing is revealed" in ran.err
        assert "P-ROLE" not in ran.err
