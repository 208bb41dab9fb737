"""Violations and routes that tests of alerts share."""

from __future__ import annotations

import uuid
from typing import Any

from schemas.agencies import parse_agencies
from schemas.alert_routes import Routes, collect_routes
from schemas.yaml_file import Faults, Source
from streams.alerting.alert import Violation

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
NOW = 1_605_355_200 * SECOND
"""2020-11-14 12:00 UTC, a Saturday; 04:00 in Los Angeles."""
AGENCIES = parse_agencies([Source("a", "agencies: [{id: lapd, name: LAPD}, {id: lasd, name: LASD}]")])


def violation(number: int = 0, at: int = NOW, **fields: Any) -> Violation:
    """A proven, grave finding of the LAPD; whatever is said overrides it."""
    given: dict[str, Any] = {
        "violation_id": str(uuid.UUID(int=number)),
        "event_id": str(uuid.UUID(int=number)),
        "occurred_at": at,
        "detected_at": at + SECOND,
        "agency_id": "lapd",
        "officer": "0f3a9c7e5b1d2f4a0f3a9c7e5b1d2f4a",
        "policy_id": "lapd-fr",
        "policy_version": "ab" * 32,
        "rule_id": "commercial-service",
        "severity": "CRITICAL",
        "certainty": "CONFIRMED",
        "provider_id": "clearview-ai",
        "requesting_agency_id": None,
        "case_number": None,
        "title": "Third-party commercial FR service",
        "topic": "fr.violations",
        "value": b"bytes",
    }
    return Violation(**given | fields)


def routes(text: str = "[{name: all, to: hook}]") -> Routes:
    """Routes, with the destinations `hook` and `chat`."""
    faults = Faults()
    hook = "{kind: webhook, url: https://h.example/x, secret_env: S}"
    document = f"destinations: {{hook: {hook}, chat: {{kind: apprise, url_env: C}}}}\nroutes: {text}"
    found = collect_routes([Source("r", document)], AGENCIES, None, faults)
    faults.raise_any()
    return found
