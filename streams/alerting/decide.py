"""Who is told of what, and when: violations, the passing of time and people's words to alerts. Pure.

A violation belongs to the window of its group whose first alert is less than the route's `window` away,
before or after it in event time; where there is none it is the first of a new one and goes out at once. So no
two first alerts of a group are less than a window apart, and in whatever order violations come, each is
told alone or counted in one summary.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from schemas.alert_routes import ALWAYS_GROUPED, SEVERITIES, Route, Routes
from streams.alerting.alert import Alert, Delivery, Kind, Violation, Window
from streams.alerting.book import DAY, Book

ALERTS = UUID("8d9c5f4b-3f0d-5c52-9a5e-0f6a1f1f9b27")
"""The namespace of alert ids: UUIDv5 of kind, route, violation and number."""
LATENESS = 3 * DAY
"""How long after its end a window is remembered, by event time and by the clock: what comes later is new."""
SKEW = 300_000_000
"""By how much a search may be ahead of the clock and still move the watermark."""
HOUR = DAY // 24
MAX_SUMMARIES = 64
"""How many summaries of a window are known to follow its first alert, when one of them is acknowledged."""
KEEP_FAILED = 30 * DAY
"""How long an alert that was given up can be sent again by a person."""
MAX_FAILED = 10_000
"""How many of them are kept at most, the latest."""


def decide(book: Book, violation: Violation, routes: Routes, now: int) -> list[Alert]:
    """Take a violation into the book and return the alerts that go out for it; none for one seen before."""
    if not book.see(violation.violation_id, now):
        return []
    # A clock that runs ahead must not end everybody's windows.
    book.advance(min(violation.occurred_at, now + SKEW))
    made = []
    for route in routes.routes:
        if not applies(route, violation, now):
            continue
        group = group_of(route, violation)
        window = book.window(route.name, group, violation.occurred_at)
        if window is None:
            alert = _first(route, group, violation, now)
            span = _micros(route.window)
            opened = Window(
                route.name, group, violation.occurred_at, span, now, alert.id, violation, now + span
            )
            book.open(opened)
            book.add(alert)
            made.append(alert)
        else:
            _count(book, window, violation, now)
    return made


def tick(book: Book, routes: Routes, now: int, remember_days: int = 400) -> list[Alert]:
    """Return what time alone brings: summaries of windows that ended, and escalations. Forget what is old."""
    made: list[Alert] = []
    for _, key in _passed(book.by_event, book.watermark):
        if (window := book.by_key(key)) is not None:
            made += _sum_up(book, window, routes, now)
            window.over = True
            book.touch(window)
    for time, key in _passed(book.by_clock, now):
        window = book.by_key(key)
        if window is not None and window.check == time:
            made += _sum_up(book, window, routes, now) if now >= window.due else []
            _outlast(book, window, now)
    for _, key in _passed(book.escalations, now):
        alert = book.alerts.get(key)
        if alert is not None and alert.escalate_at is not None and alert.escalate_at <= now:
            made += _escalate(book, alert, routes, now)
    book.forget_seen(now // DAY - remember_days)
    if now - book.swept > HOUR:
        book.swept = now
        given_up = sorted(
            (max(each.since for each in alert.deliveries.values()), alert.id)
            for alert in book.alerts.values()
            if not alert.pending
        )
        for number, (since, key) in enumerate(given_up, 1):
            if now - since > KEEP_FAILED or len(given_up) - number >= MAX_FAILED:
                book.drop(book.alerts[key])
    return made


def next_tick(book: Book) -> int | None:
    """Return when, by the clock, `tick` may next have something to do; None while nothing is awaited."""
    times = [heap[0][0] for heap in (book.by_clock, book.escalations) if heap]
    return min(times, default=None)


def acknowledge(book: Book, alert_id: str) -> None:
    """Note that a person has taken an alert on: the first of its window escalates no further."""
    for alert in [each for each in book.alerts.values() if each.escalate_at is not None]:
        if alert_id in _family(alert):
            alert.acknowledged = True
            alert.escalate_at = None
            book.note(alert)


def retry(book: Book, now: int, destinations: Collection[str], alert_id: str | None = None) -> list[Alert]:
    """Make due now what was given up, or waits, at these destinations; return the alerts concerned."""
    found = []
    for alert in [each for each in book.alerts.values() if alert_id in (None, each.id)]:
        again = [
            each
            for name, each in alert.deliveries.items()
            if each.status != "delivered" and name in destinations
        ]
        for each in again:
            each.status, each.due, each.since = "pending", now, now
        if again:
            book.note(alert)
            found.append(alert)
    return found


def applies(route: Route, violation: Violation, now: int) -> bool:
    """Whether a route takes a violation, at this time."""
    match = route.match
    return (
        (not match.agency or violation.agency_id in match.agency)
        and (not match.policy or violation.policy_id in match.policy)
        and (not match.rule or violation.rule_id in match.rule)
        and _rank(violation.severity) >= _rank(match.severity)
        and match.certainty in (None, violation.certainty)
        and (route.schedule is None or route.schedule.end_at(_moment(now)) is not None)
    )


def group_of(route: Route, violation: Violation) -> str:
    """Return a violation's group under a route, as JSON: two of one group have one text."""
    fields = sorted({*ALWAYS_GROUPED, *route.group_by})
    return json.dumps({name: getattr(violation, name) for name in fields}, separators=(",", ":"))


def alert_id(kind: Kind, route: str, violation_id: str, number: int = 0) -> str:
    """Return the id of an alert: the same whenever the same is decided."""
    return str(uuid5(ALERTS, f"{kind}/{route}/{violation_id}/{number}"))


def keeps_order(route: Route) -> bool:
    """Whether all of a group stand in one partition, so that whoever reads them again decides the same.

    Violations are keyed by agency and officer; the agency is part of every group.
    """
    return "officer" in route.group_by or "event_id" in route.group_by


def _first(route: Route, group: str, violation: Violation, now: int) -> Alert:
    due = _due(route, violation, now)
    alert = Alert(
        alert_id("first", route.name, violation.violation_id),
        "first",
        route.name,
        group,
        violation,
        now,
        {name: Delivery(due, due) for name in route.to},
    )
    if route.escalate:
        alert.escalate_at = due + _micros(route.escalate[0].after)
    return alert


def _count(book: Book, window: Window, violation: Violation, now: int) -> None:
    """Count a violation; what comes late, after the window was summed up, is told a window later, at once."""
    at = violation.occurred_at
    if not window.untold:
        window.first_at = window.last_at = at
        if window.over or now >= window.due:
            window.due = now + window.span
        book.look_at(window, window.due)
    window.untold += 1
    window.first_at, window.last_at = min(window.first_at, at), max(window.last_at, at)
    book.touch(window)


def _sum_up(book: Book, window: Window, routes: Routes, now: int) -> list[Alert]:
    """Tell what was counted, if anything; of a route that is no more it is told to nobody."""
    if not window.untold:
        return []
    route, made = routes.route(window.route), []
    if route is not None:
        due = _due(route, window.violation, now)
        alert = Alert(
            alert_id("summary", route.name, window.violation.violation_id, window.summaries),
            "summary",
            route.name,
            window.group,
            window.violation,
            now,
            {name: Delivery(due, due) for name in route.to},
            suppressed=window.untold,
            first_at=window.first_at,
            last_at=window.last_at,
            of=window.alert_id,
        )
        book.add(alert)
        made.append(alert)
    window.untold = window.first_at = window.last_at = 0
    window.summaries += 1
    book.touch(window)
    return made


def _escalate(book: Book, alert: Alert, routes: Routes, now: int) -> list[Alert]:
    route = routes.route(alert.route)
    steps = route.escalate if route is not None else ()
    if alert.step >= len(steps):
        alert.escalate_at = None
        book.note(alert)
        return []
    step, before = steps[alert.step], alert.escalate_at or now
    made = Alert(
        alert_id("escalation", alert.route, alert.violation.violation_id, alert.step),
        "escalation",
        alert.route,
        alert.group,
        alert.violation,
        now,
        {name: Delivery(now, now) for name in step.to},
        of=alert.id,
    )
    alert.step += 1
    alert.escalate_at = None
    if alert.step < len(steps):
        alert.escalate_at = before + _micros(steps[alert.step].after - step.after)
        heapq.heappush(book.escalations, (alert.escalate_at, alert.id))
    book.note(alert)
    book.add(made)
    return [made]


def _outlast(book: Book, window: Window, now: int) -> None:
    """Forget a window that nothing can belong to any more; else look again when that may be."""
    late = window.opened + window.span + LATENESS
    if window.untold:
        book.look_at(window, window.due)
    elif now >= late and book.watermark >= window.anchor + window.span + LATENESS:
        book.close(window)
    else:
        book.look_at(window, max(late, now + HOUR))


def _family(alert: Alert) -> set[str]:
    """The ids of a first alert and of all that may have followed it."""
    route, violation_id = alert.route, alert.violation.violation_id
    steps = {alert_id("escalation", route, violation_id, number) for number in range(alert.step)}
    summaries = {alert_id("summary", route, violation_id, number) for number in range(MAX_SUMMARIES)}
    return {alert.id} | steps | summaries


def _passed(heap: list[tuple[int, str]], time: int) -> list[tuple[int, str]]:
    passed = []
    while heap and heap[0][0] <= time:
        passed.append(heapq.heappop(heap))
    return passed


def _due(route: Route, violation: Violation, now: int) -> int:
    """When an alert may go out: now, or at the end of the quiet hours, unless it is too grave to wait."""
    quiet = route.quiet_hours
    if quiet is None or (
        quiet.except_severity is not None and _rank(violation.severity) >= _rank(quiet.except_severity)
    ):
        return now
    end = quiet.end_at(_moment(now))
    return now if end is None else round(end.timestamp() * 1_000_000)


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity)


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / 1_000_000, UTC)


def _micros(span: timedelta) -> int:
    return int(span.total_seconds() * 1_000_000)
