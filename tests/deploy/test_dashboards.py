"""Dashboards and alert rules as Grafana and Prometheus read them: whole, and of metrics that there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import promql_parser
import pytest
from ruamel.yaml import YAML

from streams.alerting.metrics import Metrics as AlertMetrics
from streams.inputs.collector.metrics import Metrics as CollectorMetrics
from tests.support.grafana import FOLDER, dashboards, panels

BOARDS = dashboards()
PROMETHEUS = FOLDER.parent / "prometheus"
PERSONS = re.compile(r"officer|requester|approved_by|client_ip|probe_hash")
COUNTED_PEOPLE = re.compile(r"uniqExact(If)?\(officer|countIf\(isNull\(approved_by\)\)")


def of_yaml(path: str) -> Any:
    return YAML(typ="safe").load((FOLDER.parent / path).read_text())


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_is_whole(name: str) -> None:
    board = BOARDS[name]
    assert board["schemaVersion"] == 42
    assert board["title"]
    assert board["description"]
    assert "frwatch" in board["tags"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    known = {variable["name"] for variable in board["templating"]["list"]}
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        if panel["type"] in {"row", "text"}:
            continue
        assert panel["title"]
        assert len(panel["description"]) > 20
        for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
            assert source["uid"].strip("${}") in known
        assert set(re.findall(r"\$\{(\w+)", str(panel["targets"]))) <= known


def test_no_two_dashboards_have_one_uid() -> None:
    uids = [board["uid"] for board in BOARDS.values()]
    assert len(set(uids)) == len(uids)


@pytest.mark.parametrize("name", BOARDS)
def test_no_panel_lies_over_another(name: str) -> None:
    for one, other in combinations((panel["gridPos"] for panel in BOARDS[name]["panels"]), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below


def test_a_panel_of_clickhouse_is_written_in_sql_of_the_format_that_it_draws() -> None:
    for name, panel in panels("grafana-clickhouse-datasource"):
        (target,) = panel["targets"]
        series = panel["type"] == "timeseries"
        assert target["editorType"] == "sql", name
        assert (target["format"], target["queryType"]) == ((0, "timeseries") if series else (1, "table")), (
            name
        )
        assert "_raw" not in target["rawSql"], name
        assert "*" not in target["rawSql"], f"{name}: an auditor may not read every column"
        if series or panel["type"] in {"stat", "table"}:
            assert "now(" not in target["rawSql"], name


def test_a_count_of_searches_says_that_it_counts_no_sign_of_one() -> None:
    for name, panel in panels("grafana-clickhouse-datasource"):
        if "counted_searches" in panel["targets"][0]["rawSql"]:
            assert "never a site that was reached (ACCESS) or looked up (LOOKUP)" in panel["description"], (
                name
            )


def test_a_dashboard_without_persons_has_none() -> None:
    public = {name for name, board in BOARDS.items() if "no-persons" in board["tags"]}
    assert public == set(BOARDS) - {"violations", "violation"}
    for name, panel in panels("grafana-clickhouse-datasource"):
        if name.partition(":")[0] in public:
            sql = COUNTED_PEOPLE.sub("", panel["targets"][0]["rawSql"])
            assert not PERSONS.search(sql), name


def test_links_lead_to_dashboards_that_there_are() -> None:
    found = re.findall(r"/d/([\w-]+)/", str(BOARDS))
    assert found
    assert set(found) <= {board["uid"] for board in BOARDS.values()}


def test_grafana_is_given_the_sources_and_the_folder_that_the_dashboards_name() -> None:
    sources = of_yaml("grafana/provisioning/datasources/frwatch.yaml")["datasources"]
    by_uid = {source["uid"]: source for source in sources}
    for board in BOARDS.values():
        for variable in board["templating"]["list"]:
            if variable["type"] == "datasource":
                assert by_uid[variable["current"]["value"]]["type"] == variable["query"]
    assert not [
        source for source in sources if source.get("secureJsonData", {}).get("password", "$")[0] != "$"
    ]
    (provider,) = of_yaml("grafana/provisioning/dashboards/frwatch.yaml")["providers"]
    assert provider["type"] == "file"


def rules() -> dict[str, dict[str, Any]]:
    return {
        rule["alert"]: rule for group in of_yaml("prometheus/rules.yaml")["groups"] for rule in group["rules"]
    }


def expressions() -> Iterator[tuple[str, str]]:
    for name, rule in rules().items():
        yield name, rule["expr"]
    for name, panel in panels("prometheus"):
        for target in panel["targets"]:
            yield name, target["expr"].replace("$__rate_interval", "1m")


def metrics() -> set[str]:
    """Every series that the alerter and the collector can show, and Prometheus' own."""
    found = {"up"}
    for registry in (AlertMetrics().registry, CollectorMetrics().registry):
        for family in registry.collect():
            suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(
                family.type, [""]
            )
            found |= {family.name + suffix for suffix in suffixes}
    return found


@pytest.mark.parametrize(("name", "expression"), list(expressions()))
def test_prometheus_is_asked_for_metrics_that_there_are(name: str, expression: str) -> None:
    promql_parser.parse(expression)
    named = set(re.findall(r"\b(?:frwatch_\w+|up)\b", re.sub(r'"[^"]*"', "", expression)))
    assert named
    assert named <= metrics()


@pytest.mark.parametrize("name", rules())
def test_an_alert_rule_says_what_is_the_matter_and_what_to_do(name: str) -> None:
    rule = rules()[name]
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "action"}
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))


def test_prometheus_loads_the_rules_and_asks_processes_by_the_names_that_they_use() -> None:
    config = of_yaml("prometheus/prometheus.yaml")
    assert [(PROMETHEUS / file).exists() for file in config["rule_files"]] == [True]
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    assert all(job.startswith("frwatch-") for job in jobs)
