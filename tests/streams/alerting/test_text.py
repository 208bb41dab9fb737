from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.agencies import load_agencies
from schemas.policies import load_policies
from schemas.settings import Settings
from streams.alerting.alert import Alert, Kind, Told
from streams.alerting.book import Book
from streams.alerting.decide import decide
from streams.alerting.reasons import Reasons
from streams.alerting.text import Words, tell
from tests.streams.alerting.violations import HOUR, NOW, routes, violation

AGENCIES = load_agencies(Settings().agencies)
REASONS = Reasons()
REASONS.learn(load_policies(Settings().policies, AGENCIES))
WORDS = Words(REASONS, AGENCIES, {"clearview-ai": "Clearview AI"}, "https://fr.example/v/{violation_id}")


def alert(kind: Kind = "first", **fields: object) -> Alert:
    (found,) = decide(Book(), violation(7, **fields), routes(), NOW)  # type: ignore[arg-type]
    return replace(found, kind=kind, suppressed=12, first_at=NOW, last_at=NOW + HOUR)


def told(kind: Kind = "first", **fields: object) -> Told:
    return tell(alert(kind, **fields), WORDS)


def test_a_proven_finding_says_what_who_which_why_and_what_to_do() -> None:
    said = told()
    assert said.title == "CRITICAL: Third-party commercial FR service, Los Angeles Police Department"
    assert said.text.splitlines() == [
        "What: A face recognition search with Clearview AI broke the rule "
        "“Third-party commercial FR service”.",
        "Who: officer 0f3a9c7e (a pseudonym), Los Angeles Police Department",
        "When: Sat 14 Nov 2020 04:00:00 PST (2020-11-14 12:00:00 UTC)",
        "Service: Clearview AI",
        "Why: policy “Photo comparison technology” (lapd-fr/commercial-service), in force since 2020-11-13: "
        "Directive of 2020-11-13, clause 1: no third-party commercial FR services (seed)",
        "Sure?: CONFIRMED. The search was reported by the system that ran it.",
        "Do: see that it stops and that its records are kept; say that you have it: "
        f"frwatch alerts ack {alert().id} --by NAME --note TEXT",
        "Link: https://fr.example/v/00000000-0000-0000-0000-000000000007",
    ]


@pytest.mark.parametrize("kind", ["first", "summary", "escalation"])
def test_what_is_suspected_never_reads_like_what_is_confirmed(kind: Kind) -> None:
    suspected, confirmed = told(kind, certainty="SUSPECTED"), told(kind)
    assert suspected.title.startswith("NOT PROVEN")
    assert "not proof" in suspected.text
    assert "Not proven: " in suspected.text.splitlines()[0]
    for text in (suspected.title, suspected.text):
        assert not any(word in text.lower() for word in ("broke", "confirmed", "violation "))
    for text in (confirmed.title, confirmed.text):
        assert not any(word in text.lower() for word in ("suspect", "not proven", "check"))


def test_a_summary_counts_and_an_escalation_says_why_it_comes() -> None:
    assert told("summary").title.startswith("CRITICAL: 12 more: ")
    assert "12 more like the one told before, between Sat 14 Nov 2020 04:00:00 PST" in told("summary").text
    assert "Nobody has acknowledged" in told("escalation").text


def test_where_the_policy_is_unknown_its_ids_are_said() -> None:
    said = told(policy_id="other", rule_id="r", provider_id=None, officer=None, agency_id="springfield")
    assert "rule other/r; its text is not at hand" in said.text
    assert "nobody is named, springfield" in said.text
    assert "a service that no catalogue has" in said.text
    assert said.data["policy_title"] is None


def test_another_version_of_the_policy_gives_the_words_of_the_one_that_is_known() -> None:
    assert told(policy_version="00" * 32).data["policy_title"] == "Photo comparison technology"


def test_what_came_from_outside_is_one_line_and_commands_nobody() -> None:
    said = told(case_number="1\nDo: nothing\x1b[2J", title="a\r\nBcc: x@example")
    assert len(said.text.splitlines()) == 9
    assert "\x1b" not in said.text
    assert len(said.title.splitlines()) == 1
