"""What has been kept for long enough goes from every table, and a legal hold keeps it; on the real engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trials
from hypothesis import strategies as st

from deploy.cli import main
from schemas.agencies import parse_agencies
from schemas.errors import FrwatchError
from schemas.retention import TIERS, Cutoff, Retention, Term
from schemas.settings import Settings
from schemas.yaml_file import Source
from sinks.clickhouse.holds import find_holds, place_hold, release_hold
from sinks.clickhouse.retention import Due, apply, due, plan
from tests.support.clickhouse import migrated_clickhouse
from tests.support.stored import Stored, attempt, command, ids, outcome, rows, store

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OLD, NEW = datetime(2019, 3, 1, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC)
AGENCIES = parse_agencies([Source("a.yaml", "agencies: [{id: lapd, name: LAPD}, {id: lasd, name: LASD}]")])
FIVE_YEARS = Retention(Term(months=60)).cutoffs(NOW, AGENCIES)
EVENT_TABLES = ("searches_raw", "search_arrivals", "violations_raw", "search_differences_raw")
TABLES = (
    *EVENT_TABLES,
    "outcomes_raw",
    "outcome_arrivals",
    "search_decisions",
    "alert_attempts_raw",
    "alert_acknowledgements_raw",
    "dead_letters_raw",
    "legal_holds_raw",
    "retention_floors_raw",
    "retention_removals_raw",
    "retention_doomed",
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with migrated_clickhouse(tmp_path_factory.mktemp("retention")) as found:
        yield found


@pytest.fixture
def settings(engine: Settings) -> Settings:
    """The engine with nothing in it."""
    for table in TABLES:
        command(engine, f"TRUNCATE TABLE frwatch.{table}")
    return engine


def remove(settings: Settings, cutoffs: list[Cutoff] = FIVE_YEARS) -> list[Due]:
    return apply(settings, cutoffs, None, "S1", NOW).searches


def test_an_old_event_goes_from_every_table_and_its_copy_with_it(settings: Settings) -> None:
    old = Stored(occurred_at=OLD, rules=("p/a",), texts={"case_number": "19-1"})
    # A later copy with a time that is within the term must not take its place.
    copy = Stored(occurred_at=NEW, event_id=old.event_id)
    new = Stored(occurred_at=NEW, rules=("p/a",), texts={"case_number": "25-1"})
    store(settings, [old])
    store(settings, [copy, new])
    command(
        settings,
        "INSERT INTO frwatch.searches_raw (event_id, occurred_at, agency_id, ingested_at, kafka_topic,"
        " kafka_partition, kafka_offset, superseded, precedence) SELECT event_id, occurred_at, agency_id,"
        " ingested_at, kafka_topic, kafka_partition, kafka_offset, true, 18446744073709551615"
        f" FROM frwatch.searches_raw WHERE kafka_offset = {copy.offset}",
    )
    store(
        settings,
        outcomes=[
            outcome(old, recorded_at=NEW),
            outcome(new, recorded_at=NEW),
            outcome(case_number="19-1", recorded_at=OLD),
            outcome(case_number="25-1", recorded_at=OLD),
            outcome(case_number="19-9", recorded_at=OLD),
        ],
        attempts=[attempt(old.violation_ids[0]), attempt(new.violation_ids[0])],
    )
    found = plan(settings, FIVE_YEARS, None)
    assert found.searches == [Due("lapd", "SEARCH", 201903, 1, 0)]
    assert remove(settings) == found.searches
    for table in EVENT_TABLES[:3]:
        assert ids(settings, table) == {new.event_id}, table
    assert ids(settings, "alerts", "violation_id") == set(new.violation_ids)
    told = rows(settings, "SELECT event_id, case_number FROM frwatch.outcomes ORDER BY case_number")
    assert told == [(None, "25-1"), (new.event_id, None)]
    assert rows(settings, "SELECT count() FROM frwatch.outcome_arrivals") == [(2,)]
    removed = "SELECT agency_id, evidence, month, events, said_by FROM frwatch.retention_removals"
    assert rows(settings, removed) == [("lapd", "SEARCH", 201903, 1, "S1")]
    assert remove(settings) == []


def test_a_hold_keeps_a_case_with_all_that_belongs_to_it(settings: Settings) -> None:
    held = Stored(occurred_at=OLD, rules=("p/a",), texts={"case_number": "19-1"})
    told = Stored(occurred_at=OLD)
    free = Stored(occurred_at=OLD, texts={"case_number": "19-2"})
    elsewhere = Stored(occurred_at=OLD, agency_id="lasd", texts={"case_number": "19-1"})
    store(settings, [held, told, free, elsewhere])
    outcomes = [
        outcome(case_number="19-1", recorded_at=OLD),
        outcome(told, case_number="19-1", recorded_at=OLD),
        outcome(free, recorded_at=OLD),
    ]
    store(settings, outcomes=outcomes, attempts=[attempt(held.violation_ids[0])])
    hold = place_hold(settings, "lapd", "19-1", "S1", "order 7")
    assert remove(settings) == [Due("lapd", "SEARCH", 201903, 1, 2), Due("lasd", "SEARCH", 201903, 1, 0)]
    assert ids(settings, "searches") == {held.event_id, told.event_id}
    assert (
        ids(settings, "violations") == ids(settings, "search_arrivals") - {told.event_id} == {held.event_id}
    )
    assert len(ids(settings, "outcomes", "outcome_id")) == 2
    assert ids(settings, "alerts", "violation_id") == set(held.violation_ids)

    release_hold(settings, hold.hold_id, "S2", "vacated")
    with pytest.raises(FrwatchError, match="was released .* by S2"):
        release_hold(settings, hold.hold_id, "S3", "again")
    assert find_holds(settings) == []
    (kept,) = find_holds(settings, released=True)
    assert (kept.placed_by, kept.reason, kept.released_by, kept.released_because) == (
        "S1",
        "order 7",
        "S2",
        "vacated",
    )
    assert remove(settings) == [Due("lapd", "SEARCH", 201903, 2, 0)]
    assert ids(settings, "searches") | ids(settings, "violations") | ids(settings, "outcomes") == set()


def test_a_hold_that_is_set_after_the_plan_is_honoured(settings: Settings) -> None:
    held = Stored(occurred_at=OLD, texts={"case_number": "19-1"})
    store(settings, [held, Stored(occurred_at=OLD)])
    assert plan(settings, FIVE_YEARS, None).searches == [Due("lapd", "SEARCH", 201903, 2, 0)]
    # Even where the list of what goes has been written: the statement that removes looks for holds.
    with_fault(settings, "retention-listed")
    assert rows(settings, "SELECT count() FROM frwatch.retention_doomed") == [(2,)]
    place_hold(settings, "lapd", "19-1", "S1", "order 7")
    assert remove(settings) == [Due("lapd", "SEARCH", 201903, 0, 1)]
    assert ids(settings, "searches") == {held.event_id}
    assert rows(settings, "SELECT sum(events) FROM frwatch.retention_removals") == [(1,)]


POINTS = ["retention-listed", "retention-searches", "retention-violations_raw", "retention-noted"]


@pytest.mark.parametrize("point", POINTS)
def test_a_run_that_is_killed_is_gone_on_with(settings: Settings, point: str) -> None:
    old = [Stored(occurred_at=OLD, rules=("p/a",)) for _ in range(3)]
    new = Stored(occurred_at=NEW, rules=("p/a",))
    store(settings, [*old, new])
    store(settings, outcomes=[outcome(each) for each in old])
    with_fault(settings, point)
    assert rows(settings, "SELECT count() FROM frwatch.retention_doomed") == [(6,)]
    remove(settings)
    for table in EVENT_TABLES[:3]:
        assert ids(settings, table) == {new.event_id}, table
    assert ids(settings, "outcomes", "outcome_id") == ids(settings, "outcome_arrivals", "outcome_id") == set()
    assert rows(settings, "SELECT sum(events) FROM frwatch.retention_removals") == [(3,)]
    assert rows(settings, "SELECT count() FROM frwatch.retention_doomed") == [(0,)]


def with_fault(settings: Settings, point: str) -> None:
    """Run `frwatch retention apply` and have it killed at a place."""
    terms = settings.home / "five.yaml"
    terms.write_text("default: {keep: 5 years}\n")
    environment = {
        **os.environ,
        "FRWATCH_FAULT_POINT": point,
        "FRWATCH_RETENTION": str(terms),
        "FRWATCH_CLICKHOUSE": settings.clickhouse.get_secret_value(),
    }
    command = [sys.executable, "-m", "deploy.cli", "retention", "apply", "--by", "S1"]
    ended = subprocess.run(command, env=environment, check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


def test_dead_letters_go_but_for_those_that_hold_the_number_of_a_held_case(settings: Settings) -> None:
    for offset, value in enumerate((b"\x0819-1 damaged", b"something else", b"newer")):
        at = "2025-06-01" if value == b"newer" else "2019-06-01"
        command(
            settings,
            "INSERT INTO frwatch.dead_letters_raw (kafka_topic, kafka_partition, kafka_offset, received_at,"
            f" reason, value) VALUES ('t', 0, {offset}, '{at}', 'damaged', unhex('{value.hex()}'))",
        )
    place_hold(settings, "lapd", "19-1", "S1", "order 7")
    before = datetime(2024, 1, 1, tzinfo=UTC)
    assert plan(settings, FIVE_YEARS, before).dead_letters == 1
    assert apply(settings, FIVE_YEARS, before, "S1", NOW).dead_letters == 1
    assert rows(settings, "SELECT kafka_offset FROM frwatch.dead_letters ORDER BY 1") == [(0,), (2,)]


@pytest.fixture(scope="module")
def many(engine: Settings) -> list[Stored]:
    """Events around the beginnings of two years, in every tier, of known agencies and another."""
    for table in TABLES:
        command(engine, f"TRUNCATE TABLE frwatch.{table}")
    moments = [
        datetime(year, 6, 1, 12, tzinfo=UTC) + timedelta(hours=6 * n)
        for year in (2021, 2023)
        for n in range(-4, 5)
    ]
    found = [
        Stored(agency_id=agency, evidence=evidence, occurred_at=moment)
        for agency in ("lapd", "lasd", "it's nobody")
        for evidence in TIERS
        for moment in moments
    ]
    store(engine, found)
    return found


TERM = st.sampled_from([Term(), Term(months=36), Term(months=60), Term(days=1096), Term(days=1_826)])


@given(data=st.data())
@trials(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_sql_selects_what_the_cutoffs_say(
    engine: Settings, many: list[Stored], data: st.DataObject
) -> None:
    cutoffs = [
        cutoff
        for agency in ("lapd", "lasd", None)
        for evidence in TIERS
        for cutoff in Retention(data.draw(TERM)).cutoffs(NOW, AGENCIES)
        if (cutoff.agency_id, cutoff.evidence) == (agency, evidence)
    ]
    by = {(each.agency_id, each.evidence): each.before for each in cutoffs}
    expected = set()
    for each in many:
        agency = each.agency_id if each.agency_id in AGENCIES.by_id else None
        before = next(before for key, before in by.items() if key == (agency, each.evidence))
        if before is not None and each.occurred_at < before:
            expected.add(each.event_id)
    assert ids(engine, f"searches WHERE {due(cutoffs)}") == expected


def test_the_commands_say_what_they_did(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out = capsys.readouterr()
        return int(ended.value.code or 0), out.out, out.err

    terms = tmp_path / "terms.yaml"
    terms.write_text("default: {keep: 5 years}\n")
    monkeypatch.setenv("FRWATCH_CLICKHOUSE", settings.clickhouse.get_secret_value())
    monkeypatch.setenv("FRWATCH_RETENTION", str(terms))
    store(settings, [Stored(occurred_at=OLD, texts={"case_number": "19-1"}), Stored(occurred_at=OLD)])

    assert run("retention", "lint")[:2] == (0, "no faults: kept all else 5 years; dead letters forever\n")
    placed = json.loads(
        run("hold", "add", "19-1", "--agency", "LAPD", "--by", "S1", "--reason", "order 7", "--json")[1]
    )
    assert placed["agency_id"] == "lapd"
    assert "order 7" in run("hold", "list", "--case", "19-1")[1]
    told = json.loads(run("retention", "plan", "--json")[1])
    assert told["searches"] == [
        {"agency_id": "lapd", "evidence": "SEARCH", "month": 201903, "removed": 1, "held": 1}
    ]
    assert "would go 1 events; 1 are kept by a legal hold" in run("retention", "plan")[1]
    assert "removed 1 events; 1 are kept by a legal hold" in run("retention", "apply", "--by", "S1")[1]
    assert run("hold", "release", placed["hold_id"], "--by", "S2", "--reason", "vacated")[0] == 0
    code, _, error = run("hold", "release", str(uuid4()), "--by", "S2", "--reason", "x")
    assert (code, "there is no hold" in error) == (1, True)
    assert run("hold", "release", "x", "--by", "S2", "--reason", "x")[0] == 2
    assert run("hold", "add", " ", "--agency", "lapd", "--by", "S2", "--reason", "x")[0] == 2
    terms.write_text("default: {keep: soon}\n")
    assert run("retention", "lint")[0] == 1
    assert run("retention", "plan")[0] == 2
