"""What is expunged or removed stays so, whatever comes again, on a real broker, engine and worker."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from deploy.cli import main
from deploy.demo.scenario import OUTCOME, SEARCH, Scenario
from schemas.contracts import contract
from schemas.wire import encode
from sinks.clickhouse.erasure import name_of
from sinks.reports.render_data import to_json
from sinks.reports.shelf import REPORTS
from tests.integration.test_reports import PERIODS, asked, behind, every_byte
from tests.streams.conftest import MakeSearch
from tests.support.kafka import fresh_prefix
from tests.support.played import playing, stored
from tests.support.worker import KEY, Stack, until

pytestmark = pytest.mark.timeout(300)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def played(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Scenario]]:
    """The demo's scenario, sent and stored, with a worker, in an engine of its own."""
    with playing(kafka, tmp_path_factory.mktemp("forgetting"), fresh_prefix(), events=2_500) as played:
        yield played


@pytest.fixture
def run(
    played: tuple[Stack, Scenario], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs a command of `frwatch` against the stack: its exit status, output and errors."""
    for variable, value in played[0].environment().items():
        monkeypatch.setenv(variable, value)

    def runs(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out = capsys.readouterr()
        return int(ended.value.code or 0), out.out, out.err

    return runs


ORDER = ("--order", "Superior Court, 26-77, 2026-03-01", "--by", "S1", "--wait", "0s", "--json")


def case_of(stack: Stack, where: str) -> str:
    """A case of the LAPD of which an outcome speaks that names no search."""
    found: str = stack.scalar(
        "SELECT min(s.case_number) FROM frwatch.counted_searches AS s WHERE s.agency_id = 'lapd'"
        f" AND isNotNull(s.case_number) AND NOT s.expunged AND {where} AND s.case_number IN"
        " (SELECT case_number FROM frwatch.outcomes WHERE agency_id = 'lapd' AND isNull(event_id))"
    )
    assert found
    return found


def every_report(stack: Stack) -> dict[str, str]:
    """All reports over all years, as JSON."""
    return {name: to_json(asked(stack.settings(), name, PERIODS[0])) for name in REPORTS}


def stands(stack: Stack, text: str) -> set[str]:
    """The tables in which a text stands, in whatever column of the LAPD's rows."""
    names = stack.query(
        "SELECT DISTINCT table FROM system.columns WHERE database = 'frwatch' AND endsWith(table, '_raw')"
        " AND name = 'agency_id'"
    )
    sql = "SELECT count() FROM frwatch.{} WHERE agency_id = 'lapd' AND position(toString(tuple(*)), '{}') > 0"
    return {table for (table,) in names if stack.scalar(sql.format(table, text))}


def test_no_byte_of_a_report_changes_when_a_case_is_expunged(
    played: tuple[Stack, Scenario], run: Run
) -> None:
    stack, _ = played
    case = case_of(stack, "s.provider_class = 'government'")
    before = every_report(stack)
    assert stands(stack, case) >= {"searches_raw", "outcomes_raw"}
    _, out, _ = run("expunge", "--case", case, "--agency", "LAPD", *ORDER)
    told = json.loads(out)
    assert told["expunged"][0]["rows"]["search"] >= 1
    assert told["expunged"][0]["rows"]["outcome"] >= 1
    assert set(told["kafka_days"]) == {
        stack.prefix + name
        for name in ("searches", "outcomes", "violations", "dead", "alert-state", "alert-commands")
    }
    # The local broker keeps them.
    assert set(told["kafka_days"].values()) == {None}
    assert stands(stack, case) == set()
    after = every_report(stack)
    assert [name for name in REPORTS if before[name] != after[name]] == []


# It asks and renders all reports four times, for some 40 s.
@pytest.mark.slow
def test_the_list_of_cases_loses_the_number_alone(played: tuple[Stack, Scenario], run: Run) -> None:
    """One table names cases, for internal use: there, and nowhere else, the number gives way."""
    stack, _ = played
    case = case_of(stack, "s.provider_class = 'commercial'")
    before, lapd = every_byte(stack.settings()), to_json(asked(stack.settings(), "lapd", PERIODS[0]))
    run("expunge", "--case", case, "--agency", "lapd", *ORDER)
    after = every_byte(stack.settings())
    assert {key.split(" ")[0] for key in before if before[key] != after[key]} == {"lapd"}

    def tables(text: str) -> dict[str, list[Any]]:
        return {table["id"]: table["rows"] for table in json.loads(text)["tables"]}

    token = name_of(KEY.encode(), "case", "lapd", case).token
    one, other = tables(lapd), tables(to_json(asked(stack.settings(), "lapd", PERIODS[0])))
    assert [name for name in one if one[name] != other[name]] == ["cases"]
    renamed = [
        json.loads(json.dumps(row).replace(json.dumps(case), json.dumps(token))) for row in one["cases"]
    ]
    assert sorted(map(json.dumps, renamed)) == sorted(map(json.dumps, other["cases"]))


def test_a_worker_stores_what_comes_later_without_the_name(
    played: tuple[Stack, Scenario], run: Run, make_search: MakeSearch
) -> None:
    stack, scenario = played
    case = case_of(stack, "s.provider_class = 'government'")
    run("expunge", "--case", case, "--agency", "lapd", *ORDER)
    token = name_of(KEY.encode(), "case", "lapd", case).token
    before = stored(stack)
    arrivals = "SELECT count() FROM frwatch.search_arrivals"
    came = int(stack.scalar(arrivals))
    # All searches and outcomes of the scenario again, and of this case a new one of each.
    for kind, topic in ((SEARCH, "searches"), (OUTCOME, "outcomes")):
        stack.produce(topic, [message.value for message in scenario.messages() if message.kind == kind])
    again = sum(message.kind == SEARCH for message in scenario.messages())
    search = make_search(
        case_number=case, attributes={"name": "J. Doe"}, agency_id="LAPD", probe_hash="ab" * 32
    )
    outcome = {
        "outcome_id": "0b0e7f5e-6c43-4b0e-9a39-3d8f7e0c1a52",
        "agency_id": "lapd",
        "case_number": case,
        "recorded_at": datetime(2021, 5, 1, tzinfo=UTC),
        "kind": "ARREST",
        "note": "J. Doe",
    }
    stack.produce("searches", [search])
    stack.produce("outcomes", [encode(contract("outcome"), outcome)])
    until(lambda: int(stack.scalar(arrivals)) == came + again + 1, "all have arrived")
    wanted = (before[0] + 1, before[1] + 1, before[2])
    until(lambda: stored(stack) == wanted, "one search and one outcome more are stored")
    # The resent ones were erased before they were stored: nothing is left for a run to find.
    assert stands(stack, case) == set()
    assert stands(stack, "J. Doe") == set()
    assert (
        int(stack.scalar(f"SELECT count() FROM frwatch.searches WHERE case_number = '{token}' AND expunged"))
        > 1
    )
    its = f"(SELECT event_id FROM frwatch.searches WHERE case_number = '{token}')"
    assert not stack.query(f"SELECT * FROM frwatch.search_differences WHERE event_id IN {its}")


def test_what_retention_removed_is_not_brought_back_by_a_replay(
    played: tuple[Stack, Scenario], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack, _ = played
    terms = stack.home / "terms.yaml"
    terms.write_text(f"default: {{keep: {(datetime.now(UTC).date() - date(2020, 11, 13)).days} days}}\n")
    monkeypatch.setenv("FRWATCH_RETENTION", str(terms))
    held = case_of(stack, "s.occurred_at < '2020-11-01'")
    run("hold", "add", held, "--agency", "lapd", "--by", "S9", "--reason", "order 7")
    plan = json.loads(run("retention", "plan", "--json")[1])
    gone = json.loads(run("retention", "apply", "--by", "S1", "--json")[1])
    assert gone == {name: plan[name] for name in gone}
    removed = sum(each["removed"] for each in gone["searches"])
    kept = sum(each["held"] for each in gone["searches"])
    assert removed > 500
    assert kept >= 1
    after = stored(stack)[0]
    events = set(stack.query("SELECT event_id FROM frwatch.searches"))

    # The whole of every partition once more, by another group: as a client's resend, in other words.
    stack.spawn_worker(FRWATCH_GROUP=f"{stack.prefix}replay")
    until(lambda: behind(stack, f"{stack.prefix}replay") == 0, "all is replayed")
    until(lambda: stack.scalar("SELECT count() FROM frwatch.past_retention"), "what came is written down")
    assert stored(stack)[0] == after
    assert set(stack.query("SELECT event_id FROM frwatch.searches")) == events
    assert int(stack.scalar(f"SELECT count() FROM frwatch.searches WHERE case_number = '{held}'")) == kept
    told = "SELECT uniqExact(agency_id, month), count() FROM frwatch.past_retention WHERE evidence != ''"
    agencies, records = stack.query(told)[0]
    assert agencies > 10
    assert records >= removed
    assert stack.scalar("SELECT countIf(evidence = 'SEARCH') FROM frwatch.past_retention") > 0
    assert json.loads(run("retention", "plan", "--json")[1])["searches"] == [
        each | {"removed": 0} for each in plan["searches"] if each["held"]
    ]
