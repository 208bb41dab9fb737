"""An event goes the whole way: a real broker, a real engine, a worker as operators run it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import fastavro
import pytest

from deploy.cli import main
from schemas.contracts import contract
from schemas.registry import Registry
from schemas.wire import confluent_head, encode
from tests.streams.conftest import MakeSearch
from tests.support.worker import Stack, stack_for, until

CLEARVIEW = {"provider": "Clearview AI", "endpoint": "https://app.clearview.ai/search"}
ROWS = "SELECT count(), uniqExact(event_id) FROM frwatch.searches WHERE kafka_topic = {topic}"


def stored(stack: Stack, count: int) -> bool:
    return stack.query(ROWS) == [(count, count)]


def ids_stored(stack: Stack, ids: list[str]) -> bool:
    """Whether each of these searches is a row, once."""
    known = ", ".join(map(repr, ids))
    sql = f"SELECT count(), uniqExact(event_id) FROM frwatch.searches WHERE event_id IN ({known})"
    return stack.query(sql) == [(len(ids), len(ids))]


def fresh(count: int) -> list[str]:
    return [str(uuid.uuid4()) for _ in range(count)]


def published_violations(stack: Stack, event_id: str) -> list[dict[str, Any]]:
    shape = contract("violation").current.parsed
    values = [message.value() or b"" for message in stack.consume("violations")]
    records = [
        cast(dict[str, Any], fastavro.schemaless_reader(io.BytesIO(value[10:]), shape, None))
        for value in values
    ]
    return [record for record in records if str(record["event_id"]) == event_id]


def test_a_search_becomes_a_row_and_its_violation_is_published(
    running: Stack, make_search: MakeSearch
) -> None:
    ids = fresh(2)
    forbidden = make_search(event_id=ids[1], training_cert="C-1", galleries=["the open web"], **CLEARVIEW)
    running.produce("searches", [make_search(event_id=ids[0]), forbidden])
    until(lambda: ids_stored(running, ids), "both searches are rows")
    (row,) = running.query(
        "SELECT provider_id, provider_class, broken_rules, certainty, officer, endpoint_host,"
        " gallery_kinds, outside_agency_basis"
        f" FROM frwatch.searches WHERE event_id = '{ids[1]}'"
    )
    assert row[:4] == ("clearview-ai", "commercial", ["lapd-fr/commercial-service"], "CONFIRMED")
    assert len(row[4]) == 64
    assert row[5:] == ("app.clearview.ai", ["scraped_web"], None)
    (published,) = published_violations(running, ids[1])
    assert (published["policy_id"], published["rule_id"], published["severity"]) == (
        "lapd-fr",
        "commercial-service",
        "CRITICAL",
    )
    kept = running.query(
        f"SELECT violation_id, officer, policy_version FROM frwatch.violations WHERE event_id = '{ids[1]}'"
    )
    assert kept == [(uuid.UUID(str(published["violation_id"])), row[4], published["policy_version"])]


def test_no_clear_name_is_stored(running: Stack, make_search: MakeSearch) -> None:
    ids = fresh(1)
    value = make_search(event_id=ids[0], officer_id="P-CLEAR-1", requester="jane.roe@longbeach.example")
    running.produce("searches", [value])
    until(lambda: ids_stored(running, ids), "the search is a row")
    (row,) = running.query(f"SELECT * FROM frwatch.searches WHERE event_id = '{ids[0]}'")
    assert "P-CLEAR-1" not in repr(row)
    assert "jane.roe" not in repr(row)
    assert "longbeach.example" in repr(row)
    assert "P-CLEAR-1" not in running.worker_log()


def test_bad_values_become_dead_letters_with_their_bytes_and_the_rest_goes_on(
    running: Stack, make_search: MakeSearch
) -> None:
    ids = fresh(12)
    image = make_search() + b"\xff\xd8\xff\xe0 the rest of a picture"
    bad = [b"junk", b"", None, make_search()[:-2], b"\xc3\x01" + b"x" * 30, image]
    good = [make_search(event_id=event_id) for event_id in ids]
    mixed = [value for pair in zip(good, bad, strict=False) for value in pair] + good[len(bad) :]
    sent = running.produce("searches", mixed, partition=3)
    until(lambda: ids_stored(running, ids), "the good ones are rows")
    first, last = sent[0].offset(), sent[-1].offset()
    letters = running.query(
        "SELECT reason, value = '' FROM frwatch.dead_letters WHERE kafka_topic = {topic}"
        f" AND kafka_partition = 3 AND kafka_offset BETWEEN {first} AND {last} ORDER BY kafka_offset"
    )
    assert letters == [
        ("unknown_framing", 0),
        ("empty", 1),
        ("empty", 1),
        ("damaged", 0),
        ("unknown_schema", 0),
        ("damaged", 1),
    ]
    published = running.consume("dead")
    kept = sorted(message.value() or b"" for message in published)
    assert kept == sorted([*(value or b"" for value in bad[:-1]), b""])
    headers = [dict(message.headers() or []) for message in published]
    withheld = [each for each in headers if "withheld" in each]
    assert [each["withheld"] for each in withheld] == [hashlib.sha256(image).hexdigest().encode()]
    assert {"reason", "detail", "topic", "partition", "offset"} <= withheld[0].keys()


def test_dead_letters_are_listed_and_shown(
    running: Stack,
    make_search: MakeSearch,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    for name, value in running.environment().items():
        monkeypatch.setenv(name, value)

    def dlq(*arguments: str) -> tuple[Any, str]:
        with pytest.raises(SystemExit) as ended:
            main(["dlq", *arguments])
        return ended.value.code, capsys.readouterr().out

    topic = f"{running.prefix}searches"
    before = datetime.now(UTC).isoformat()
    bad: list[bytes | None] = [b"junk \x1b[31m", make_search() + b"\xff\xd8\xff\xe0 a picture"]
    sent = running.produce("searches", bad, partition=2, key=b"k\x1b")
    came = f"received_at >= '{before[:26]}'"
    sql = f"SELECT count() FROM frwatch.dead_letters WHERE kafka_topic = {{topic}} AND {came}"
    until(lambda: running.scalar(sql) == 2, "both are dead letters")
    status, said = dlq("list", "--topic", topic, "--since", before, "--json")
    told = json.loads(said)
    assert (status, told["counts"]) == (0, {"damaged": 1, "unknown_framing": 1})
    assert [each["offset"] for each in told["letters"]] == [sent[1].offset(), sent[0].offset()]
    assert "junk" not in said
    status, said = dlq(
        "list", "--topic", topic, "--since", before, "--reason", "unknown_framing", "--limit", "1"
    )
    assert said.startswith("1 dead letters: unknown_framing 1\n")
    assert dlq("list", "--until", "2001-01-01") == (0, "no dead letters\n")
    place = f"{topic}/2/{sent[0].offset()}"
    saved = tmp_path / "value"
    status, said = dlq("show", place, "--save", str(saved))
    assert status == 0
    assert saved.read_bytes() == bad[0]
    assert saved.stat().st_mode & 0o077 == 0
    assert "6a 75 6e 6b 20 1b" in said
    assert "\x1b" not in said
    assert dlq("show", place, "--save", str(saved))[0] == 2
    status, said = dlq("show", f"{topic}/2/{sent[1].offset()}", "--json")
    told = json.loads(said)
    assert told["withheld"] == hashlib.sha256(bad[1] or b"").hexdigest()
    assert told["value"] == ""
    assert dlq("show", f"{topic}/2/999999")[0] == 1
    assert dlq("show", "searches/x")[0] == 2


def test_dead_letters_are_redriven_once_and_repaired(
    running: Stack,
    make_search: MakeSearch,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    for name, value in running.environment().items():
        monkeypatch.setenv(name, value)

    def redrive(*arguments: str) -> dict[str, int]:
        with pytest.raises(SystemExit) as ended:
            main(["dlq", "redrive", "--json", *arguments])
        assert ended.value.code == 0, capsys.readouterr().err
        counts: dict[str, int] = json.loads(capsys.readouterr().out)
        return counts

    ids = fresh(2)
    bad: list[bytes | None] = [b"X" + make_search(event_id=each, **CLEARVIEW) for each in ids]
    bad += [b"X no search", make_search() + b"\xff\xd8\xff\xe0 a picture"]
    sent = running.produce("searches", bad, partition=1, key=b"k")
    places = [f"{running.prefix}searches/1/{message.offset()}" for message in sent]
    offsets = ", ".join(str(message.offset()) for message in sent)
    dead = f"WHERE kafka_topic = {{topic}} AND kafka_partition = 1 AND kafka_offset IN ({offsets})"
    until(lambda: running.scalar(f"SELECT count() FROM frwatch.dead_letters {dead}") == 4, "all are dead")
    repairs = tmp_path / "repairs.py"
    repairs.write_text(
        "def mend(value, letter):\n"
        "    assert letter.reason == 'unknown_framing'\n"
        "    return value[1:] if value[1:3] == b'\\xc3\\x01' else None\n"
    )
    mend = ("--with", f"{repairs}:mend", *places)
    expected = {"sent": 2, "withheld": 1, "redriven": 0, "unrepaired": 1, "unknown": 0, "beyond": 0}
    assert redrive(*mend, "--dry-run") == expected
    assert redrive(*mend) == expected
    assert redrive(*mend) == expected | {"sent": 0, "redriven": 2}
    until(lambda: ids_stored(running, ids), "the mended ones are rows")
    became = f"SELECT became, count() FROM frwatch.redrives {dead} GROUP BY 1 ORDER BY 1"
    until(lambda: running.query(became) == [("stored", 2)], "what became of them is known")
    assert redrive(places[2])["sent"] == 1
    until(lambda: running.query(became) == [("dead", 1), ("stored", 2)], "what is not mended is dead again")
    assert redrive(*mend, "--again")["sent"] == 2
    assert ids_stored(running, ids)
    with pytest.raises(SystemExit) as ended:
        main(["dlq", "redrive"])
    assert ended.value.code == 2


def test_resent_events_count_once_and_the_first_wins(running: Stack, make_search: MakeSearch) -> None:
    event_id, after = fresh(2)
    first = make_search(event_id=event_id, case_number="first", **CLEARVIEW)
    running.produce("searches", [first, first], partition=0)
    until(lambda: ids_stored(running, [event_id]), "the first copy is a row")
    later = make_search(event_id=event_id, case_number="later", **CLEARVIEW)
    running.produce("searches", [first, later, make_search(event_id=after)], partition=1)
    until(lambda: ids_stored(running, [event_id, after]), "what came after the copies is a row")
    ours = f"WHERE event_id = '{event_id}'"
    assert running.query(f"SELECT case_number FROM frwatch.searches {ours}") == [("first",)]
    rules = running.query(f"SELECT rule_id, count() FROM frwatch.violations {ours} GROUP BY 1")
    assert sorted(rules) == [("commercial-service", 1), ("training-certificate", 1)]


SOME_DAY = 1_700_000_000_000_000
DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("later", "fields"),
    [
        ({}, None),
        ({"agency_id": "lasd"}, {"agency_id", "officer"}),
        ({"occurred_at": SOME_DAY + 40 * DAY}, {"occurred_at"}),
        ({"agency_id": "lasd", **CLEARVIEW}, {"agency_id", "officer", "endpoint", "provider"}),
        (CLEARVIEW, {"endpoint", "provider"}),
    ],
    ids=["alike", "another agency", "weeks apart", "all of it", "a finding of its own"],
)
def test_copies_of_a_search_count_once_and_what_the_later_one_says_otherwise_is_kept(
    running: Stack, make_search: MakeSearch, later: dict[str, Any], fields: set[str] | None
) -> None:
    """One after the other in two partitions, and both in one batch: the first one counts in every table."""
    ids = fresh(3)
    first = {"occurred_at": SOME_DAY, "training_cert": "C-1", "provider": "LACRIS"}
    known = ", ".join(map(repr, ids[:2]))

    def copy(event_id: str, **said: Any) -> bytes:
        return make_search(**({"event_id": event_id} | first | said))

    running.produce("searches", [copy(ids[0])], partition=2)
    until(lambda: ids_stored(running, ids[:1]), "the first copy of the first is a row")
    running.produce("searches", [copy(ids[1]), copy(ids[1], **later)], partition=1)
    running.produce("searches", [copy(ids[0], **later), make_search(event_id=ids[2])], partition=0)
    arrived = f"SELECT count() FROM frwatch.search_arrivals WHERE event_id IN ({known})"
    until(lambda: running.scalar(arrived) == 4, "the later copies came")
    told = f"SELECT fields, broken_rules FROM frwatch.search_differences WHERE event_id IN ({known})"
    until(lambda: len(running.query(told)) == (2 if fields else 0), "the differences are kept")
    until(lambda: ids_stored(running, ids), "each is a row, once")
    for named, broken in running.query(told):
        assert set(named) == fields
        assert broken == (["lapd-fr/commercial-service"] if later == CLEARVIEW else [])
    found = f"SELECT count() FROM frwatch.violations WHERE event_id IN ({known})"
    for _ in range(2):
        until(lambda: running.scalar(found) == 0, "no finding of a later copy counts", 5)
        rows = running.query(
            "SELECT agency_id, provider_id, toUnixTimestamp64Micro(occurred_at), broken_rules"
            f" FROM frwatch.searches WHERE event_id IN ({known})"
        )
        assert rows == [("lapd", "lacris", SOME_DAY, [])] * 2
        for table in ("searches_raw", "violations_raw"):
            running.command(f"OPTIMIZE TABLE frwatch.{table} FINAL")


def test_an_agency_that_no_register_has_is_kept_marked_and_reported(
    running: Stack, make_search: MakeSearch
) -> None:
    ids = fresh(3)
    strange = {"agency_id": "Springfield P.D.", "requesting_agency_id": "[bold]Shelbyville[/]"}
    known = make_search(event_id=ids[2], agency_id="L.A.P.D.", requesting_agency_id="LASD")
    running.produce("searches", [*(make_search(event_id=each, **strange) for each in ids[:2]), known])
    until(lambda: ids_stored(running, ids), "the searches are rows")
    rows = running.query(
        "SELECT agency_id, agency_known, requesting_agency_id, requesting_agency_known, count()"
        f" FROM frwatch.searches WHERE event_id IN ({', '.join(map(repr, ids))}) GROUP BY ALL ORDER BY ALL"
    )
    assert rows == [
        ("Springfield P.D.", False, "[bold]Shelbyville[/]", False, 2),
        ("lapd", True, "lasd", True, 1),
    ]
    told = {"Springfield P.D.": 2, "[bold]Shelbyville[/]": 2}
    until(lambda: told.items() <= running.signs()[0]["unknown_agencies"].items(), "the worker reports them")
    assert running.worker_log().count("Springfield P.D.") == 1


def test_outcomes_are_kept_once(running: Stack) -> None:
    outcome = {"outcome_id": str(uuid.uuid4()), "agency_id": "lapd", "recorded_at": 0, "kind": "ARREST"}
    value = encode(contract("outcome"), outcome)
    running.produce("outcomes", [value, value, b"junk"])
    sql = f"SELECT kind, agency_id FROM frwatch.outcomes WHERE outcome_id = '{outcome['outcome_id']}'"
    assert until(lambda: running.query(sql), "the outcome is a row") == [("ARREST", "lapd")]


def test_both_framings_are_read_from_one_topic_with_a_real_registry(
    kafka: str, stack: Stack, registry: str, make_search: MakeSearch
) -> None:
    async def register() -> int:
        client = Registry(registry)
        try:
            return await client.register(f"{stack.prefix}searches-value", contract("search"))
        finally:
            await client.close()

    schema_id = asyncio.run(register())
    with stack_for(kafka, stack.clickhouse, stack.home, stack.prefix, registry) as known:
        known.start_worker()
        values = [make_search(schema_id=schema_id if i % 2 else None, **CLEARVIEW) for i in range(100)]
        unknown = confluent_head(999_999) + values[0][10:]
        known.produce("searches", [*values, unknown])
        until(lambda: stored(known, 100), "all are rows")
        letters = "SELECT reason FROM frwatch.dead_letters WHERE kafka_topic = {topic}"
        until(lambda: known.query(letters) == [("unknown_schema",)], "the unknown id is a dead letter")
        heads = {(message.value() or b"")[:1] for message in known.consume("violations")}
        assert heads == {b"\x00"}, "violations are Confluent-framed where a registry is configured"


def test_a_registry_that_is_away_makes_no_dead_letters(
    kafka: str, stack: Stack, make_search: MakeSearch
) -> None:
    """Values that name a schema wait for the registry; nothing is judged bad for its absence."""
    from deploy.local.ports import free_ports

    with stack_for(kafka, stack.clickhouse, stack.home, stack.prefix, None) as before:
        before.produce("searches", [make_search(schema_id=1)])
    away = f"http://127.0.0.1:{free_ports(1)[0]}/apis/ccompat/v7"
    with stack_for(kafka, stack.clickhouse, stack.home, stack.prefix, away) as known:
        with pytest.raises(AssertionError, match="did not take|does not answer"):
            known.start_worker()
        assert known.scalar("SELECT count() FROM frwatch.dead_letters WHERE kafka_topic = {topic}") == 0


def test_sigterm_stops_a_worker_within_ten_seconds_and_another_goes_on(
    stack: Stack, make_search: MakeSearch
) -> None:
    first = stack.start_worker()
    stack.produce("searches", [make_search() for _ in range(1000)])
    until(lambda: stored(stack, 1000), "all are rows")
    stack.produce("searches", [make_search() for _ in range(500)])
    first.terminate()
    assert first.wait(10) == 0, stack.worker_log()
    stack.start_worker()
    until(lambda: stored(stack, 1500), "the other worker stores the rest")


@pytest.mark.slow
def test_two_workers_share_the_partitions(stack: Stack, make_search: MakeSearch) -> None:
    first, _second = stack.start_worker(), stack.start_worker()
    stack.produce("searches", [make_search() for _ in range(2000)])
    until(lambda: stored(stack, 2000), "all are rows")
    first.terminate()
    assert first.wait(10) == 0, stack.worker_log()
    stack.produce("searches", [make_search() for _ in range(500)])
    until(lambda: stored(stack, 2500), "the other worker stores the rest")
