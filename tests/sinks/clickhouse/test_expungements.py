"""What a court orders to be forgotten is erased in every table, and no count changes; on the real engine."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import clickhouse_connect
import fastavro
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.errors import FrwatchError
from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.copies import Copies
from sinks.clickhouse.erasure import ERASED, Kind, Name, holds_case, name_of
from sinks.clickhouse.expungements import TABLES, again, expunge
from sinks.clickhouse.holds import place_hold, release_hold
from sinks.clickhouse.mutations import await_old_parts
from sinks.clickhouse.removed import Removed
from sinks.clickhouse.tombstones import Order
from streams.forget import forgotten_of
from tests.support.clickhouse import migrated_clickhouse
from tests.support.stored import Stored, attempt, command, outcome, rows, store, tables_of

KEY = b"k" * 32
CASE = "20-004711"
PROBE = "ab" * 32
OFFICER = "cd" * 32
NAMES = ("lapd", "Los Angeles Police Department")
SECRETS = (CASE, PROBE, "Doe", "10.9.8.7", "REQ-77")
TEXTS = {
    "case_number": CASE,
    "probe_hash": PROBE,
    "request_ref": "REQ-77",
    "client_ip": "10.9.8.7",
    "endpoint": "https://fr.example/search?case=" + CASE,
    "officer": OFFICER,
    "training_cert": "CERT-5",
    "crime_type": "robbery",
}
GROUP = json.dumps({"agency_id": "lapd", "case_number": CASE, "officer": OFFICER}, separators=(",", ":"))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with migrated_clickhouse(tmp_path_factory.mktemp("expungements")) as found:
        yield found


@pytest.fixture
def settings(engine: Settings) -> Settings:
    """The engine with nothing in it."""
    for (table,) in rows(
        engine,
        "SELECT name FROM system.tables WHERE database = 'frwatch' AND endsWith(engine, 'MergeTree')"
        " AND name != 'migrations'",
    ):
        command(engine, f"TRUNCATE TABLE frwatch.{table}")
    return engine


def order(text: str = CASE, kind: Kind = "case", **more: Any) -> Order:
    return Order(name_of(KEY, kind, "lapd", text), "Superior Court, 26-77, 2026-03-01", "S1", **more)


@pytest.fixture
def search(settings: Settings) -> Stored:
    """A search of the case, with all that there can be of one, beside others that nobody named."""
    found = Stored(texts=TEXTS, rules=("p/a",), attributes={"name": "J. Doe", "lines": "3"})
    beside = {"case_number": "20-1", "probe_hash": "11" * 32, "endpoint": "https://fr.example/"}
    other = Stored(texts=TEXTS | beside, rules=("p/a",))
    elsewhere = Stored(agency_id="lasd", texts={"case_number": CASE})
    store(settings, [found])
    # A copy that says otherwise, in another month.
    copy = Stored(texts=TEXTS, event_id=found.event_id, occurred_at=datetime(2020, 8, 1, tzinfo=UTC))
    store(settings, [other, elsewhere, copy])

    async def settle() -> None:
        async with connect(settings) as client:
            copies = Copies(client)
            copies.note("t", 0, found.offset, copy.offset)
            await copies.settle()

    asyncio.run(settle())
    told = [
        outcome(found, note="arrested J. Doe"),
        outcome(case_number=CASE, note="charged J. Doe", kind="CHARGE"),
        outcome(other, note="kept"),
    ]
    store(settings, outcomes=told, attempts=[attempt(found.violation_ids[0], GROUP)])
    command(
        settings,
        "INSERT INTO frwatch.alert_acknowledgements_raw (alert_id, acknowledged_at, acknowledged_by, note)"
        " SELECT alert_id, now64(6), 'S2', 'asked about Doe' FROM frwatch.alert_attempts_raw",
    )
    for offset, value in enumerate((b"\x08lapd\x12" + CASE.encode(), b"\x08lasd\x12" + CASE.encode())):
        command(
            settings,
            "INSERT INTO frwatch.dead_letters_raw (kafka_topic, kafka_partition, kafka_offset, received_at,"
            f" reason, key, value) VALUES ('fr.searches', 0, {offset}, now64(6), 'damaged', 'x',"
            f" unhex('{value.hex()}'))",
        )
    return found


def said_of(settings: Settings, needle: str) -> dict[str, int]:
    """In how many rows of which table a text stands, in whatever column."""
    tables = rows(
        settings,
        "SELECT name FROM system.tables WHERE database = 'frwatch' AND endsWith(engine, 'MergeTree')",
    )
    found = {}
    for (table,) in tables:
        sql = f"SELECT countIf(position(toString(tuple(*)), '{needle}') > 0) FROM frwatch.{table}"
        if count := rows(settings, sql)[0][0]:
            found[table] = count
    return found


COUNTS = (
    "SELECT agency_id, toDate(occurred_at), evidence, provider_class, officer, broken_rules, crime_type,"
    " count(), uniqExact(case_number), countIf(isNull(case_number)) FROM frwatch.searches"
    " GROUP BY ALL ORDER BY ALL",
    "SELECT agency_id, policy_id, rule_id, certainty, count() FROM frwatch.violations"
    " GROUP BY ALL ORDER BY ALL",
    "SELECT kind, told_of, age_band, race, gender, count(), uniqExact(event_id) FROM frwatch.search_outcomes"
    " GROUP BY ALL ORDER BY ALL",
    "SELECT kafka_topic, reason, count() FROM frwatch.dead_letters GROUP BY ALL ORDER BY ALL",
    "SELECT outcome, count() FROM frwatch.alerts GROUP BY ALL ORDER BY ALL",
)


def counts(settings: Settings) -> list[list[tuple[Any, ...]]]:
    return [rows(settings, sql) for sql in COUNTS]


def test_a_case_is_erased_in_every_table_and_no_count_changes(settings: Settings, search: Stored) -> None:
    before = counts(settings)
    assert expunge(settings, order(), CASE, NAMES, dry_run=True).rows == {
        "search": 1,
        "outcome": 2,
        "dead_letter": 1,
    }
    assert said_of(settings, "Doe") == {
        "searches_raw": 1,
        "outcomes_raw": 2,
        "alert_acknowledgements_raw": 1,
    }
    assert rows(settings, "SELECT count() FROM frwatch.expungements_raw") == [(0,)]

    found = expunge(settings, order(), CASE, NAMES)
    assert found.rows == {"search": 1, "outcome": 2, "dead_letter": 1, "violation": 1}
    assert found.unsure == 1
    assert counts(settings) == before
    # What is left of the number is another agency's.
    assert said_of(settings, CASE) == {"searches_raw": 1, "dead_letters_raw": 1}
    for secret in ("Doe", PROBE, "REQ-77", "10.9.8.7"):
        theirs = {"REQ-77", "10.9.8.7"} & {secret}
        assert said_of(settings, secret) == ({"searches_raw": 1} if theirs else {}), secret
    # Nor is there a hash of it that could be tried out.
    assert rows(
        settings,
        "SELECT DISTINCT content FROM frwatch.search_arrivals WHERE event_id = {id:UUID}",
        id=search.event_id,
    ) == [(0,)]
    assert rows(
        settings, "SELECT count() FROM frwatch.outcome_arrivals WHERE content = 0 AND empty(said)"
    ) == [(2,)]
    assert rows(
        settings,
        "SELECT count() FROM frwatch.outcomes_raw WHERE case_key = cityHash64('lapd', {case:String})",
        case=CASE,
    ) == [(0,)]
    kept = rows(
        settings,
        "SELECT case_number, attributes, endpoint, expunged, crime_type FROM frwatch.searches"
        " WHERE event_id = {id:UUID}",
        id=search.event_id,
    )
    assert kept == [(order().name.token, {"lines": "3"}, None, True, "robbery")]
    assert rows(settings, "SELECT evidence FROM frwatch.violations WHERE expunged") == [
        ({"case_number": "", "account": "trial"},)
    ]
    (group,) = rows(settings, "SELECT group_key FROM frwatch.alerts")[0]
    assert json.loads(group) == json.loads(GROUP) | {"case_number": order().name.token}
    # No mutation, which the server keeps, has the name in it.
    texts = " ".join(text for (text,) in rows(settings, "SELECT command FROM system.mutations"))
    assert not [secret for secret in SECRETS if secret in texts]


def test_the_tombstone_says_that_and_when_and_on_whose_authority(settings: Settings, search: Stored) -> None:
    expunge(settings, order(), CASE, NAMES)
    (tomb,) = rows(
        settings,
        "SELECT kind, agency_id, court_order, said_by, isNotNull(finished_at), again_at, rows"
        " FROM frwatch.expungements",
    )
    counted = {"search": 1, "outcome": 2, "dead_letter": 1, "violation": 1}
    assert tomb == ("case", "lapd", "Superior Court, 26-77, 2026-03-01", "S1", True, None, counted)


def test_what_comes_later_is_erased_too(settings: Settings, search: Stored) -> None:
    expunge(settings, order(), CASE, NAMES)
    before = counts(settings)
    assert again(settings, KEY, "S1") == []
    # The same event resent, past a worker that knows better; an outcome of it; and a new search of the case.
    store(settings, [replace(search, offset=9_000)])
    store(settings, outcomes=[outcome(search, note="tried J. Doe", kind="LEAD")])
    assert said_of(settings, CASE)["searches_raw"] == 2
    (found,) = again(settings, KEY, "S2")
    assert found.rows["outcome"] == 3
    assert said_of(settings, CASE) == {"searches_raw": 1, "dead_letters_raw": 1}
    assert said_of(settings, "Doe") == {}
    assert counts(settings)[:2] == before[:2]
    assert again(settings, KEY, "S2") == []
    store(settings, [Stored(texts=TEXTS | {"case_number": f" {CASE} "})])
    (found,) = again(settings, KEY, "S2")
    assert found.rows["search"] == 2
    assert said_of(settings, CASE) == {"searches_raw": 1, "dead_letters_raw": 1}
    # It is still one case.
    assert rows(settings, "SELECT uniqExact(case_number) FROM frwatch.searches WHERE agency_id = 'lapd'") == [
        (2,)
    ]
    assert rows(settings, "SELECT count() FROM frwatch.expungements") == [(1,)]


def test_a_case_on_hold_is_refused_with_who_holds_it_and_why(settings: Settings, search: Stored) -> None:
    hold = place_hold(settings, "lapd", CASE, "S9", "discovery in 26-1")
    with pytest.raises(
        FrwatchError, match=r"a legal hold keeps it: .* by S9 \(discovery in 26-1\)"
    ) as refused:
        expunge(settings, order(), CASE, NAMES)
    assert refused.value.exit_status == 1
    with pytest.raises(FrwatchError, match="discovery in 26-1"):
        expunge(settings, order(PROBE, "probe"), PROBE)
    with pytest.raises(FrwatchError, match="discovery in 26-1"):
        expunge(settings, order(OFFICER, "officer"), OFFICER)
    assert said_of(settings, "Doe") != {}
    release_hold(settings, hold.hold_id, "S9", "settled")
    expunge(settings, order(), CASE, NAMES)
    # The audit of the hold stays, without the case.
    assert "legal_holds_raw" not in said_of(settings, CASE)
    assert rows(settings, "SELECT placed_by, released_by, reason FROM frwatch.legal_holds") == [
        ("S9", "S9", ERASED)
    ]


def test_a_probe_is_erased_and_its_cases_are_told(settings: Settings, search: Stored) -> None:
    before = counts(settings)
    found = expunge(settings, order(PROBE, "probe"), PROBE)
    assert found.cases == [CASE]
    assert counts(settings) == before
    assert said_of(settings, PROBE) == {}
    assert rows(
        settings, "SELECT case_number FROM frwatch.searches WHERE event_id = {id:UUID}", id=search.event_id
    ) == [(CASE,)]
    # The case itself may be ordered later.
    expunge(settings, order(), CASE, NAMES)
    assert "violations_raw" not in said_of(settings, CASE)


def test_an_officer_stays_one_person(settings: Settings, search: Stored) -> None:
    person = "SELECT uniqExact(officer), count(officer) FROM frwatch.searches"
    before = rows(settings, person)
    others = counts(settings)[1:]
    expunge(settings, order(OFFICER, "officer"), OFFICER)
    assert said_of(settings, OFFICER) == said_of(settings, "CERT-5") == {}
    assert rows(settings, person) == before
    assert counts(settings)[1:] == others
    assert rows(settings, "SELECT countIf(ifNull(training_cert, '') = '') FROM frwatch.searches") == [(1,)]
    assert rows(settings, "SELECT DISTINCT length(officer) FROM frwatch.violations") == [(64,)]


@pytest.mark.parametrize("kind", ["case", "probe", "officer"])
def test_a_worker_erases_what_an_expungement_erases(settings: Settings, search: Stored, kind: Kind) -> None:
    text = {"case": CASE, "probe": PROBE, "officer": OFFICER}[kind]
    ordered = order(text, kind)
    expunge(settings, ordered, text, NAMES)
    late = replace(search, event_id=uuid4(), offset=8_000)
    tables = tables_of([late])
    forgotten = forgotten_of(tables, Removed(names=frozenset({ordered.name})), KEY)
    store(settings, tables={name: forgotten.rows(name, rows) for name, rows in tables.items()})
    for table, but in (("searches", ""), ("violations", ", violation_id")):
        both = rows(
            settings,
            f"SELECT DISTINCT * EXCEPT (event_id, kafka_offset{but}) FROM frwatch.{table}"
            " WHERE event_id IN {ids:Array(UUID)}",
            ids=[search.event_id, late.event_id],
        )
        assert len(both) == 1, table
    assert rows(settings, "SELECT content FROM frwatch.search_arrivals WHERE kafka_offset = 8000") == [(0,)]
    assert again(settings, KEY, "S1") == [] or kind == "officer"


POINTS = ("expunge-begun", "expunge-listed", "expunge-searches_raw", "expunge-outcomes_raw", "expunge-erased")


@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_is_killed_is_gone_on_with_under_one_tombstone(
    settings: Settings, search: Stored, point: str
) -> None:
    before = counts(settings)
    arguments = ["expunge", "--case", CASE, "--agency", "lapd", "--order", order().court_order, "--by", "S1"]
    environment = {
        **os.environ,
        "FRWATCH_FAULT_POINT": point,
        "FRWATCH_PSEUDONYM_KEY": KEY.decode(),
        "FRWATCH_CLICKHOUSE": settings.clickhouse.get_secret_value(),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments], env=environment, check=False, capture_output=True
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert rows(settings, "SELECT count(), isNull(any(finished_at)) FROM frwatch.expungements") == [(1, True)]
    if point == "expunge-begun":
        # Nobody need know the name to go on.
        assert [each.id for each in again(settings, KEY, "S2")] == [order().id]
        assert again(settings, KEY, "S2") == []
    expunge(settings, order(), CASE, NAMES)
    assert counts(settings) == before
    assert said_of(settings, CASE) == {"searches_raw": 1, "dead_letters_raw": 1}
    tomb = "SELECT count(), isNotNull(any(finished_at)), any(rows['search']) FROM frwatch.expungements"
    assert rows(settings, tomb) == [(1, True, 1)]


# The engine looks for old parts each half minute, table after table: of those of other tests too.
@pytest.mark.slow
def test_the_disk_has_nothing_of_it_once_the_old_parts_are_gone(settings: Settings, search: Stored) -> None:
    command(settings, "ALTER TABLE frwatch.searches_raw MODIFY COLUMN case_number CODEC(NONE)")
    command(settings, "OPTIMIZE TABLE frwatch.searches_raw FINAL")
    alone = Stored(agency_id="burbank-pd", texts={"case_number": "BB-77-ALONE"})
    store(settings, [alone])
    name = name_of(KEY, "case", "burbank-pd", "BB-77-ALONE")
    assert on_disk(settings, b"BB-77-ALONE")
    expunge(settings, Order(name, "Superior Court, 26-78", "S1"), "BB-77-ALONE", ("burbank-pd",))
    client = clickhouse_connect.get_client(dsn=settings.clickhouse.get_secret_value())
    try:
        assert await_old_parts(client, TABLES, 240) == {}
    finally:
        client.close()
    assert on_disk(settings, b"BB-77-ALONE") == []


def on_disk(settings: Settings, needle: bytes) -> list[str]:
    """The files of the engine in which these bytes stand."""
    files = [file for file in (settings.home / "data").rglob("*") if file.is_file()]
    return [str(file) for file in files if needle in file.read_bytes()]


def test_demographics_go_where_the_order_asks_for_them(settings: Settings, search: Stored) -> None:
    expunge(settings, order(demographics=True), CASE, NAMES)
    told = "SELECT expunged, count(), countIf(isNull(race) AND isNull(age_band) AND isNull(gender))"
    assert rows(settings, f"{told} FROM frwatch.outcomes GROUP BY 1 ORDER BY 1") == [
        (False, 1, 0),
        (True, 2, 2),
    ]


def test_every_table_that_could_name_somebody_is_known(settings: Settings) -> None:
    naming = (
        "case_number",
        "probe_hash",
        "request_ref",
        "client_ip",
        "note",
        "notes",
        "attributes",
        "evidence",
        "group_key",
        "value",
        "officer",
    )
    found = rows(
        settings,
        "SELECT DISTINCT c.table FROM system.columns AS c INNER JOIN system.tables AS t"
        " ON t.database = c.database AND t.name = c.table WHERE c.database = 'frwatch'"
        " AND endsWith(t.engine, 'MergeTree') AND has({names:Array(String)}, c.name)"
        # Of a roll-up it is the tier.
        " AND NOT (c.name = 'evidence' AND startsWith(c.type, 'LowCardinality'))",
        names=list(naming),
    )
    # What the catalogue notes of a service is about no person.
    assert {table for (table,) in found} - {"providers_raw"} <= set(TABLES)


# The length of the first is a capital letter's byte, that of the second has two bytes.
@example(case="0" * 33, before=b"", after=b"")
@example(case="0" * 70, before=b"", after=b"7")
@given(
    case=st.text(st.characters(codec="ascii", categories=["Nd", "Lu", "Pd"]), min_size=1, max_size=100),
    before=st.binary(max_size=8),
    after=st.binary(max_size=8),
)
def test_a_number_that_avro_wrote_is_found_whatever_stands_beside_it(
    case: str, before: bytes, after: bytes
) -> None:
    text = io.BytesIO()
    fastavro.schemaless_writer(text, "string", case)
    value = before + text.getvalue() + after + b"\x08lapd"
    assert holds_case(value, None, case, NAMES)
    assert not holds_case(value.replace(b"lapd", b""), b"lasd/P1", case, ("lapd-",))


def test_a_number_within_a_longer_one_is_another() -> None:
    assert not holds_case(b"\x12120-00471\x08lapd", None, "20-00471", NAMES)
    assert holds_case(b'{"case": "20-00471"}', b"lapd/P1", "20-00471", NAMES)


def test_a_name_is_known_by_a_hash_that_needs_the_key() -> None:
    assert name_of(KEY, "case", "lapd", f" {CASE.upper()} ") == name_of(KEY, "case", "lapd", CASE)
    others = [(b"x" * 32, "lapd", CASE), (KEY, "lasd", CASE), (KEY, "lapd", CASE + "1")]
    mine: Name = name_of(KEY, "case", "lapd", CASE)
    assert all(name_of(key, "case", agency, text).hashed != mine.hashed for key, agency, text in others)
    assert CASE not in mine.token
