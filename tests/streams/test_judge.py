from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.contracts import contract
from schemas.errors import WrongUse
from streams.enrich import Enricher
from streams.judge import VIOLATION, VIOLATIONS, Judge, Judged, RuleFailed
from streams.shape import column_types
from tests.streams.searches import KEY, NOW, agencies, catalogue, policies, rule_policy, searches

ENRICHER = Enricher(catalogue(), agencies(), KEY)
COMMERCIAL = rule_policy("provider_class = 'commercial'")


def judge(events: list[dict[str, Any]], *texts: str) -> Judged:
    return Judge(policies(*texts), agencies()).judge(ENRICHER.enrich(searches(events)), NOW)


def broken(events: list[dict[str, Any]], *texts: str) -> list[list[str]]:
    found: list[list[str]] = judge(events, *texts).searches["broken_rules"].to_list()
    return found


def test_the_columns_of_violations_are_those_of_the_contract() -> None:
    uuids = {"violation_id": pl.Binary(), "event_id": pl.Binary()}
    assert column_types(contract("violation")) | uuids == VIOLATION


def test_a_violation_says_all_that_the_contract_asks_for() -> None:
    event = {
        "provider": "Clearview",
        "officer_id": "7",
        "case_number": "C-1",
        "requesting_agency_id": "LASD",
        "event_id": UUID("0af76519-16cd-43dd-8448-eb211c80319c").bytes,
    }
    policy = rule_policy("provider_class = 'commercial' AND candidates IS NULL AND officer IS NOT NULL")
    judged = judge([{"provider": "LACRIS"}, event], policy)
    [row] = judged.violations.to_dicts()
    name = "0af76519-16cd-43dd-8448-eb211c80319c/p/r"
    assert row == {
        "violation_id": uuid5(VIOLATIONS, name).bytes,
        "event_id": event["event_id"],
        "occurred_at": datetime(2021, 6, 1, tzinfo=UTC),
        "detected_at": NOW,
        "agency_id": "lapd",
        "officer": ENRICHER.pseudonym("lapd", "7"),
        "policy_id": "p",
        "policy_version": next(iter(policies(policy))).version,
        "rule_id": "r",
        "severity": "HIGH",
        "certainty": "CONFIRMED",
        "provider_id": "clearview-ai",
        "requesting_agency_id": "lasd",
        "case_number": "C-1",
        "title": "t",
        "evidence": {"provider_class": "commercial"},
        "kafka_topic": "fr.searches",
        "kafka_partition": 3,
        "kafka_offset": 1,
    }
    assert judged.searches["broken_rules"].to_list() == [[], ["p/r"]]
    assert judged.searches["certainty"].to_list() == [None, "CONFIRMED"]


def test_violations_have_their_types_with_and_without_rows() -> None:
    batches: list[list[dict[str, Any]]] = [[], [{}], [{"provider": "Clearview"}]]
    for batch in batches:
        schema = judge(batch, COMMERCIAL).violations.schema
        assert {name: schema[name] for name in VIOLATION} == VIOLATION
        assert list(schema)[len(VIOLATION) :] == ["kafka_topic", "kafka_partition", "kafka_offset"]


def test_the_evidence_is_an_arrow_map() -> None:
    arrow = judge([{"provider": "Clearview"}], COMMERCIAL).violations["evidence"].to_arrow()
    assert pa.types.is_map(arrow.type)


def test_the_evidence_never_holds_what_points_at_a_person_and_no_long_value() -> None:
    when = (
        "requester IS NOT NULL AND probe_hash IS NOT NULL AND client_ip IS NOT NULL AND purpose IS NOT NULL"
        " AND occurred_at > DATE '2000-01-01' AND ARRAY_LENGTH(galleries) = 2"
        " AND unit IS NULL AND outside_agency"
    )
    event = {
        "requester": "a@lasd.org",
        "probe_hash": "ff",
        "client_ip": "10.0.0.1",
        "purpose": "x" * 10_000,
        "galleries": ["a", "b"],
    }
    [evidence] = judge([event], rule_policy(when)).violations["evidence"].to_list()
    assert evidence == {
        "purpose": "x" * 512,
        "occurred_at": "2021-06-01T00:00:00.000000Z",
        "galleries": "a, b",
        "outside_agency": "true",
    }


@pytest.mark.parametrize(
    ("event", "certainty"),
    [
        ({"provider": "Clearview"}, "CONFIRMED"),
        ({"provider": "Clearview", "evidence": "ACCESS"}, "SUSPECTED"),
        ({"provider": "Clearview", "evidence": "LOOKUP"}, "SUSPECTED"),
        ({"provider": "New Thing"}, "SUSPECTED"),
        ({"endpoint": "www.clearview.ai"}, "SUSPECTED"),
        ({"endpoint": "https://clearview.ai/help"}, "SUSPECTED"),
        ({"endpoint": "https://clearview.ai/search"}, "CONFIRMED"),
    ],
)
def test_only_a_search_of_a_known_service_at_a_telling_place_confirms(
    event: dict[str, Any], certainty: str
) -> None:
    judged = judge([event], rule_policy("TRUE"))
    assert judged.violations["certainty"].to_list() == [certainty]
    assert judged.searches["certainty"].to_list() == [certainty]


def test_a_rule_may_cap_its_certainty_and_the_search_keeps_the_strongest() -> None:
    capped = rule_policy("TRUE", rule="    certainty: SUSPECTED\n")
    sure = rule_policy("candidates = 1").replace("policy: p", "policy: q")
    judged = judge(
        [{"provider": "Clearview", "candidates": 1}, {"provider": "Clearview"}, {"provider": "Plate Reader"}],
        capped,
        sure,
    )
    assert judged.searches["certainty"].to_list() == ["CONFIRMED", "SUSPECTED", None]
    assert judged.searches["broken_rules"].to_list() == [["p/r", "q/r"], ["p/r"], []]


def test_a_service_that_matches_no_faces_breaks_no_rule() -> None:
    assert broken([{"provider": "Plate Reader"}], rule_policy("TRUE")) == [[]]


def test_unless_exempts_and_null_does_not() -> None:
    policy = rule_policy("provider_class = 'commercial'", rule="    unless: legal_basis = 'warrant'\n")
    events = [{"provider": "Clearview", "legal_basis": basis} for basis in ("warrant", "consent", None)]
    assert broken(events, policy) == [[], ["p/r"], ["p/r"]]


def test_a_condition_that_is_null_is_not_met() -> None:
    assert broken([{"provider": "Clearview"}], rule_policy("unit <> 'x'")) == [[]]


def test_a_policy_binds_its_agencies_and_no_other() -> None:
    head = "agencies: [lapd, nypd]\neffective: {from: 2000-01-01}"
    events = [{"agency_id": agency} for agency in ("LAPD", "nypd", "lasd", "Springfield PD")]
    assert broken(events, rule_policy("TRUE", head=head)) == [["p/r"], ["p/r"], [], []]


def test_a_star_binds_agencies_that_nobody_knows_too() -> None:
    assert broken([{"agency_id": "Springfield PD"}, {"agency_id": "nypd"}], rule_policy("TRUE")) == [
        ["p/r"],
        ["p/r"],
    ]


def test_a_rule_may_bind_the_requesting_agency() -> None:
    head = "agencies: [lasd]\neffective: {from: 2000-01-01}"
    policy = rule_policy("TRUE", head=head, rule="    subject: requesting_agency_id\n")
    events = [{"requesting_agency_id": agency} for agency in ("LASD", "ICE", None)]
    judged = judge([*events, {"agency_id": "lasd"}], policy)
    assert judged.searches["broken_rules"].to_list() == [["p/r"], [], [], []]
    assert judged.violations["agency_id"].to_list() == ["lasd"]


def test_a_star_on_the_requesting_agency_binds_nobody_where_there_is_none() -> None:
    policy = rule_policy("TRUE", rule="    subject: requesting_agency_id\n")
    assert broken([{}, {"requesting_agency_id": "Springfield PD"}], policy) == [[], ["p/r"]]


def test_each_agency_has_its_own_midnight() -> None:
    head = 'agencies: "*"\neffective: {from: 2020-11-13, until: 2021-03-15}'
    moments = [
        ("nypd", "2020-11-13T04:59:59.999999+00:00", False),
        ("nypd", "2020-11-13T05:00:00+00:00", True),
        ("lapd", "2020-11-13T07:59:59.999999+00:00", False),
        ("lapd", "2020-11-13T08:00:00+00:00", True),
        ("Springfield PD", "2020-11-13T07:59:59.999999+00:00", False),
        ("Springfield PD", "2020-11-13T08:00:00+00:00", True),
        # Summer time has come between the two dates.
        ("lapd", "2021-03-15T06:59:59.999999+00:00", True),
        ("lapd", "2021-03-15T07:00:00+00:00", False),
    ]
    events = [
        {"agency_id": agency, "occurred_at": datetime.fromisoformat(moment)} for agency, moment, _ in moments
    ]
    found = broken(events, rule_policy("TRUE", head=head))
    assert [bool(rules) for rules in found] == [expected for *_, expected in moments]


def test_two_versions_of_a_policy_follow_each_other_in_time() -> None:
    head = 'agencies: "*"\neffective: {from: 2000-01-01, until: 2021-06-01T00:00:00Z}'
    later = rule_policy("TRUE", head='agencies: "*"\neffective: {from: 2021-06-01T00:00:00Z}').replace(
        "HIGH", "LOW"
    )
    at = datetime(2021, 6, 1, tzinfo=UTC)
    judged = judge(
        [{"occurred_at": at - timedelta(microseconds=1)}, {"occurred_at": at}],
        rule_policy("TRUE", head=head),
        later,
    )
    by_offset = judged.violations.sort("kafka_offset")
    assert by_offset["severity"].to_list() == ["HIGH", "LOW"]
    assert by_offset["policy_version"].n_unique() == 2


def test_every_rule_that_cannot_run_is_refused_with_its_place() -> None:
    bad = rule_policy("nope = 1") + '  - {id: s, title: t, severity: LOW, when: "TRUE", unless: provider}\n'
    with pytest.raises(WrongUse) as error:
        judge([], bad, COMMERCIAL.replace("policy: p", "policy: q"))
    told = str(error.value).splitlines()
    assert re.match(r"policy-0\.yaml:9:11: rule p/r: when there is no column nope; there are ", told[0])
    assert told[1:] == [
        "policy-0.yaml:10:60: rule p/s: unless is String, not boolean; compare it with something"
    ]


def test_a_rule_that_cannot_run_over_what_came_is_named_and_nothing_passes() -> None:
    frame = ENRICHER.enrich(searches([{}])).with_columns(pl.lit("many").alias("candidates"))
    with pytest.raises(RuleFailed, match=r"policy-0\.yaml:9:11: rule p/r fails: "):
        Judge(policies(rule_policy("candidates > 3")), agencies()).judge(frame, NOW)


def test_no_policies_break_nothing() -> None:
    judged = Judge(policies(), agencies()).judge(ENRICHER.enrich(searches([{}])), NOW)
    assert judged.searches["broken_rules"].to_list() == [[]]
    assert judged.violations.height == 0


# One event, one rule, read aloud from the contract.
CONDITIONS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "provider_class = 'commercial'": lambda row: row["provider_class"] == "commercial",
    "outside_agency": lambda row: row["outside_agency"],
    "candidates > 3": lambda row: row["candidates"] is not None and row["candidates"] > 3,
    "NOT candidates > 3": lambda row: row["candidates"] is not None and not row["candidates"] > 3,
    "training_cert IS NULL AND evidence = 'SEARCH'": lambda row: (
        row["training_cert"] is None and row["evidence"] == "SEARCH"
    ),
}
DAYS = [date(2020, 11, 13), date(2021, 3, 14), date(2021, 11, 7)]
rules = st.fixed_dictionaries(
    {
        "when": st.sampled_from(sorted(CONDITIONS)),
        "unless": st.none() | st.sampled_from(sorted(CONDITIONS)),
        "subject": st.sampled_from(["agency_id", "requesting_agency_id"]),
        "certainty": st.sampled_from(["CONFIRMED", "SUSPECTED"]),
        "agencies": st.sampled_from([None, ["lapd"], ["lapd", "nypd"], ["lasd", "ice", "nypd"]]),
        "from": st.sampled_from(DAYS[:2]),
        "until": st.none() | st.just(DAYS[2]),
    }
)
moments = st.builds(
    lambda day, zone, micros: (
        datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC) + timedelta(microseconds=micros)
    ),
    st.sampled_from(DAYS),
    st.sampled_from(["America/Los_Angeles", "America/New_York", "UTC"]),
    st.sampled_from([-1, 0, 1]),
)
events = st.fixed_dictionaries(
    {
        "occurred_at": moments,
        "agency_id": st.sampled_from(["LAPD", "lasd", "NYPD", "Springfield PD"]),
        "requesting_agency_id": st.sampled_from([None, "LASD", "nypd", "Springfield PD", "LAPD"]),
        "provider": st.sampled_from([None, "Clearview", "LACRIS", "Plate Reader"]),
        "endpoint": st.sampled_from([None, "www.clearview.ai", "clearview.ai"]),
        "evidence": st.sampled_from(["SEARCH", "ACCESS", "LOOKUP"]),
        "candidates": st.sampled_from([None, 1, 9]),
        "training_cert": st.sampled_from([None, "T"]),
    }
)


def policy_text(number: int, rule: dict[str, Any]) -> str:
    bound = '"*"' if rule["agencies"] is None else f"[{', '.join(rule['agencies'])}]"
    until = f", until: {rule['until']}" if rule["until"] else ""
    more = f"    subject: {rule['subject']}\n    certainty: {rule['certainty']}\n"
    more += f"    unless: {rule['unless']!r}\n" if rule["unless"] else ""
    head = f"agencies: {bound}\neffective: {{from: {rule['from']}{until}}}"
    return rule_policy(rule["when"], head=head, rule=more).replace("policy: p", f"policy: p{number}")


def plain_finding(row: dict[str, Any], rule: dict[str, Any]) -> str | None:
    """The certainty with which an enriched search breaks a rule, None where it does not."""
    subject = row[rule["subject"]]
    if subject is None or (rule["agencies"] is not None and subject not in rule["agencies"]):
        return None
    zone = ZoneInfo("America/New_York" if subject == "nypd" else "America/Los_Angeles")
    day = row["occurred_at"].astimezone(zone).date()
    if day < rule["from"] or (rule["until"] is not None and day >= rule["until"]):
        return None
    if row["provider_class"] == "not_fr" or not CONDITIONS[rule["when"]](row):
        return None
    if rule["unless"] is not None and CONDITIONS[rule["unless"]](row):
        return None
    proven = row["evidence"] == "SEARCH" and row["provider_class"] != "unknown"
    sure = proven and row["evidence_strength"] == "full" and rule["certainty"] == "CONFIRMED"
    return "CONFIRMED" if sure else "SUSPECTED"


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.lists(events, max_size=20), st.lists(rules, max_size=4))
def test_a_batch_is_judged_as_the_contract_reads_event_by_event(
    batch: list[dict[str, Any]], given_rules: list[dict[str, Any]]
) -> None:
    texts = [policy_text(number, rule) for number, rule in enumerate(given_rules)]
    frame = ENRICHER.enrich(searches(batch))
    judged = Judge(policies(*texts), agencies()).judge(frame, NOW)
    expected = [
        {f"p{n}/r": found for n, rule in enumerate(given_rules) if (found := plain_finding(row, rule))}
        for row in frame.to_dicts()
    ]
    assert judged.searches["broken_rules"].to_list() == [sorted(found) for found in expected]
    assert judged.searches["certainty"].to_list() == [min(found.values(), default=None) for found in expected]
    rows = judged.violations.select("kafka_offset", "policy_id", "certainty").rows()
    assert sorted(rows) == sorted(
        (offset, label.partition("/")[0], certainty)
        for offset, found in enumerate(expected)
        for label, certainty in found.items()
    )
    assert judged.violations["violation_id"].n_unique() == len(rows)
