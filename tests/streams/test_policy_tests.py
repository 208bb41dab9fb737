from __future__ import annotations

import pytest

from schemas.errors import WrongUse
from streams.policy_tests import TestResult, run_policy_tests
from tests.streams.searches import agencies, catalogue, policies, rule_policy


def results(tests: str, when: str = "provider_class = 'commercial'") -> list[TestResult]:
    return run_policy_tests(policies(rule_policy(when) + f"tests:\n{tests}"), catalogue(), agencies())


def test_a_test_holds_where_exactly_its_rules_are_broken() -> None:
    found = results(
        "  - {name: one, event: {provider: Clearview}, expect: [r]}\n"
        "  - {name: two, event: {provider: LACRIS}, expect: [r]}\n"
        "  - {name: three, event: {provider: Clearview}, expect: []}\n"
        "  - {name: four, event: {provider: Clearview, evidence: ACCESS}, expect: [r],"
        " certainty: CONFIRMED}\n"
    )
    assert [each.passed for each in found] == [True, False, False, False]
    assert str(found[1]) == "policy-0.yaml:12:12: p: two: expected r, found nothing"
    assert str(found[3]) == "policy-0.yaml:14:12: p: four: expected r (CONFIRMED), found r (SUSPECTED)"


def test_what_an_event_leaves_out_is_lawful_and_in_force() -> None:
    when = "officer IS NOT NULL AND training_cert IS NOT NULL AND evidence = 'SEARCH' AND NOT outside_agency"
    [found] = results("  - {name: n, expect: [r]}\n", when)
    assert found.passed


def test_a_policy_of_an_hour_has_a_moment_in_force() -> None:
    head = "agencies: [lapd]\neffective: {from: 2020-11-13T00:00:00Z, until: 2020-11-13T01:00:00Z}"
    text = rule_policy("TRUE", head=head) + "tests: [{name: n, expect: [r]}]\n"
    assert [each.passed for each in run_policy_tests(policies(text), catalogue(), agencies())] == [True]


def test_an_event_that_is_no_search_is_refused_with_every_place() -> None:
    event = "{provider: 3, colour: red, at: 2020-11-13, galleries: x, candidates: 1.5, evidence: RUMOUR}"
    with pytest.raises(WrongUse) as error:
        results(f"  - name: n\n    event: {event}\n    expect: []\n")
    told = str(error.value).splitlines()
    assert len(told) == 6
    assert told[0] == "policy-0.yaml:12:23: provider: 3 is not a text; put it in quotes"
    assert told[1].startswith("policy-0.yaml:12:26: a search has no field 'colour'; it has account, ")
    assert "'2020-11-13' has no offset" in told[2]
