"""Dead letters are sent again once each, whatever is killed, and whoever else does it at that time."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import Message, TopicPartition
from confluent_kafka.admin import AdminClient

import streams.redrive
from deploy.cli import main
from schemas.fault_point import VARIABLE
from sinks.clickhouse.dead_letters import Wanted, find_identities, read_dead_letters
from sinks.clickhouse.redrives import claim_redrives
from sinks.kafka.resend import Outgoing, resend
from streams.own_headers import own_headers
from streams.redrive import BEGUN, HEADER, redrive
from tests.integration.test_whole_way import fresh, ids_stored
from tests.streams.conftest import MakeSearch
from tests.streams.images import IMAGES
from tests.support.worker import Stack, until

COUNTS = {"sent": 0, "redriven": 0, "withheld": 0, "unrepaired": 0, "unknown": 0, "beyond": 0}
FORGED = b"1"
Dlq = Callable[..., dict[str, Any]]


@pytest.fixture
def dlq(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[Stack], Dlq]:
    """`frwatch dlq …` in this process, and what it prints as JSON."""

    def on(stack: Stack) -> Dlq:
        for name, value in stack.environment().items():
            monkeypatch.setenv(name, value)

        def run(*arguments: str) -> dict[str, Any]:
            with pytest.raises(SystemExit) as ended:
                main(["dlq", *arguments, "--json"])
            assert ended.value.code == 0, capsys.readouterr().err
            found: dict[str, Any] = json.loads(capsys.readouterr().out)
            return found

        return run

    return on


def dead(
    stack: Stack,
    values: list[bytes | None],
    partition: int = 0,
    headers: Sequence[tuple[str, bytes]] = (),
) -> list[str]:
    """Send values that nobody can read, and return their places once they are dead letters."""
    sent = stack.produce("searches", values, partition, b"k", headers)
    offsets = ", ".join(str(message.offset()) for message in sent)
    sql = (
        f"SELECT count() FROM frwatch.dead_letters WHERE kafka_topic = {{topic}}"
        f" AND kafka_partition = {partition} AND kafka_offset IN ({offsets})"
    )
    until(lambda: stack.scalar(sql) == len(values), "all are dead letters")
    return [f"{stack.prefix}searches/{partition}/{message.offset()}" for message in sent]


def headers_of(message: Message) -> dict[str, bytes]:
    headers: Any = message.headers() or []
    return dict(headers)


def resent(stack: Stack, places: list[str]) -> Counter[str]:
    """How many records of the topic say that they are these letters, sent again."""
    found: Counter[str] = Counter()
    for message in stack.consume("searches"):
        headers = headers_of(message)
        if headers.get(BEGUN, FORGED) != FORGED and (place := headers[HEADER].decode()) in places:
            found[place] += 1
    return found


def killed_redrive(stack: Stack, point: str, *arguments: str) -> None:
    """Run `frwatch dlq redrive` up to a place where it is killed."""
    command = [sys.executable, "-m", "deploy.cli", "dlq", "redrive", *arguments]
    ended = subprocess.run(
        command, env=stack.environment() | {VARIABLE: point}, capture_output=True, timeout=60
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


@pytest.mark.parametrize("point", ["redrive-claimed", "redrive-sending:2", "redrive-sent"])
def test_a_redrive_that_is_killed_sends_no_letter_twice(
    running: Stack,
    make_search: MakeSearch,
    dlq: Callable[[Stack], Dlq],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
    point: str,
) -> None:
    """The next run leaves what it cannot tell, and a later one knows of each whether it was sent."""
    run = dlq(running)
    ids = fresh(3)
    places = dead(running, [b"X" + make_search(event_id=each) for each in ids])
    repairs = tmp_path / "repairs.py"
    repairs.write_text("def mend(value, letter):\n    return value[1:]\n")
    mend = ("--with", f"{repairs}:mend", *places)
    # Who knows the place of a letter cannot pass for its redrive.
    running.produce("searches", [make_search()], headers=[(HEADER, places[0].encode()), (BEGUN, FORGED)])
    killed_redrive(running, point, *mend)
    before = sum(resent(running, places).values())
    if point != "redrive-sending:2":
        assert before == (3 if point == "redrive-sent" else 0)
    assert run("redrive", *mend) == COUNTS | {"redriven": before, "unknown": 3 - before}
    monkeypatch.setattr(streams.redrive, "GRACE", timedelta(0))
    assert run("redrive", *mend, "--dry-run") == COUNTS | {"redriven": before, "sent": 3 - before}
    assert run("redrive", *mend) == COUNTS | {"redriven": before, "sent": 3 - before}
    assert run("redrive", *mend) == COUNTS | {"redriven": 3}
    assert resent(running, places) == dict.fromkeys(places, 1)
    until(lambda: ids_stored(running, ids), "each is a row")

    def became() -> set[str]:
        letters = run("list", "--topic", f"{running.prefix}searches", "--redriven")["letters"]
        told = {f"{each['topic']}/{each['partition']}/{each['offset']}": each["redriven"] for each in letters}
        return {told[place] for place in places}

    until(lambda: became() == {"stored"}, "what became of each is known")


def test_of_a_batch_that_was_sent_in_part_the_rest_is_sent(
    running: Stack, dlq: Callable[[Stack], Dlq], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = dlq(running)
    settings = running.settings()
    places = dead(running, [b"p1", b"p2", b"p3"], 0)
    offsets = {int(place.split("/")[-1]) for place in places}
    wanted = Wanted(topic=f"{running.prefix}searches", partition=0)
    letters = read_dead_letters(
        settings, [each for each in find_identities(settings, wanted) if each.offset in offsets]
    )
    begun_at = datetime.now(UTC)
    assert len(claim_redrives(settings, letters, begun_at, "", {})) == 3
    second = letters[1]
    mark = streams.redrive._mark(second.identity, begun_at)
    asyncio.run(resend(settings, [Outgoing(second.topic, second.key, second.value, mark)]))
    assert run("redrive", *places) == COUNTS | {"redriven": 1, "unknown": 2}
    monkeypatch.setattr(streams.redrive, "GRACE", timedelta(0))
    assert run("redrive", *places) == COUNTS | {"redriven": 1, "sent": 2}
    assert resent(running, places) == dict.fromkeys(places, 1)


def test_two_redrives_at_one_time_send_each_letter_once(
    running: Stack, make_search: MakeSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have seen that no letter was sent before either begins."""
    settings = running.settings()
    topic = f"{running.prefix}searches"
    places = dead(running, [b"junk %d" % number for number in range(40)], 1)
    identities = [
        each
        for each in find_identities(settings, Wanted(topic=topic, partition=1))
        if f"{topic}/1/{each.offset}" in places
    ]
    both = threading.Barrier(2, timeout=30)

    def claim(*arguments: Any) -> Any:
        both.wait()
        return claim_redrives(*arguments)

    monkeypatch.setattr(streams.redrive, "claim_redrives", claim)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(redrive, settings, identities, limit=100) for _ in range(2)]
        found = [run.result() for run in runs]
    assert sum(counts["sent"] for counts in found) == 40
    assert sum(counts["redriven"] for counts in found) == 40
    assert resent(running, places) == dict.fromkeys(places, 1)


def test_what_is_not_mended_is_a_dead_letter_that_names_the_first(
    running: Stack, dlq: Callable[[Stack], Dlq]
) -> None:
    run = dlq(running)
    (place,) = dead(running, [b"junk that stays junk"], 2)
    assert run("list", "--topic", f"{running.prefix}searches", "--partition", "2", "--open")["letters"]
    assert run("redrive", place)["sent"] == 1
    until(lambda: run("show", place)["redriven"] == "dead", "it is dead again")
    letters = run("list", "--topic", f"{running.prefix}searches", "--reason", "unknown_framing")["letters"]
    shown = [run("show", f"{each['topic']}/{each['partition']}/{each['offset']}") for each in letters]
    naming = [each for each in shown if HEADER in each["headers"]]
    assert place in {base64.b64decode(each["headers"][HEADER]).decode() for each in naming}


def test_more_letters_than_the_limit_are_said_and_are_sent_next_time(
    running: Stack, dlq: Callable[[Stack], Dlq]
) -> None:
    run = dlq(running)
    places = dead(running, [b"x"] * 5, 3)
    assert run("redrive", *places, "--limit", "2") == COUNTS | {"sent": 2, "beyond": 3}
    assert run("redrive", *places, "--limit", "2") == COUNTS | {"redriven": 2, "sent": 2, "beyond": 1}
    assert run("redrive", *places, *places) == COUNTS | {"redriven": 4, "sent": 1}


def test_a_record_is_sent_again_with_its_own_headers_but_for_those_that_were_withheld(
    running: Stack, dlq: Callable[[Stack], Dlq]
) -> None:
    held = IMAGES["jpeg"](500, 1)
    sent = [("reason", b"forged"), ("a", b"1"), ("still", held), ("a", b"2"), ("withheld", b"0" * 64)]
    run = dlq(running)
    (place,) = dead(running, [b"with headers"], 2, sent)
    letter = run("show", place)
    assert letter["withheld"] is None
    assert "withheld-header-still" in letter["headers"]
    (published,) = [
        message
        for message in running.consume("dead")
        if (message.value(), headers_of(message)["offset"])
        == (b"with headers", place.split("/")[-1].encode())
    ]
    told = headers_of(published)
    assert (told["reason"], told["topic"]) == (b"unknown_framing", f"{running.prefix}searches".encode())
    assert held[20:60] not in repr(published.headers()).encode()
    assert run("redrive", place)["sent"] == 1
    (again,) = [
        message
        for message in running.consume("searches")
        if headers_of(message).get(HEADER) == place.encode()
    ]
    headers: Any = again.headers()
    kept = [(name, value) for name, value in headers if name not in (HEADER, BEGUN)]
    assert sorted(kept) == sorted((name, value) for name, value in sent if name != "still")
    assert again.key() == b"k"
    assert own_headers({b"own-1-reason": b"forged"}) == [("reason", b"forged")]


def test_where_kafka_has_deleted_what_was_sent_nobody_claims_to_know(
    stack: Stack, dlq: Callable[[Stack], Dlq], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.start_worker()
    run = dlq(stack)
    (place,) = dead(stack, [b"gone"])
    killed_redrive(stack, "redrive-sent", place)
    admin = AdminClient({"bootstrap.servers": stack.kafka})
    ends = [TopicPartition(f"{stack.prefix}searches", number, -1) for number in range(4)]
    for future in admin.delete_records(ends).values():
        future.result()
    monkeypatch.setattr(streams.redrive, "GRACE", timedelta(0))
    assert run("redrive", place) == COUNTS | {"unknown": 1}
    assert run("redrive", place, "--again") == COUNTS | {"sent": 1}
