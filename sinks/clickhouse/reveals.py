"""Who asked which person a pseudonym stands for, and what came of it. The person is nowhere here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from uuid import UUID, uuid4

from schemas.errors import FrwatchError
from schemas.settings import Settings
from sinks.clickhouse.asking import as_data, asking
from sinks.kafka.records import Place

Outcome = Literal["found", "not_found", "refused", "failed"]
MOST_PLACES = 20
"""Of the records with a pseudonym so many are named, the latest: one that Kafka still has is enough."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to reveal a pseudonym; `agency_id` is empty where no search has it."""

    pseudonym: str
    agency_id: str
    asked_by: str
    reason: str
    case_number: str


class Appearance(NamedTuple):
    """A stored search with a pseudonym: as whose, of which agency, and where its record stands in Kafka.

    `role` is officer or requester. `agency_id` is what the pseudonym is made with: empty for a requester
    whose agency is not known.
    """

    role: str
    pseudonym: str
    agency_id: str
    event_id: UUID
    place: Place


_AGENCY = {
    "officer": "agency_id",
    "requester": "if(ifNull(requesting_agency_known, false), ifNull(requesting_agency_id, ''), '')",
}


def find_appearances(settings: Settings, pseudonym: str) -> list[Appearance]:
    """Return the latest searches with a pseudonym, as officer or as requester, the latest first of each.

    Raises:
        NotThere, FrwatchError: ClickHouse does not answer, or refuses.
    """
    return [
        found
        for role in _AGENCY
        for found in _appearances(settings, role, f"{role} = {{pseudonym:String}}", {"pseudonym": pseudonym})
    ]


def latest_with_officer(settings: Settings) -> list[Appearance]:
    """Return the latest searches of anybody: by their records a key is known to be right or wrong."""
    return _appearances(settings, "officer", "match(officer, '^[0-9a-f]{64}$')", {})


def _appearances(settings: Settings, role: str, where: str, values: dict[str, Any]) -> list[Appearance]:
    sql = (
        f"SELECT {role}, {_AGENCY[role]}, event_id, kafka_topic, kafka_partition, kafka_offset"  # noqa: S608
        f" FROM frwatch.searches_raw WHERE {where} AND NOT superseded"
        f" ORDER BY ingested_at DESC LIMIT {MOST_PLACES}"
    )
    with asking(settings) as client:
        rows = client.query(sql, values).result_rows
    return [
        Appearance(role, text, agency_id, event_id, Place(topic, partition, offset))
        for text, agency_id, event_id, topic, partition, offset in rows
    ]


def ask(settings: Settings, asked: Asked) -> UUID:
    """Write down that somebody asks, and return the id of the request; only then may anything be looked for.

    Raises:
        NotThere, FrwatchError: it could not be written; nothing may be revealed.
    """
    reveal_id = uuid4()
    _write(settings, reveal_id, "asked", asked, "", "")
    return reveal_id


def answer(settings: Settings, reveal_id: UUID, asked: Asked, outcome: Outcome, detail: str) -> None:
    """Write down what came of a request; `detail` says how it was found or why not, and never who it is.

    Raises:
        NotThere, FrwatchError: it could not be written; nothing may be revealed.
    """
    _write(settings, reveal_id, "answered", asked, outcome, detail)


def _write(settings: Settings, reveal_id: UUID, step: str, asked: Asked, outcome: str, detail: str) -> None:
    row = {
        "reveal_id": reveal_id,
        "step": step,
        "pseudonym": asked.pseudonym,
        "agency_id": asked.agency_id,
        "asked_by": asked.asked_by,
        "reason": asked.reason,
        "case_number": asked.case_number,
        "outcome": outcome,
        "detail": detail,
    }
    try:
        with asking(settings) as client:
            # A yes before the row is there would be none.
            at_once = {"async_insert": 0}
            client.insert("frwatch.reveals_raw", [list(row.values())], list(row), settings=at_once)
    except FrwatchError as error:
        said = f"the request could not be written into frwatch.reveals, so nothing is revealed: {error}"
        raise type(error)(said) from None


def find_reveals(settings: Settings, limit: int) -> list[dict[str, Any]]:
    """Return the latest requests, the latest first; times are UTC."""
    names = (
        "reveal_id", "asked_at", "asked_by", "login", "reason", "case_number", "pseudonym", "agency_id",
        "outcome", "detail", "answered_at",
    )  # fmt: skip
    sql = f"SELECT {', '.join(names)} FROM frwatch.reveals ORDER BY asked_at DESC, reveal_id LIMIT {limit}"  # noqa: S608
    with asking(settings) as client:
        rows = client.query(sql).result_rows
    return [{name: as_data(value) for name, value in zip(names, row, strict=True)} for row in rows]
