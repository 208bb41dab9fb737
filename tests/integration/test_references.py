"""What judged a search can be read in SQL: versions are there before the rows that name them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from schemas.agencies import load_agencies
from schemas.catalogue_files import load_catalogue
from sinks.clickhouse.migrate import migrate
from sinks.kafka.topics import ensure_topics
from streams.policy_files import read_policies
from tests.integration.conftest import fresh_prefix
from tests.integration.test_faults import publish_step
from tests.integration.test_whole_way import CLEARVIEW, fresh, stored
from tests.streams.conftest import MakeSearch
from tests.support.clickhouse import running_clickhouse
from tests.support.worker import Stack, stack_for, until


def test_each_search_and_violation_finds_what_judged_it(stack: Stack, make_search: MakeSearch) -> None:
    stack.start_worker()
    stack.produce("searches", [make_search(**CLEARVIEW) for _ in range(3)])
    until(lambda: stored(stack, 3), "the first are stored")
    version = publish_step(stack, 1)
    until(lambda: {sign["policies"] for sign in stack.signs()} == {version}, "the new set is in force")
    stack.produce("searches", [make_search(**CLEARVIEW) for _ in range(2)])
    until(lambda: stored(stack, 5), "those after it are stored")

    meant = stack.query(
        "SELECT v.rule_id, v.title = r.title, v.severity = r.severity, r.when_sql, r.cites, count()"
        " FROM frwatch.violations AS v INNER JOIN frwatch.rules AS r"
        " ON r.policy_version = v.policy_version AND r.rule_id = v.rule_id"
        " WHERE v.kafka_topic = {topic} AND v.rule_id IN ('commercial-service', 'r1') GROUP BY ALL ORDER BY 1"
    )
    cited = ["Directive of 2020-11-13, clause 1: no third-party commercial FR services (seed)"]
    assert meant == [
        ("commercial-service", 1, 1, "provider_class = 'commercial'", cited, 3),
        ("r1", 1, 1, "evidence = 'SEARCH'", [], 2),
    ]
    judged = stack.query(
        "SELECT s.policies_version, groupUniqArray(p.policy_id), any(c.name), any(c.operator) IS NOT NULL"
        " FROM frwatch.searches AS s INNER JOIN frwatch.policy_sets AS p"
        " ON p.policies_version = s.policies_version INNER JOIN frwatch.providers AS c"
        " ON c.catalogue_version = s.catalogue_version AND c.provider_id = s.provider_id"
        " WHERE s.kafka_topic = {topic} GROUP BY 1 ORDER BY length(groupUniqArray(p.policy_id))"
    )
    assert judged[0] == (version, ["step"], "Clearview AI", True)
    assert {"lapd-fr", "statewide"} <= set(judged[1][1])
    now = "SELECT policy_id, effective_from, agencies FROM frwatch.policies_current"
    assert stack.query(now) == [("step", "2000-01-01", ["*"])]
    assert stack.query("SELECT rule_id FROM frwatch.rules_current") == [("r1",)]


def test_the_tables_say_what_the_files_say(stack: Stack, make_search: MakeSearch) -> None:
    stack.start_worker()
    settings = stack.settings()
    agencies, catalogue = load_agencies(settings.agencies), load_catalogue(settings.catalogue)
    policies = read_policies([settings.policies], agencies)
    until(
        lambda: stack.scalar(
            f"SELECT count() FROM frwatch.versions_in_force WHERE policies_version = '{policies.version}'"
        ),
        "what is in force is told before any search comes",
    )
    told = stack.query(
        "SELECT provider_id, name, provider_class, operator, hosts FROM frwatch.providers"
        f" WHERE catalogue_version = '{catalogue.version}'"
    )
    assert sorted(told) == [
        (each.id, each.name, each.provider_class, each.operator, [host.host for host in each.hosts])
        for each in catalogue
    ]
    of_register = f"agencies_version = '{agencies.version}'"
    told = stack.query(
        f"SELECT agency_id, name, timezone, parent_id, domains FROM frwatch.agencies WHERE {of_register}"
    )
    assert sorted(told) == [
        (each.id, each.name, each.timezone, each.parent, list(each.domains)) for each in agencies
    ]
    (bound,) = stack.query(
        "SELECT DISTINCT toString(in_force_from), in_force_until, agency_id FROM frwatch.policy_bindings"
        f" WHERE policy_id = 'lapd-fr' AND {of_register}"
    )
    assert bound == ("2020-11-13 08:00:00.000000", None, "lapd"), "midnight in Los Angeles"


@pytest.mark.slow  # an engine of its own that is stopped and started
def test_while_clickhouse_is_away_versions_wait_and_no_search_is_lost(
    kafka: str, tmp_path: Path, make_search: MakeSearch
) -> None:
    with running_clickhouse(tmp_path / "engine") as engine:
        port = engine.port
        with stack_for(kafka, engine.url, tmp_path, fresh_prefix()) as stack:
            asyncio.run(migrate(stack.settings()))
            asyncio.run(ensure_topics(stack.settings(), partitions=4))
            stack.start_worker()
            until(lambda: stack.scalar("SELECT count() FROM frwatch.versions_in_force"), "the start is told")
            engine.process.terminate()
            engine.process.wait()
            version = publish_step(stack, 2)
            until(lambda: {sign["policies"] for sign in stack.signs()} == {version}, "the set is in force")
            ids = fresh(50)
            stack.produce("searches", [make_search(event_id=each) for each in ids])
            until(lambda: "ClickHouse does not answer" in stack.worker_log(), "the worker waits")
            with running_clickhouse(tmp_path / "engine", port):
                until(lambda: stored(stack, 50), "every search is there, once")
                unnamed = (
                    "SELECT count() FROM frwatch.searches WHERE policies_version NOT IN"
                    " (SELECT policies_version FROM frwatch.policy_sets)"
                )
                assert stack.scalar(unnamed) == 0
                stack.stop_workers()
