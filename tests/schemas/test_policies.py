from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.agencies import parse_agencies
from schemas.errors import WrongUse
from schemas.policies import Effective, PolicySet, parse_policies
from schemas.yaml_file import Source

AGENCIES = parse_agencies([Source("a.yaml", "agencies: [{id: lapd, name: LAPD}, {id: lasd, name: LASD}]")])
POLICY = """
policy: p
title: t
agencies: [lapd]
effective: {from: 2020-11-13}
rules:
  - {id: r, title: t, severity: LOW, when: outside_agency}
"""


def load(*texts: str) -> PolicySet:
    return parse_policies([Source(f"{n}.yaml", text) for n, text in enumerate(texts)], AGENCIES)


def refusal(*texts: str) -> str:
    with pytest.raises(WrongUse) as error:
        load(*texts)
    return str(error.value)


def test_midnight_is_the_agencys_own() -> None:
    effective = next(iter(load(POLICY))).effective
    assert effective.bounds(ZoneInfo("America/Los_Angeles")) == (datetime(2020, 11, 13, 8, tzinfo=UTC), None)
    assert effective.bounds(ZoneInfo("America/New_York")) == (datetime(2020, 11, 13, 5, tzinfo=UTC), None)


def test_a_time_with_its_offset_is_the_same_moment_everywhere() -> None:
    effective = Effective.model_validate({"from": "2020-11-13T09:00:00-08:00"})
    assert effective.bounds(ZoneInfo("Asia/Tokyo"))[0] == datetime(2020, 11, 13, 17, tzinfo=UTC)


ZONES = [
    "America/Los_Angeles",
    "America/New_York",
    "America/Havana",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "UTC",
]


@settings(derandomize=True, deadline=None)
@given(st.dates(date(1971, 1, 2), date(2037, 12, 30)), st.sampled_from(ZONES))
def test_a_date_begins_at_the_first_moment_that_clocks_there_show_it(day: date, name: str) -> None:
    zone = ZoneInfo(name)
    start, _ = Effective.model_validate({"from": day.isoformat()}).bounds(zone)
    assert start.astimezone(zone).date() == day
    assert (start - timedelta(microseconds=1)).astimezone(zone).date() < day


@pytest.mark.parametrize(
    "moment", ["2020-11-13T09:00:00", "13.11.2020", "20201113", "[2020]", "''", "9999-12-31"]
)
def test_a_moment_that_cannot_be_told_is_refused(moment: str) -> None:
    assert "0.yaml:5:19: effective.from: " in refusal(POLICY.replace("2020-11-13", moment))


def test_the_version_is_of_the_meaning() -> None:
    version = load(POLICY).version
    tested = POLICY + "tests: [{name: n, expect: []}]\n"
    assert load(tested).version == load("# a comment" + POLICY).version == version
    assert load(POLICY.replace("LOW", "HIGH")).version != version


def test_the_canonical_form_reads_back_as_the_same_policy() -> None:
    [policy] = load(POLICY.replace("{from: 2020-11-13}", "{from: 2020-11-13, until: 2021-01-01T00:00:00Z}"))
    [again] = load(policy.canonical)
    assert again.version == policy.version


def test_versions_of_a_policy_may_follow_each_other() -> None:
    later = POLICY.replace("2020-11-13", "2021-01-12")
    earlier = POLICY.replace("2020-11-13", "2020-11-13, until: 2021-01-12")
    assert len(load(earlier, later)) == len(load(earlier + "---" + later)) == 2


def test_versions_of_a_policy_in_force_at_one_time_are_refused() -> None:
    told = refusal(POLICY, POLICY.replace("2020-11-13", "2021-01-12"))
    assert told.startswith("1.yaml:5:12: policy 'p' is in force here and at 0.yaml:2:9")


def test_all_faults_of_all_files_are_told() -> None:
    bad = POLICY.replace("lapd", "LAPD").replace("severity: LOW", "severity: WORST")
    worse = (
        POLICY.replace("[lapd]", "[lapd, nypd]").replace("p\n", "q\n", 1) + "tests: [{name: n, expect: [x]}]"
    )
    told = refusal(bad, worse).splitlines()
    assert len(told) == 4
    assert [line.split(": ")[0] for line in told[:2]] == ["0.yaml:4:12", "0.yaml:7:33"]
    assert told[2:] == [
        "1.yaml:4:18: no agency has the id 'nypd'; add it to the register or correct the id",
        "1.yaml:8:28: the policy has no rule 'x'; it has r",
    ]


def test_a_policy_that_never_holds_is_refused() -> None:
    assert "until is not after from" in refusal(POLICY.replace("13}", "13, until: 2020-11-13}"))
