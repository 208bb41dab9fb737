"""What becomes of each event of a request: fit to be sent, or refused, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from schemas.agencies import AgencyRegister
from schemas.collector_clients import Client
from schemas.contracts import contract
from schemas.wire import encode
from streams.inputs.collector.body import Item
from streams.inputs.event import BadEvent, Kind, key_of, read_event
from streams.inputs.fault import Fault

IDENTITY: dict[Kind, str] = {"search": "event_id", "outcome": "outcome_id"}
UNKNOWN_AGENCY = "(unknown)"
"""Stands in logs and metrics for a name that no agency of the register has: it may hold anything."""


@dataclass(slots=True)
class Verdict:
    """What is thought of one event.

    `identity` is its event_id or outcome_id where that is a UUID. Where there are no faults, `key` and
    `value` are the Kafka record. `foreign` is the agency that the client may not speak for, by its id in the
    register. `acknowledged` is set once Kafka has the record.
    """

    identity: str | None
    faults: tuple[Fault, ...] = ()
    key: bytes = b""
    value: bytes = b""
    foreign: str | None = None
    acknowledged: bool = field(default=False)


class Judge:
    """Reads events for one register of agencies; the binding of a client is on the register's ids.

    An agency is known by many names, in any case and punctuation: they are resolved as the workers do it, so
    no alias leads round the binding. A name that the register has not is nobody's, and only a client that
    speaks for all agencies may use it.
    """

    def __init__(self, agencies: AgencyRegister, schema_ids: dict[str, int]) -> None:
        self._agencies = agencies
        self._schema_ids = schema_ids

    def judge(self, kind: Kind, client: Client, item: Item) -> Verdict:
        """Return the verdict on one event."""
        identity = _identity(kind, item.data)
        if item.faults:
            return Verdict(identity, item.faults)
        try:
            record = read_event(kind, item.data)
        except BadEvent as error:
            return Verdict(identity, error.faults)
        identity = record[IDENTITY[kind]]
        foreign, faults = self._permitted(kind, client, record)
        if faults:
            return Verdict(identity, faults, foreign=foreign)
        value = encode(contract(kind), record, schema_id=self._schema_ids.get(kind))
        return Verdict(identity, key=key_of(kind, record), value=value)

    def _permitted(
        self, kind: Kind, client: Client, record: dict[str, Any]
    ) -> tuple[str | None, tuple[Fault, ...]]:
        agency = self._agencies.resolve(record["agency_id"])
        foreign = None
        faults = []
        if not client.speaks_for(agency.id if agency else None):
            foreign = agency.id if agency else UNKNOWN_AGENCY
            faults.append(_refusal("agency_id", f"{client.id} does not speak for this agency"))
        if kind == "search" and not client.reports_as(record["source"]):
            faults.append(_refusal("source", f"{client.id} does not report as this source"))
        return foreign, tuple(faults)


def errors_of(verdicts: list[Verdict], *, many: bool) -> Iterator[Fault]:
    """Yield all faults; in a batch each pointer begins with the index of its event."""
    for index, verdict in enumerate(verdicts):
        for fault in verdict.faults:
            yield Fault(f"/{index}{fault.pointer}", fault.code, fault.detail) if many else fault


def _refusal(name: str, what: str) -> Fault:
    return Fault(f"/{name}", "not_allowed", f"{what}; ask who runs the collector to add it to the client")


def _identity(kind: Kind, data: Any) -> str | None:
    said = data.get(IDENTITY[kind]) if isinstance(data, dict) else None
    try:
        return str(UUID(said)) if isinstance(said, str) and len(said) <= 36 else None
    except ValueError:
        return None
