from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.agencies import load_agencies, parse_agencies
from schemas.retention import TIERS, Retention, Rule, Term, collect_retention, load_retention
from schemas.settings import Settings
from schemas.yaml_file import Faults, Source

AGENCIES = parse_agencies(
    [
        Source(
            "a.yaml",
            "agencies:\n"
            "  - {id: lapd, name: LAPD, timezone: America/Los_Angeles}\n"
            "  - {id: lasd, name: Sheriff, timezone: America/New_York}\n",
        )
    ]
)


def read(text: str) -> tuple[Retention, list[str]]:
    faults = Faults()
    found = collect_retention([Source("r.yaml", text)], AGENCIES, faults)
    return found, [str(fault) for fault in faults.told()]


def test_the_closest_rule_holds() -> None:
    found, faults = read(
        """
default: {keep: 7 years}
rules:
  - {evidence: LOOKUP, keep: 90 days}
  - {agency: lapd, keep: 5 years}
  - {agency: lapd, evidence: [LOOKUP], keep: 18 months}
"""
    )
    assert faults == []
    assert str(found.term("lapd", "SEARCH")) == "5 years"
    assert str(found.term("lapd", "LOOKUP")) == "18 months"
    assert str(found.term("lasd", "LOOKUP")) == "90 days"
    assert str(found.term(None, "ACCESS")) == "7 years"


def test_every_fault_is_told_at_once_with_its_place() -> None:
    _, faults = read(
        """
minimum: {keep: 3 years, cites: "the statute"}
default: {keep: 1095 days}
rules:
  - {agency: LAPD, keep: 5 years}
  - {agency: lapd, keep: a while}
  - {agency: [lasd, lapd], evidence: SEARCH, keep: 2 years}
  - {agency: lapd, evidence: [LOOKUP, SEARCH], keep: forever}
  - {agency: lapd, keep: 5 years, colour: red}
  - {evidence: SIGHT, keep: 5 years}
more: 1
"""
    )
    text = "\n".join(faults)
    assert "r.yaml:11:1: unknown key 'more'; known are dead_letters, default, minimum, rules" in text
    assert "r.yaml:3:17: 1095 days is less than the minimum of 3 years (the statute)" in text
    assert "r.yaml:5:" in text
    assert "r.yaml:6:26: keep: 'a while' is no term; write one such as 5 years" in text
    assert "r.yaml:7:52: 2 years is less than the minimum of 3 years" in text
    assert "r.yaml:8:5: a rule about lapd, SEARCH stands above; keep one" in text
    assert "r.yaml:9:35: unknown key 'colour'; known are agency, cites, evidence, keep" in text
    assert "r.yaml:10:16: evidence.0: Input should be 'SEARCH', 'ACCESS' or 'LOOKUP'" in text


def test_without_a_default_nothing_is_removed_by_silence() -> None:
    found, faults = read("rules: []\n")
    assert faults == ["r.yaml:1:1: 'default' is missing; add it, such as default: {keep: forever}"]
    assert found.default.forever


def test_what_is_shipped_removes_nothing() -> None:
    settings = Settings()
    found = load_retention(settings.retention, load_agencies(settings.agencies))
    cutoffs = found.cutoffs(datetime(2030, 1, 1, tzinfo=UTC), load_agencies(settings.agencies))
    assert {each.before for each in cutoffs} == {None}
    assert found.dead_before(datetime(2030, 1, 1, tzinfo=UTC)) is None
    assert Path(settings.retention).name == "retention"


@pytest.mark.parametrize(
    ("term", "today", "before"),
    [
        (Term(months=36), date(2024, 2, 29), date(2021, 2, 28)),
        (Term(months=1), date(2026, 3, 31), date(2026, 2, 28)),
        (Term(days=90), date(2026, 1, 1), date(2025, 10, 3)),
        (Term(), date(2026, 1, 1), None),
    ],
)
def test_a_term_ends_on_a_day_of_the_calendar(term: Term, today: date, before: date | None) -> None:
    assert term.before(today) == before


def test_midnight_is_each_agencys_own() -> None:
    found = Retention(Term(months=36))
    # In Los Angeles it is still the last of November, in New York the first of December.
    cutoffs = found.cutoffs(datetime(2026, 12, 1, 6, tzinfo=UTC), AGENCIES)
    before = {each.agency_id: each.before for each in cutoffs if each.evidence == "SEARCH"}
    assert before["lapd"] == datetime(2023, 11, 30, 8, tzinfo=UTC)
    assert before["lasd"] == datetime(2023, 12, 1, 5, tzinfo=UTC)


TERMS = st.one_of(
    st.just(Term()),
    st.integers(1, 400).map(lambda days: Term(days=days)),
    st.integers(1, 30).map(lambda months: Term(months=months)),
)


@given(one=TERMS, other=TERMS, today=st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_a_term_that_is_not_shorter_never_keeps_less(one: Term, other: Term, today: date) -> None:
    if not one.shorter(other):
        mine, its = one.before(today) or date.min, other.before(today) or date.min
        assert mine <= its


@given(
    default=TERMS,
    general=TERMS,
    own=TERMS,
    agency=st.sampled_from(["lapd", "lasd", None]),
    evidence=st.sampled_from(TIERS),
    now=st.datetimes(datetime(2005, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),
)
def test_nothing_goes_before_its_term_is_over(
    default: Term, general: Term, own: Term, agency: str | None, evidence: str, now: datetime
) -> None:
    found = Retention(
        default,
        (
            Rule.model_construct(keep=general, evidence=("ACCESS",)),
            Rule.model_construct(keep=own, agency=("lapd",)),
        ),
    )
    expected = own if agency == "lapd" else general if evidence == "ACCESS" else default
    assert found.term(agency, evidence) == expected
    (cutoff,) = (
        each
        for each in found.cutoffs(now, AGENCIES)
        if each.agency_id == agency and each.evidence == evidence
    )
    today = now.astimezone(AGENCIES.timezone(agency)).date()
    assert (cutoff.before is None) == expected.forever
    if cutoff.before is not None:
        assert cutoff.before.astimezone(AGENCIES.timezone(agency)).date() == expected.before(today)
        assert cutoff.before <= now
