"""Visits as search events: a sign of use, with its tier, and never a search."""

from __future__ import annotations

from typing import Any

from streams.inputs.importers.fields import clean
from streams.inputs.importers.identity import Identities
from streams.inputs.importers.sighting import Status
from streams.inputs.importers.visits import Visit

_WHY = {
    "ACCESS": "the log shows that the site was reached, not what was done there",
    "LOOKUP": "the name was looked up: that shows neither that the site was reached nor who asked for it",
}
_WHY_NOT: dict[Status, str] = {
    "blocked": "the request was blocked: the site was not reached",
    "denied": "a login or a right was missing: the request was refused",
    "failed": "the connection, the handshake or the server failed",
    "nxdomain": "the name does not exist",
    "public_page": "anyone may read this page without searching",
    "hidden": "Encrypted Client Hello hides the real host: a CDN's front, as is seen here, proves nothing",
}


def event_of(visit: Visit, source: str, identities: Identities) -> dict[str, Any]:
    """Return a visit as data for `streams.inputs.event.read_event`.

    What is not even access is a LOOKUP with a `status`, which makes its evidence none: it breaks no rule.
    """
    sighting, attempt = visit.sighting, visit.sighting.attempt
    person = identities.find(
        proxy_user=attempt.user if attempt.log == "squid" else None,
        user=attempt.user,
        devices=attempt.devices,
        client_ip=attempt.client_ip,
        moment=visit.first,
    )
    why = _WHY_NOT[sighting.status] if sighting.status else _WHY[attempt.tier]
    attributes = {
        "log": attempt.log,
        "lines": str(visit.lines),
        "duration_s": f"{(visit.last - visit.first) / 1e6:.3f}",
        "identity": person.basis,
        "why": why,
        "status": sighting.status,
        "log_status": attempt.said,
        "look_alike": sighting.look_alike,
    }
    return {
        "event_id": visit.event_id,
        "occurred_at": _moment(visit.first),
        "evidence": "LOOKUP" if sighting.status else attempt.tier,
        "source": source,
        "agency_id": person.agency,
        "officer_id": person.officer,
        "unit": person.unit,
        "endpoint": sighting.endpoint,
        "account": visit.account,
        "client_ip": attempt.client_ip,
        "user_agent": clean(attempt.user_agent),
        "attributes": {name: value for name, value in attributes.items() if value is not None},
    }


def _moment(micros: int) -> Any:
    from datetime import UTC, datetime, timedelta

    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
