from __future__ import annotations

from collections import Counter

import pytest

from schemas.agencies import load_agencies
from schemas.catalogue_files import load_catalogue
from schemas.policies import load_policies
from schemas.service_name import is_telling
from schemas.settings import Settings
from streams.names import NameMatcher
from streams.policy_tests import TestResult, run_policy_tests

SETTINGS = Settings()
AGENCIES = load_agencies(SETTINGS.agencies)
CATALOGUE = load_catalogue(SETTINGS.catalogue)
POLICIES = load_policies(SETTINGS.policies, AGENCIES)
RESULTS = run_policy_tests(POLICIES, CATALOGUE, AGENCIES)


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: f"{result.policy_id}: {result.name}")
def test_every_shipped_policy_test_holds(result: TestResult) -> None:
    assert result.passed, str(result)


def test_the_shipped_policies_are_those_of_the_design() -> None:
    rules = {policy.id: [(rule.id, rule.severity) for rule in policy.rules] for policy in POLICIES}
    assert rules == {
        "lapd-fr": [
            ("commercial-service", "CRITICAL"),
            ("outside-agency", "HIGH"),
            ("training-certificate", "MEDIUM"),
            ("authorised-system", "HIGH"),
        ],
        "statewide": [("unlisted-service", "MEDIUM")],
    }


def test_every_rule_of_every_shipped_policy_has_a_test_that_breaks_it() -> None:
    proven = {(result.policy_id, rule) for result in RESULTS for rule in result.found}
    assert proven == {(policy.id, rule.id) for policy in POLICIES for rule in policy.rules}


def test_every_rule_of_the_directive_says_where_it_is_written() -> None:
    [lapd] = [policy for policy in POLICIES if policy.id == "lapd-fr"]
    assert all(rule.cites for rule in lapd.rules)


def test_a_dozen_agencies_of_the_county_are_known_and_those_that_ask_them() -> None:
    ids = set(AGENCIES.by_id)
    assert {"lapd", "lasd", "lbpd", "city-of-los-angeles", "los-angeles-county", "fbi", "ice", "hsi"} <= ids
    assert sum(agency_id.endswith("-pd") for agency_id in ids) >= 10
    assert AGENCIES.by_id["lapd"].parent == "city-of-los-angeles"
    assert AGENCIES.by_id["lasd"].parent == "los-angeles-county"


def test_every_class_of_service_is_in_the_catalogue() -> None:
    classes = Counter(provider.provider_class for provider in CATALOGUE)
    assert len(CATALOGUE) >= 100
    assert set(classes) == {"commercial", "government", "agency", "not_fr", "unknown"}


@pytest.mark.parametrize(
    ("provider_id", "provider_class"),
    [
        ("clearview-ai", "commercial"),
        ("pimeyes", "commercial"),
        ("lacris", "government"),
        ("nec-neoface", "agency"),
        ("flock", "not_fr"),
        ("accurint", "unknown"),
    ],
)
def test_well_known_services_have_their_ids(provider_id: str, provider_class: str) -> None:
    assert CATALOGUE.by_id[provider_id].provider_class == provider_class


def test_every_name_in_the_catalogue_finds_its_own_service_or_decides_nothing() -> None:
    matcher = NameMatcher(CATALOGUE)
    for provider in CATALOGUE:
        for name in provider.names:
            match = matcher.match(name)
            assert match.provider_id == provider.id or match.ambiguous, name


@pytest.mark.parametrize(
    "name",
    [
        "Face",
        "FR",
        "Face Recognition",
        "facial recognition",
        "FaceSearch",
        "Face Finder",
        "Clear",
        "mugshot system",
        "Identify",
        "IDENT",
        "Lumen",
        "FACES",
        "SNAP",
        "Vigilant",
        "Veritone",
        "DataWorks Plus",
        "Cognitec",
        "NEC",
        "Search",
    ],
)
def test_a_word_of_the_trade_or_a_makers_name_accuses_nobody(name: str) -> None:
    assert NameMatcher(CATALOGUE).match(name).provider_id is None


def test_no_name_that_accuses_is_a_word_of_the_trade() -> None:
    loose = {
        name
        for provider in CATALOGUE
        if provider.provider_class in ("commercial", "government", "agency")
        for name in provider.names
        if not is_telling(name)
    }
    assert loose == {"Face++"}


def test_hosts_that_do_more_than_faces_say_so() -> None:
    weak = {host.host for provider in CATALOGUE for host in provider.hosts if host.strength == "weak"}
    assert {
        "lenso.ai",
        "socialcatfish.com",
        "www.clearview.ai",
        "rekognition.us-west-2.amazonaws.com",
    } <= weak
    assert not {"app.clearview.ai", "clearview.ai", "pimeyes.com", "facecheck.id"} & weak


def test_no_service_that_matches_no_faces_shares_a_domain_with_one_that_does() -> None:
    faces = {host.host for p in CATALOGUE if p.provider_class != "not_fr" for host in p.hosts}
    for provider in CATALOGUE:
        if provider.provider_class == "not_fr":
            assert not {host.host for host in provider.hosts} & faces


@pytest.mark.parametrize(
    ("ori", "agency_id"), [("CA0194200", "lapd"), ("ca0190000", "lasd"), ("CA 0194100", "lbpd")]
)
def test_an_ori_names_its_agency(ori: str, agency_id: str) -> None:
    agency = AGENCIES.resolve(ori)
    assert agency is not None
    assert agency.id == agency_id


def test_oris_of_california_begin_alike_and_are_known_for_most_of_the_county() -> None:
    known = [agency.ori for agency in AGENCIES if agency.ori]
    assert len(known) == len(set(known)) >= 18
    assert all(ori.startswith("CA0") for ori in known)
