"""What people are told: plain words for somebody who was woken up. Pure.

No name of a person, no probe and no candidate is in it. What is SUSPECTED is said to be unproven in its title
and in its first line, and is never called a violation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from schemas.agencies import AgencyRegister
from streams.alerting.alert import Alert, Told, Violation
from streams.alerting.reasons import Reason, Reasons

SHORT = 8
"""Digits of a pseudonym that people are shown; programs get all of them."""


@dataclass(frozen=True, slots=True)
class Words:
    """What texts are made of beside the alert; `link` is a template."""

    reasons: Reasons
    agencies: AgencyRegister
    services: Mapping[str, str] = field(default_factory=dict)
    link: str | None = None


def tell(alert: Alert, words: Words) -> Told:
    """Return the title, text and data of an alert."""
    violation = alert.violation
    reason = words.reasons.of(violation.policy_id, violation.policy_version, violation.rule_id)
    link = _link(alert, words.link)
    lines = [
        ("What", _what(alert, words)),
        ("Who", _who(violation, words.agencies)),
        ("When", _when(violation, words.agencies)),
        ("Service", _service(violation, words.services)),
        ("Why", _why(violation, reason)),
        ("Sure?", _sure(violation)),
        ("Do", _do(alert)),
    ]
    if alert.kind == "test":
        lines = [lines[0], lines[-1]]
    elif violation.case_number:
        lines.insert(4, ("Case", violation.case_number))
    if link:
        lines.append(("Link", link))
    text = "\n".join(f"{name}: {line(said)}" for name, said in lines)
    return Told(_title(alert, words.agencies), text, _data(alert, reason, link))


def line(text: str) -> str:
    """A text from outside as one line, without what a terminal or a mail header might obey."""
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(text.split())


def _title(alert: Alert, agencies: AgencyRegister) -> str:
    violation = alert.violation
    proven = violation.certainty == "CONFIRMED"
    head = violation.severity if proven else f"NOT PROVEN, please check ({violation.severity})"
    more = {
        "summary": f"{alert.suppressed:,} more: ",
        "escalation": "nobody has acknowledged: ",
        "test": "test, no finding: ",
    }.get(alert.kind, "")
    return line(f"{head}: {more}{violation.title}, {_agency(violation.agency_id, agencies)}")


def _what(alert: Alert, words: Words) -> str:
    violation = alert.violation
    service = _service(violation, words.services)
    if alert.kind == "test":
        return "This is a test of the way to you. Nothing was found; there is nothing to do."
    if violation.certainty == "CONFIRMED":
        said = f"A face recognition search with {service} broke the rule “{violation.title}”."
    else:
        said = f"Not proven: a sign of {service} being used, which the rule “{violation.title}” is about."
    if alert.kind == "summary":
        first, last = (_local(at, violation, words.agencies) for at in (alert.first_at, alert.last_at))
        counted = f"{alert.suppressed:,} more like the one told before, between {first} and {last}"
        return f"{counted}. That one: {said}"
    if alert.kind == "escalation":
        return f"Nobody has acknowledged what follows, so it comes to you. {said}"
    return said


def _who(violation: Violation, agencies: AgencyRegister) -> str:
    agency = _agency(violation.agency_id, agencies)
    who = f"officer {violation.officer[:SHORT]} (a pseudonym)" if violation.officer else "nobody is named"
    asked = violation.requesting_agency_id
    outside = f", for {_agency(asked, agencies)}" if asked and asked != violation.agency_id else ""
    return f"{who}, {agency}{outside}"


def _when(violation: Violation, agencies: AgencyRegister) -> str:
    utc = _moment(violation.occurred_at)
    return f"{_local(violation.occurred_at, violation, agencies)} ({utc:%Y-%m-%d %H:%M:%S} UTC)"


def _service(violation: Violation, services: Mapping[str, str]) -> str:
    if violation.provider_id is None:
        return "a service that no catalogue has"
    return services.get(violation.provider_id, violation.provider_id)


def _why(violation: Violation, reason: Reason | None) -> str:
    ids = f"{violation.policy_id}/{violation.rule_id}"
    if reason is None:
        return f"rule {ids}; its text is not at hand here"
    cites = "; ".join(reason.cites)
    return f"policy “{reason.policy}” ({ids}), in force since {reason.since}" + (
        f": {cites}" if cites else ""
    )


def _sure(violation: Violation) -> str:
    if violation.certainty == "CONFIRMED":
        return "CONFIRMED. The search was reported by the system that ran it."
    return (
        "SUSPECTED, which is not proof. The evidence does not show that a search ran, or with which service. "
        "Nobody is accused."
    )


def _do(alert: Alert) -> str:
    if alert.kind == "test":
        return "Nothing."
    say = f"say that you have it: frwatch alerts ack {alert.id} --by NAME --note TEXT"
    if alert.violation.certainty == "CONFIRMED":
        return f"see that it stops and that its records are kept; {say}"
    return f"look at the search and where it was seen before you speak to anybody; {say}"


def _link(alert: Alert, template: str | None) -> str | None:
    if template is None:
        return None
    violation = alert.violation
    values = {
        "violation_id": violation.violation_id,
        "event_id": violation.event_id,
        "alert_id": alert.id,
    }
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


def _agency(agency_id: str, agencies: AgencyRegister) -> str:
    known = agencies.by_id.get(agency_id)
    return known.name if known else agency_id


def _local(micros: int, violation: Violation, agencies: AgencyRegister) -> str:
    zone: ZoneInfo = agencies.timezone(violation.agency_id)
    return f"{_moment(micros).astimezone(zone):%a %d %b %Y %H:%M:%S %Z}"


def _moment(micros: int) -> datetime:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).replace(microsecond=micros % 1_000_000)


def _data(alert: Alert, reason: Reason | None, link: str | None) -> dict[str, Any]:
    violation = alert.violation
    data: dict[str, Any] = {
        "alert_id": alert.id,
        "kind": alert.kind,
        "route": alert.route,
        "follows": alert.of,
        "violation_id": violation.violation_id,
        "event_id": violation.event_id,
        "occurred_at": _moment(violation.occurred_at).isoformat(),
        "detected_at": _moment(violation.detected_at).isoformat(),
        "decided_at": _moment(alert.decided_at).isoformat(),
        "agency_id": violation.agency_id,
        "officer": violation.officer,
        "policy_id": violation.policy_id,
        "policy_version": violation.policy_version,
        "policy_title": reason.policy if reason else None,
        "policy_since": reason.since if reason else None,
        "cites": list(reason.cites) if reason else [],
        "rule_id": violation.rule_id,
        "rule_title": violation.title,
        "severity": violation.severity,
        "certainty": violation.certainty,
        "proven": violation.certainty == "CONFIRMED",
        "provider_id": violation.provider_id,
        "requesting_agency_id": violation.requesting_agency_id,
        "case_number": violation.case_number,
        "suppressed": alert.suppressed,
        "link": link,
    }
    if alert.kind == "summary":
        data["first_at"] = _moment(alert.first_at).isoformat()
        data["last_at"] = _moment(alert.last_at).isoformat()
    return data
