"""The result is told in few words, in narrow tables, and as JSON; a wrong story is a fault."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import pytest
from rich.console import Console

from deploy.demo.check import Fault
from deploy.demo.expectation import Expectation
from deploy.demo.findings import Answer, query_text
from deploy.demo.play import Sent
from deploy.demo.result import QUESTIONS, Result, contradictions, measure
from deploy.demo.scenario import Scenario
from deploy.demo.show import WIDTH, show
from deploy.demo.watch import Seen

OFFICER = "0123456789abcdef" * 4


def answer(**columns: Any) -> Answer:
    return Answer(tuple(columns), (tuple(columns.values()),) * 30)


@pytest.fixture
def answers(expected: Expectation) -> dict[str, Answer]:
    days = {"first_day": "2019-10-02", "last_day": "2020-03-13"}
    counts = {"searches": 123_456, "on_a_trial": 1, "cases": 1, "without_a_case": 1}
    total = counts | {
        "searches": expected.commercial_searches,
        "people": expected.commercial_people,
        "led_to_arrests": expected.commercial_arrests,
        "break_a_rule": 0,
    }
    books = {
        "searches": expected.searches.height,
        "violations": expected.violations.height,
        "outcomes": len(expected.outcome_ids),
        "dead_letters": len(expected.malformed),
    }
    return {
        "before_ban": answer(**total),
        "before_ban_officers": answer(officer=OFFICER, **counts, led_to_arrests=1, **days),
        "before_ban_cases": answer(
            case_number="19-123456", searches=1, crime="missing person", officer=OFFICER, outcomes="no_lead"
        ),
        "before_ban_outcomes": answer(gravest_outcome="identification", searches=123_456, people=330),
        "same_searches": answer(
            lapd_searches="in a commercial service",
            before=38,
            before_forbidden=0,
            after=38,
            after_forbidden=38,
            people=9,
        ),
        "findings": answer(
            rule="lapd-fr/training-certificate",
            severity="CRITICAL",
            confirmed=12_345,
            suspected=12_345,
            people=330,
            agencies=1,
            first="2020-11-13 00:00:00",
        ),
        "after_ban_officers": answer(officer=OFFICER, searches=9, cases=9, said_to_be_another=1, **days),
        "books": Answer(
            ("what", "stored", "distinct"), tuple((what, count, count) for what, count in books.items())
        ),
        "dead_letters": answer(
            reason="time_out_of_range", records=300, kept_as_a_hash=25, for_example="why " * 60
        ),
    }


@pytest.fixture
def result(scenario: Scenario, expected: Expectation, answers: dict[str, Answer]) -> Result:
    speed = measure(Sent(at={"e": 100.0}), [seen("e", 100.005)], 99.0, 1_000, 12_345.6)
    return Result(scenario, expected, answers, speed, [], 61.2)


def seen(event_id: str, received_at: float) -> Seen:
    return Seen(event_id, "policy/rule", "CONFIRMED", received_at, {})


def told(result: Result) -> str:
    out = io.StringIO()
    show(Console(file=out, width=WIDTH, no_color=True, highlight=False), result)
    return out.getvalue()


def test_every_line_fits_100_columns(result: Result) -> None:
    assert max(len(line.rstrip()) for line in told(result).splitlines()) <= 100


def test_it_says_who_and_how_many_and_that_nothing_is_lost(result: Result) -> None:
    text = told(result)
    assert "475 searches in a commercial service by 27 people" in text
    assert OFFICER[:12] in text
    assert OFFICER[:13] not in text
    assert "none lost, none counted twice" in text
    assert "A scenario, not a record" in text
    assert "…" in text
    assert "\x1b" not in text


def test_faults_are_named_in_place_of_the_good_news(result: Result) -> None:
    fault = Fault("searches lost", 2, ("a", "b"))
    text = told(Result(result.scenario, result.expected, result.answers, result.speed, [fault], 1.0))
    assert "2 searches lost: a, b" in text
    assert "do not balance" in text
    assert "none lost" not in text


def test_the_json_says_whether_all_is_well_and_the_numbers(result: Result) -> None:
    said = json.loads(json.dumps(result.as_json()))
    assert said["ok"] is True
    assert said["books"][0] == {
        "what": "searches",
        "expected": 4_000,
        "sent_again": 40,
        "stored": 4_000,
        "distinct": 4_000,
    }
    assert said["milliseconds_to_violation"]["p50"] == 5.0
    assert len(said["answers"]["before_ban_officers"]) == 30


def test_the_speed_is_of_the_paced_stretch_alone() -> None:
    sent = Sent(at={"early": 10.0, **{f"e{number}": 100.0 for number in range(100)}})
    heard = [seen("early", 50.0), *(seen(f"e{number}", 100.0 + number / 1_000) for number in range(100))]
    speed = measure(sent, heard, since=99.0, rate=1_000, bulk=1.0)
    assert speed.findings == 100
    assert (speed.p50, speed.p99, speed.worst) == pytest.approx((49.0, 98.0, 99.0))
    assert math.isnan(measure(sent, [], 99.0, 1_000, 1.0).p99)


def test_a_story_that_sql_tells_otherwise_is_a_fault(
    expected: Expectation, answers: dict[str, Answer]
) -> None:
    assert contradictions(expected, answers) == []
    names = answers["before_ban"].columns
    row = tuple(
        26 if name == "people" else value for name, value in answers["before_ban"].records()[0].items()
    )
    [fault] = contradictions(expected, {**answers, "before_ban": Answer(names, (row,))})
    assert str(fault) == "1 wrong answer before_ban.people: 26 in place of 27"


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_question_is_one_statement_that_says_what_it_asks(name: str) -> None:
    text = query_text(name)
    assert text.startswith("-- ")
    assert ";" not in text
    assert "_raw" not in text
    assert "FINAL" not in text
