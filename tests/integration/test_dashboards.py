"""Every panel's SQL, as Grafana's data source sends it, on the real engine with the played scenario."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from deploy.demo.scenario import Scenario
from schemas.settings import Settings
from sinks.clickhouse.asking import asking
from sinks.clickhouse.migrate import migrate
from tests.support.clickhouse import running_clickhouse
from tests.support.grafana import ALL, Variables, Window, dashboards, expand, panels
from tests.support.worker import Stack

pytestmark = pytest.mark.timeout(300)
PANELS = dict(panels("grafana-clickhouse-datasource"))
VARIABLES = {
    f"{name}: {variable['name']}": variable
    for name, board in dashboards().items()
    for variable in board["templating"]["list"]
    if variable["type"] == "query"
}
TEXT, TIME = {"String", "UUID"}, {"DateTime", "Date"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A table that came back, its columns with the bare names of their types."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    seconds: float


@dataclass(frozen=True, slots=True)
class Source:
    """A data source, and a finding in it to look at."""

    settings: Settings
    finding: str

    def ask(self, sql: str, **chosen: Sequence[str] | str) -> Asked:
        variables: Variables = {
            "agency": ALL,
            "provider": ALL,
            "policy": ALL,
            "violation": self.finding,
        } | chosen
        window = Window(
            datetime(2019, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(minutes=1), timedelta(days=2)
        )
        with asking(self.settings) as client:
            began = time.perf_counter()
            answer = client.query(expand(sql, variables, window), settings={"readonly": 2})
            took = time.perf_counter() - began
        bare = tuple(each.base_type.removeprefix("Nullable(") for each in answer.column_types)
        return Asked(tuple(answer.column_names), bare, answer.result_rows, took)


@pytest.fixture(scope="module")
def source(played: tuple[Stack, Scenario]) -> Source:
    stack, _ = played
    found = stack.scalar(
        "SELECT violation_id FROM frwatch.violations WHERE isNotNull(officer) AND event_id IN "
        "(SELECT event_id FROM frwatch.search_outcomes) ORDER BY violation_id LIMIT 1"
    )
    return Source(stack.settings(), str(found))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """A search of a moment ago whose finding was told: the scenario, which is of years ago, has none."""
    finding, event = "0b0e7f5e-6c43-4b0e-9a39-3d8f7e0c1a52", "6a2f0a0e-1d0b-4c8e-8a55-2f7a54f0c0de"
    names = f"toUUID('{event}') AS event_id, now64(6) - INTERVAL 3 SECOND AS occurred_at, 'lapd' AS agency_id"
    came = "now64(6) - INTERVAL 2 SECOND AS ingested_at"
    rule = "'lapd-fr' AS policy_id, 'outside-agency' AS rule_id, 'HIGH' AS severity, 'CONFIRMED' AS certainty"
    judged = f"toUUID('{finding}') AS violation_id, now64(6) - INTERVAL 1 SECOND AS detected_at, {rule}"
    alert = "generateUUIDv4() AS alert_id, 'oversight' AS destination, 1 AS attempt, 'first' AS kind"
    tried = "'delivered' AS outcome, now64(6) AS decided_at, now64(6) AS due_at, now64(6) AS attempted_at"
    rows = {
        "searches_raw": f"{names}, {came}, 'SEARCH' AS evidence, 'lacris-web' AS source",
        "violations_raw": f"{names}, {came}, {judged}",
        "alert_attempts_raw": f"{names.partition(', ')[2]}, {judged}, {alert}, {tried}",
    }
    with running_clickhouse(tmp_path_factory.mktemp("told")) as engine:
        settings = Settings(clickhouse=SecretStr(engine.url))
        asyncio.run(migrate(settings))
        with asking(settings) as client:
            for table, row in rows.items():
                columns = ", ".join(part.rpartition(" AS ")[2] for part in row.split(", ") if " AS " in part)
                client.command(f"INSERT INTO frwatch.{table} ({columns}) SELECT {row}")
        yield Source(settings, finding)


def check(panel: dict[str, Any], asked: Asked) -> None:
    """A panel gets the columns that it draws: see the plugin's query editor, and Grafana's visualisations."""
    assert not [each for each in asked.types if each in {"Array", "Map", "Tuple"}]
    numbers = [each for each in asked.types if each not in TEXT | TIME and not each.startswith("DateTime")]
    match panel["type"]:
        case "timeseries":
            assert asked.types[0] == "DateTime", "the time comes first"
            assert set(asked.types[1:]) <= TEXT | set(numbers)
            assert numbers
            times = [row[0] for row in asked.rows]
            assert None not in times
            assert times == sorted(times), "a long frame is made wide only in the order of time"
        case "stat":
            assert len(asked.types) == len(numbers) == 1
            assert len(asked.rows) == 1
            assert asked.rows[0][0] is not None
        case "barchart":
            assert asked.types[0] in TEXT
            assert len(numbers) == len(asked.types) - 1 == 1
        case kind:
            assert kind == "table"


@pytest.mark.parametrize("name", PANELS)
def test_a_panel_gets_rows_of_the_types_it_draws_within_a_second(
    source: Source, told: Source, name: str
) -> None:
    panel = PANELS[name]
    (target,) = panel["targets"]
    asked = source.ask(target["rawSql"])
    tries = [asked.seconds]
    while min(tries) >= 1 and len(tries) < 5:  # of a busy machine the best try is the panel's own
        tries.append(source.ask(target["rawSql"]).seconds)
    assert min(tries) < 1, tries
    asked = asked if asked.rows else told.ask(target["rawSql"])
    assert asked.rows
    check(panel, asked)


@pytest.mark.parametrize("name", PANELS)
def test_a_choice_of_agency_and_service_is_what_a_panel_is_asked_for(source: Source, name: str) -> None:
    sql = PANELS[name]["targets"][0]["rawSql"]
    hostile = "x' OR 1=1 --"
    nothing = source.ask(
        sql, agency=["o'brien-pd"], provider=["lacris", "o'"], policy=[hostile], violation=hostile
    )
    if "${" in sql and PANELS[name]["type"] != "stat":
        assert not nothing.rows
    if "agency}" in sql or "${agency" in sql:
        some = source.ask(sql, agency=["lapd"])
        if "agency" in some.columns:
            assert {row[some.columns.index("agency")] for row in some.rows} <= {"lapd"}


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_has_choices(source: Source, name: str) -> None:
    asked = source.ask(VARIABLES[name]["query"]["rawSql"])
    assert len(asked.rows) > 1
    assert asked.types == ("String",)
    assert asked.seconds < 1


def test_the_numbers_on_the_wall_are_those_that_were_sent(
    source: Source, played: tuple[Stack, Scenario]
) -> None:
    searches = played[1].searches
    counted = searches.filter((searches["evidence"] == "SEARCH") & (searches["true_class"] != "not_fr"))
    (row,) = source.ask(PANELS["use: Searches"]["targets"][0]["rawSql"]).rows
    assert row[0] == counted.height
    (row,) = source.ask(PANELS["use: Searches"]["targets"][0]["rawSql"], agency=["lapd"]).rows
    assert row[0] == counted.filter(counted["true_agency"] == "lapd").height
    letters = source.ask(PANELS["pipeline: Dead letters by reason"]["targets"][0]["rawSql"]).rows
    assert sum(row[2] for row in letters) == len(played[1].malformed)
