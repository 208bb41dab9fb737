"""Whatever the order, the resends and the restarts: everything is told once, alone or in a summary."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alert_routes import Routes
from streams.alerting.alert import Alert, Violation
from streams.alerting.book import DAY, Book
from streams.alerting.decide import decide, group_of, next_tick, tick
from tests.streams.alerting.violations import HOUR, MINUTE, NOW, routes, violation

ROUTES = routes(
    """[
      {name: by-officer, to: hook, group_by: [officer, rule_id]},
      {name: by-rule, to: hook, group_by: rule_id, window: 10m, match: {severity: HIGH},
       quiet_hours: {from: "02:00", until: "06:00", timezone: America/Los_Angeles}}]"""
)

violations = st.lists(
    st.tuples(st.integers(0, 6 * 60), st.sampled_from(["a", "b", None]), st.sampled_from(["HIGH", "LOW"])),
    max_size=30,
).map(
    lambda found: [
        violation(number, NOW + minute * MINUTE, officer=officer, severity=severity)
        for number, (minute, officer, severity) in enumerate(found)
    ]
)


class Life:
    """An alerter that hears violations one after the other, and may be restarted between any two."""

    def __init__(self) -> None:
        self.log: list[tuple[str, bytes | None]] = []
        self.book = Book()
        self.now = NOW
        self.alerts: list[Alert] = []

    def hear(self, heard: Violation, *, restart: bool, passes: int) -> None:
        self.now += passes * MINUTE
        self.alerts += decide(self.book, heard, ROUTES, self.now)
        self.alerts += tick(self.book, ROUTES, self.now)
        self.log += self.book.take_changes()
        if restart:
            self.book = Book.restore(self.log)

    def end(self) -> None:
        """Let time pass until nothing is left to tell."""
        for _ in range(100):
            self.now = max(self.now, min(next_tick(self.book) or 0, self.now + DAY)) + MINUTE
            self.alerts += tick(self.book, ROUTES, self.now)
        assert not any(window.untold for window in self.book.windows)


def told(alerts: list[Alert], route: str) -> Counter[str]:
    """How many violations of each group were told, alone or in a summary."""
    found: Counter[str] = Counter()
    for alert in alerts:
        if alert.route == route:
            found[alert.group] += 1 if alert.kind == "first" else alert.suppressed
    return found


def routed(heard: list[Violation], routes: Routes, name: str) -> Counter[str]:
    route = routes.route(name)
    assert route is not None
    kept = [each for each in heard if name == "by-officer" or each.severity == "HIGH"]
    return Counter(group_of(route, each) for each in kept)


@settings(deadline=None)
@given(violations, st.data())
def test_every_violation_is_told_once_and_no_two_firsts_are_a_window_apart(
    heard: list[Violation], data: st.DataObject
) -> None:
    sent = data.draw(st.permutations([*heard, *data.draw(st.lists(st.sampled_from(heard)))] if heard else []))
    life = Life()
    for each in sent:
        life.hear(each, restart=data.draw(st.booleans()), passes=data.draw(st.integers(0, 90)))
    life.end()
    for name, span in (("by-officer", HOUR), ("by-rule", 10 * MINUTE)):
        assert told(life.alerts, name) == routed(heard, ROUTES, name)
        firsts: dict[str, list[int]] = {}
        for alert in life.alerts:
            if alert.route == name and alert.kind == "first":
                firsts.setdefault(alert.group, []).append(alert.violation.occurred_at)
        for times in firsts.values():
            assert all(later - earlier >= span for earlier, later in pairwise(sorted(times)))
    assert len({alert.id for alert in life.alerts}) == len(life.alerts)


@settings(deadline=None)
@given(violations, st.data())
def test_resends_and_restarts_change_nothing(heard: list[Violation], data: st.DataObject) -> None:
    plain, shaken = Life(), Life()
    for number, each in enumerate(heard):
        passes = data.draw(st.integers(0, 90))
        plain.hear(each, restart=False, passes=passes)
        shaken.hear(each, restart=data.draw(st.booleans()), passes=passes)
        for again in data.draw(st.lists(st.sampled_from(heard[: number + 1]), max_size=3)):
            shaken.hear(again, restart=data.draw(st.booleans()), passes=0)
    plain.end()
    shaken.end()
    ids = [[(alert.id, alert.suppressed) for alert in life.alerts] for life in (plain, shaken)]
    assert sorted(ids[0]) == sorted(ids[1])


@settings(deadline=None)
@given(violations)
def test_what_is_restored_is_what_was_written(heard: list[Violation]) -> None:
    life = Life()
    for each in heard:
        life.hear(each, restart=False, passes=7)
    again = Book.restore(life.log)
    assert (again.seen, again.watermark) == (life.book.seen, life.book.watermark)
    assert {key: each.to_json() for key, each in again.alerts.items()} == {
        key: each.to_json() for key, each in life.book.alerts.items()
    }
    kept = [{**each.to_json(), "check": 0} for each in again.windows]
    assert sorted(kept, key=str) == sorted(({**w.to_json(), "check": 0} for w in life.book.windows), key=str)


@settings(deadline=None)
@given(violations)
def test_a_quiet_bystander_forgets_in_time(heard: list[Violation]) -> None:
    """The state is bounded: when all is told and old, nothing is left but what was decided."""
    life = Life()
    for each in heard:
        life.hear(each, restart=False, passes=1)
    life.book.advance(NOW + 30 * DAY)
    for day in range(30):
        tick(life.book, ROUTES, NOW + day * DAY)
    assert not list(life.book.windows)
    assert not life.book.by_event
    assert not life.book.by_clock
