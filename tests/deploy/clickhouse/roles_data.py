"""Rows of several agencies, for tests of who sees them: two searches each, and what came of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

EARLY = datetime(2021, 3, 1, 12, tzinfo=UTC)
SECRETS = {
    "officer": "officer-pseudonym",
    "requester": "requester-pseudonym",
    "client_ip": "192.0.2.7",
    "approved_by": "Sgt. Somebody",
    "training_cert": "T-77 Somebody",
    "probe_hash": "probe-hash",
    "user_agent": "agent of somebody",
    "endpoint": "https://lacris.example/?user=somebody",
    "attributes": {"window": "somebody"},
}
"""What an agency's analyst is not shown of a search."""


def uuid(number: int) -> UUID:
    return UUID(int=number)


def search(number: int, agency: str, outside: str | None = None, **more: Any) -> dict[str, Any]:
    at = EARLY + timedelta(minutes=number)
    return {
        "event_id": uuid(number),
        "occurred_at": at,
        "evidence": "SEARCH",
        "agency_id": agency,
        "agency_known": True,
        "outside_agency_id": outside,
        "requesting_agency_id": outside,
        "provider_class": "government",
        "case_number": f"case-{number}",
        "ingested_at": at + timedelta(seconds=1),
        "kafka_topic": "fr.searches",
        "kafka_partition": 0,
        "kafka_offset": number,
        **SECRETS,
        **more,
    }


SEARCHES = [
    search(1, "lapd"),
    search(2, "lapd", evidence="ACCESS"),
    search(3, "lasd"),
    search(4, "lasd", "lapd"),
    search(5, "lbpd"),
    search(6, "city-of-los-angeles"),
    # Of one event a later copy says that it was for the LAPD: it does not count.
    search(7, "lbpd"),
    search(7, "lbpd", "lapd", ingested_at=EARLY + timedelta(hours=1), kafka_offset=70),
]
OWN = {"lapd": {1, 2, 4}, "lasd": {3, 4}}
"""The numbers of the searches that are an agency's: those that its members ran, or that were run for it."""


def violation(number: int, agency: str, **more: Any) -> dict[str, Any]:
    return {
        "violation_id": uuid(number),
        "event_id": uuid(number),
        "occurred_at": EARLY,
        "detected_at": EARLY,
        "agency_id": agency,
        "officer": SECRETS["officer"],
        "policy_id": "p",
        "rule_id": "r",
        "evidence": {"training_cert": SECRETS["training_cert"]},
        "ingested_at": EARLY,
        "kafka_topic": "fr.searches",
        **more,
    }


VIOLATIONS = [
    violation(1, "lapd"),
    violation(3, "lasd"),
    violation(8, "lapd"),
    # Outranks the one before, as the worker writes it: without an agency.
    violation(8, "", ingested_at=EARLY, superseded=True, precedence=2**64 - 5),
]
OUTCOMES = [
    {
        "outcome_id": uuid(number),
        "event_id": uuid(number),
        "agency_id": agency,
        "recorded_at": EARLY,
        "kind": "LEAD",
        "note": "somebody",
        "ingested_at": EARLY,
        "kafka_topic": "fr.outcomes",
        "kafka_offset": number,
    }
    for number, agency in ((1, "lapd"), (3, "lasd"))
]
ALERTS = [
    {
        "alert_id": uuid(number),
        "violation_id": uuid(number),
        "agency_id": agency,
        "destination": "oversight",
        "attempt": 1,
        "kind": "first",
        "group_key": '{"officer": "officer-pseudonym"}',
        "outcome": "delivered",
        "decided_at": EARLY,
        "attempted_at": EARLY,
    }
    for number, agency in ((1, "lapd"), (3, "lasd"))
]
ACKNOWLEDGEMENTS = [
    {
        "alert_id": uuid(number),
        "acknowledged_at": EARLY,
        "acknowledged_by": "Lt. Somebody",
        "note": "somebody",
    }
    for number in (1, 3)
]
DIFFERENCES = [
    {"event_id": uuid(20), "agency_id": "lapd", "first_agency_id": "lasd", "kafka_offset": 1},
    {"event_id": uuid(21), "agency_id": "lasd", "first_agency_id": "lbpd", "kafka_offset": 2},
]
DEAD = [
    {
        "kafka_topic": "fr.searches",
        "kafka_topic_id": uuid(1),
        "kafka_offset": 99,
        "received_at": EARLY,
        "reason": "damaged",
        "detail": "byte 7",
        "key": "lapd/P12345",
        "value": "P12345",
    }
]
REDRIVES = [{"kafka_topic": "fr.searches", "kafka_offset": 99, "received_at": EARLY, "begun_at": EARLY}]
TABLES = {
    "searches_raw": SEARCHES,
    "violations_raw": VIOLATIONS,
    "outcomes_raw": OUTCOMES,
    "alert_attempts_raw": ALERTS,
    "alert_acknowledgements_raw": ACKNOWLEDGEMENTS,
    "search_differences_raw": DIFFERENCES,
    "dead_letters_raw": DEAD,
    "redrives_raw": REDRIVES,
}
