"""A comparison counts what two judges would find apart; each is held against the judge itself."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.policies import PolicySet
from streams.enrich import Enricher
from streams.judge import Judge
from streams.policy_diff import Comparison, Difference
from tests.streams.searches import KEY, NOW, agencies, catalogue, policies, searches

ENRICHER = Enricher(catalogue(), agencies(), KEY)


def policy(name: str = "p", rules: str = "", **head: str) -> str:
    given = {"agencies": '"*"', "effective": "{from: 2000-01-01}"} | head
    lines = [f"policy: {name}", "title: t", *(f"{key}: {value}" for key, value in given.items()), "rules:"]
    return "\n".join([*lines, rules or COMMERCIAL])


COMMERCIAL = "  - {id: r, title: t, severity: HIGH, when: provider_class = 'commercial'}"
MILDER = COMMERCIAL.replace("HIGH", "LOW")
CAPPED = COMMERCIAL.replace("}", ", certainty: SUSPECTED}")
OUTSIDE = "  - {id: o, title: t, severity: LOW, when: outside_agency, unless: request_ref IS NOT NULL}"
ASKED = (
    "  - {id: r, title: t, severity: LOW, when: provider_class = 'commercial', subject: requesting_agency_id}"
)
SETS = [
    (),
    (policy(),),
    (policy(rules=MILDER),),
    (policy(rules=CAPPED),),
    (policy(rules=f"{COMMERCIAL}\n{OUTSIDE}", agencies="[lapd, nypd]", effective="{from: 2020-11-13}"),),
    (policy(rules=ASKED), policy("q", OUTSIDE)),
    (
        policy(effective="{from: 2000-01-01, until: 2020-11-13}"),
        policy(rules=MILDER, effective="{from: 2020-11-13}"),
    ),
]
EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "agency_id": st.sampled_from(["lapd", "nypd", "lasd", "nobody knows"]),
            "provider": st.sampled_from(["Clearview", "LACRIS", None, "Plate Reader"]),
            "evidence": st.sampled_from(["SEARCH", "ACCESS"]),
            "requesting_agency_id": st.sampled_from([None, "ICE", "lapd"]),
            "request_ref": st.sampled_from([None, "form 1"]),
            "occurred_at": st.sampled_from(
                [
                    datetime(2020, 11, 13, 4, 59, 59, tzinfo=UTC),
                    datetime(2020, 11, 13, 5, tzinfo=UTC),
                    datetime(2020, 11, 13, 8, tzinfo=UTC),
                    datetime(2021, 3, 1, tzinfo=UTC),
                ]
            ),
        }
    ),
    max_size=12,
)
Finding = tuple[bytes, str]


def compare(events: list[dict[str, Any]], old: PolicySet, new: PolicySet, pieces: int = 1) -> Difference:
    comparison = Comparison(old, new, agencies())
    frame = ENRICHER.enrich(searches(events))
    for number in range(pieces):
        comparison.add(frame[number::pieces].select(comparison.scope.columns))
    return comparison.result


def found(events: list[dict[str, Any]], rules: PolicySet) -> dict[Finding, tuple[Any, ...]]:
    frame = Judge(rules, agencies()).judge(ENRICHER.enrich(searches(events)), NOW).violations
    return {
        (row["event_id"], f"{row['policy_id']}/{row['rule_id']}"): (
            (row["severity"], row["certainty"]),
            row["agency_id"],
            row["occurred_at"].strftime("%Y-%m"),
        )
        for row in frame.iter_rows(named=True)
    }


@settings(max_examples=60, deadline=None)
@given(events=EVENTS, old=st.sampled_from(SETS), new=st.sampled_from(SETS), pieces=st.integers(1, 3))
def test_the_numbers_are_those_of_judging_twice(
    events: list[dict[str, Any]], old: tuple[str, ...], new: tuple[str, ...], pieces: int
) -> None:
    before, after = found(events, policies(*old)), found(events, policies(*new))
    expected: Counter[tuple[str, str, str, str]] = Counter()
    for finding in before.keys() | after.keys():
        if finding not in before:
            kind, (_, agency, month) = "appears", after[finding]
        elif finding not in after:
            kind, (_, agency, month) = "vanishes", before[finding]
        elif before[finding][0] != after[finding][0]:
            kind, (_, agency, month) = "changes", after[finding]
        else:
            continue
        expected[kind, agency, finding[1], month] += 1
    result = compare(events, policies(*old), policies(*new), pieces)
    assert result.counts == expected
    for kind in ("appears", "vanishes", "changes"):
        of_kind = sum(count for key, count in expected.items() if key[0] == kind)
        assert sum(getattr(totals, kind) for totals in result.rules.values()) == of_kind


def test_a_finding_that_changes_says_what_it_was_and_would_be() -> None:
    events = [{"provider": "Clearview"}] * 5
    result = compare(events, policies(policy()), policies(policy(rules=MILDER)))
    assert (result.rules["p/r"].changes, len(result.examples)) == (5, 3)
    example = result.examples[0]
    assert (example.before, example.after) == ("HIGH CONFIRMED", "LOW CONFIRMED")
    assert example.event_id == "00000000-0000-0000-0000-000000000000"


def test_policies_in_the_same_version_are_not_run() -> None:
    comparison = Comparison(policies(policy(), policy("q")), policies(policy("q"), policy()), agencies())
    assert comparison.scope.since is None
    assert comparison.result.rules == {}


def test_only_whom_and_when_the_policies_bind_is_read() -> None:
    bound = policy(agencies="[lapd]", effective="{from: 2020-11-13}")
    scope = Comparison(policies(), policies(bound), agencies()).scope
    assert scope.agencies == {"agency_id": frozenset({"lapd"})}
    assert scope.since == datetime(2020, 11, 12, 8, tzinfo=UTC)
    assert "user_agent" not in scope.columns
    assert Comparison(policies(bound), policies(policy()), agencies()).scope.agencies is None
