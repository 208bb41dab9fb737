from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from schemas.alert_routes import Destination
from sinks.alerts.outcome import Outcome
from streams.alerting.alert import Alert
from streams.alerting.attempts import note_attempt
from streams.alerting.book import DAY, Book
from streams.alerting.decide import acknowledge, decide, retry, tick
from tests.streams.alerting.violations import HOUR, MINUTE, NOW, SECOND, routes, violation

GONE = Outcome("refused", "gone", 410)
DONE = Outcome("delivered")
HOOK = Destination.model_validate({"kind": "webhook", "url": "https://h.example", "secret_env": "S"})


def kinds(alerts: list[Alert]) -> list[tuple[str, int]]:
    return [(alert.kind, alert.suppressed) for alert in alerts]


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


def test_the_first_goes_out_at_once_and_the_rest_of_its_window_is_told_in_one_summary() -> None:
    book, all_ = Book(), routes()
    (first,) = decide(book, violation(1), all_, NOW)
    assert (first.kind, first.deliveries["hook"].due) == ("first", NOW)
    assert decide(book, violation(2, NOW + 59 * MINUTE), all_, NOW) == []
    assert decide(book, violation(3, NOW - 30 * MINUTE), all_, NOW) == [], "it came late"
    assert tick(book, all_, NOW + 1) == []
    decide(book, violation(4, NOW + HOUR, officer="other"), all_, NOW + HOUR - 1)
    (summary,) = tick(book, all_, NOW + HOUR - 1)
    assert (summary.kind, summary.suppressed, summary.of) == ("summary", 2, first.id)
    assert (summary.first_at, summary.last_at) == (NOW - 30 * MINUTE, NOW + 59 * MINUTE)
    assert tick(book, all_, NOW + 10 * HOUR) == [], "nothing is left to tell"


def test_a_violation_a_window_later_is_a_first_again() -> None:
    book, all_ = Book(), routes()
    assert len(decide(book, violation(1), all_, NOW)) == 1
    assert len(decide(book, violation(2, NOW + HOUR), all_, NOW)) == 1
    assert len(decide(book, violation(3, NOW - HOUR), all_, NOW)) == 1
    assert len(decide(book, violation(4, NOW + HOUR // 2), all_, NOW)) == 0


def test_where_events_stop_the_clock_ends_the_window() -> None:
    book, all_ = Book(), routes()
    decide(book, violation(1), all_, NOW)
    decide(book, violation(2, NOW + 1), all_, NOW)
    assert tick(book, all_, NOW + HOUR - 1) == []
    assert kinds(tick(book, all_, NOW + HOUR)) == [("summary", 1)]


def test_what_comes_after_the_summary_is_told_once_more_a_window_later() -> None:
    book, all_ = Book(), routes()
    decide(book, violation(1), all_, NOW)
    decide(book, violation(2, NOW + 1), all_, NOW)
    assert kinds(tick(book, all_, NOW + HOUR)) == [("summary", 1)]
    for number in (3, 4):
        assert decide(book, violation(number, NOW + number), all_, NOW + 2 * HOUR) == []
    assert tick(book, all_, NOW + 3 * HOUR - 1) == []
    assert kinds(tick(book, all_, NOW + 3 * HOUR)) == [("summary", 2)]


def test_a_clock_that_runs_ahead_ends_nobodys_window() -> None:
    book, all_ = Book(), routes()
    decide(book, violation(1), all_, NOW)
    decide(book, violation(2, NOW + 1), all_, NOW)
    decide(book, violation(3, NOW + 365 * DAY, officer="x"), all_, NOW)
    assert tick(book, all_, NOW + 1) == []


def test_a_resend_days_later_alerts_nobody() -> None:
    book, all_ = Book(), routes()
    decide(book, violation(1), all_, NOW)
    assert decide(book, violation(1, NOW + 5 * DAY), all_, NOW + 399 * DAY) == []
    tick(book, all_, NOW + 401 * DAY)
    assert book.seen == {}, "what is remembered is bounded"


def test_the_surer_and_the_graver_are_never_counted_behind_a_lesser_one() -> None:
    book, all_ = Book(), routes("[{name: all, to: hook, group_by: officer}]")
    assert len(decide(book, violation(1, certainty="SUSPECTED"), all_, NOW)) == 1
    assert len(decide(book, violation(2), all_, NOW)) == 1
    assert len(decide(book, violation(3, severity="LOW"), all_, NOW)) == 1
    assert len(decide(book, violation(4, agency_id="lasd"), all_, NOW)) == 1
    assert len(decide(book, violation(5, rule_id="other"), all_, NOW)) == 0


def test_a_route_takes_what_matches_and_each_that_matches_applies() -> None:
    text = """[
      {name: a, match: {agency: lapd, severity: HIGH}, to: hook},
      {name: b, match: {certainty: SUSPECTED}, to: chat},
      {name: c, match: {policy: lapd-fr, rule: commercial-service}, to: [hook, chat]}]"""

    def taken(**fields: Any) -> list[str]:
        return [alert.route for alert in decide(Book(), violation(1, **fields), routes(text), NOW)]

    assert taken() == ["a", "c"]
    assert taken(severity="MEDIUM") == ["c"]
    assert taken(agency_id="lasd", rule_id="x", certainty="SUSPECTED") == ["b"]


def test_quiet_hours_hold_an_alert_and_drop_none() -> None:
    quiet = '{from: "22:00", until: "06:00", timezone: America/Los_Angeles'
    held = routes(f"[{{name: all, to: hook, quiet_hours: {quiet}}}}}]")
    (alert,) = decide(Book(), violation(1), held, NOW)
    assert alert.deliveries["hook"].due == micros("2020-11-14T06:00:00-08:00")
    through = routes(f"[{{name: all, to: hook, quiet_hours: {quiet}, except_severity: CRITICAL}}}}]")
    (alert,) = decide(Book(), violation(1), through, NOW)
    assert alert.deliveries["hook"].due == NOW
    (alert,) = decide(Book(), violation(1, severity="HIGH"), through, NOW)
    assert alert.deliveries["hook"].due > NOW


def test_a_schedule_says_when_a_route_applies() -> None:
    text = '[{name: all, to: hook, schedule: {from: "08:00", until: "18:00", timezone: America/Los_Angeles}}]'
    assert decide(Book(), violation(1), routes(text), NOW) == []
    assert len(decide(Book(), violation(1), routes(text), NOW + 5 * HOUR)) == 1


STEPS = "[{name: all, to: hook, escalate: [{after: 10m, to: chat}, {after: 30m, to: [hook, chat]}]}]"


def deliver(book: Book, alert: Alert) -> None:
    for name in alert.deliveries:
        note_attempt(book, alert, name, DONE, HOOK, began=NOW, ended=NOW, draw=1.0)


def test_what_nobody_acknowledges_goes_to_the_next_destination() -> None:
    book, all_ = Book(), routes(STEPS)
    (first,) = decide(book, violation(1), all_, NOW)
    deliver(book, first)
    assert tick(book, all_, NOW + 10 * MINUTE - 1) == []
    (one,) = tick(book, all_, NOW + 10 * MINUTE)
    assert (one.kind, list(one.deliveries), one.of) == ("escalation", ["chat"], first.id)
    (two,) = tick(book, all_, NOW + 30 * MINUTE)
    assert list(two.deliveries) == ["hook", "chat"]
    assert len({first.id, one.id, two.id}) == 3
    assert tick(book, all_, NOW + 10 * HOUR) == []
    deliver(book, one)
    deliver(book, two)
    assert book.alerts == {}


def test_an_acknowledgement_stops_the_escalation_whichever_alert_it_names() -> None:
    all_ = routes(STEPS)
    for named in range(3):
        book = Book()
        found = decide(book, violation(1), all_, NOW)
        decide(book, violation(2, NOW + 1), all_, NOW)
        book.advance(NOW + HOUR)
        found += tick(book, all_, NOW + 10 * MINUTE)
        assert [alert.kind for alert in found] == ["first", "summary", "escalation"]
        for alert in found:
            deliver(book, alert)
        acknowledge(book, found[named].id)
        assert tick(book, all_, NOW + HOUR) == []
        assert book.alerts == {}


def test_what_fails_is_tried_again_later_and_given_up_after_its_time() -> None:
    book, all_ = Book(), routes()
    (alert,) = decide(book, violation(1), all_, NOW)
    delivery, now = alert.deliveries["hook"], NOW
    failed = Outcome("failed", "no answer", None)
    while not note_attempt(book, alert, "hook", failed, HOOK, began=now, ended=now, draw=1.0):
        assert now < delivery.due <= now + 300 * SECOND
        now = delivery.due
    assert NOW + DAY - 300 * SECOND <= now <= NOW + DAY
    assert book.alerts == {alert.id: alert}
    assert [each["row"]["outcome"] for each in book.rows.values()][-1] == "given_up"
    assert retry(book, now, ["hook"], "another") == []
    assert retry(book, now, ["chat"]) == []
    assert retry(book, now, ["hook"], alert.id) == [alert]
    assert (delivery.status, delivery.due) == ("pending", now)
    assert not note_attempt(book, alert, "hook", DONE, HOOK, began=now, ended=now, draw=1.0)
    assert book.alerts == {}


def test_a_destination_is_obeyed_that_says_when_to_come_again_or_that_it_is_gone() -> None:
    book, all_ = Book(), routes()
    (alert,) = decide(book, violation(1), all_, NOW)
    busy = Outcome("failed", "busy", 503, retry_after=120.0)
    assert not note_attempt(book, alert, "hook", busy, HOOK, began=NOW, ended=NOW, draw=0.0)
    assert alert.deliveries["hook"].due == NOW + 120 * SECOND
    assert note_attempt(book, alert, "hook", GONE, HOOK, began=NOW, ended=NOW, draw=0.0)


def test_times_are_what_they_say() -> None:
    assert datetime.fromtimestamp(NOW / SECOND, UTC) == datetime(2020, 11, 14, 12, tzinfo=UTC)
