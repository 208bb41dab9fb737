"""Which person a pseudonym stands for: found where the clear id is, once it is written down who asks.

No table has the id. The record that a client sent has it for as long as Kafka keeps it, and so has the
agency's own list of its people; the key tells which of them the pseudonym was made from. Before anything is
looked for, the request stands in `frwatch.reveals`; before anything is returned, what came of it does. Where
either cannot be written, nothing is revealed.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from schemas.contracts import WriterSchema, contract
from schemas.errors import FrwatchError, WrongUse
from schemas.fault_point import reach
from schemas.registry import Registry
from schemas.settings import Settings
from sinks.clickhouse.reveals import (
    Appearance,
    Asked,
    Outcome,
    answer,
    ask,
    find_appearances,
    latest_with_officer,
)
from sinks.kafka.records import read_values
from streams.decode import decode
from streams.pseudonym import pseudonym
from streams.roster import Member, read_roster
from streams.values import Values


class Revealed(NamedTuple):
    """A person: the id in the agency's own numbering, and what the roster says beside it.

    `role` is officer or requester; `agency_id` is empty where a requester's agency is not known. `found_by`
    is the roster, or the record as topic/partition/offset.
    """

    reveal_id: UUID
    agency_id: str
    role: str
    person_id: str
    found_by: str
    more: Mapping[str, str]


class _Person(NamedTuple):
    appearance: Appearance
    person_id: str
    found_by: str
    more: Mapping[str, str]


class _Looked(NamedTuple):
    """What the records in Kafka say: the person, or else whether the key is right (None: nobody knows)."""

    person: _Person | None
    key_is_right: bool | None


def reveal(
    settings: Settings,
    text: str,
    *,
    asked_by: str,
    reason: str,
    case_number: str,
    roster: Path | None = None,
) -> Revealed:
    """Return the person whom a pseudonym stands for.

    Raises:
        WrongUse: there is no key, or it is not the one that the pseudonym was made with; the roster is none.
        NotThere: ClickHouse, Kafka or the registry does not answer.
        FrwatchError: no search has the pseudonym, or nothing that is left says who it is.
    """
    key = settings.require_key()
    members = read_roster(roster) if roster else []
    appearances = find_appearances(settings, text)
    agency_id = appearances[0].agency_id if appearances else ""
    asked = Asked(text, agency_id, asked_by, reason, case_number)
    reveal_id = ask(settings, asked)
    reach("reveal-asked")

    def no(outcome: Outcome, detail: str) -> None:
        answer(settings, reveal_id, asked, outcome, detail)

    if not appearances:
        no("not_found", "no stored search has this pseudonym")
        raise FrwatchError("no stored search has this pseudonym: nothing was looked for")
    try:
        found, key_is_right = _look(settings, key, appearances, members)
    except FrwatchError as error:
        no("failed", str(error).partition(";")[0])
        raise
    if found is not None:
        answer(settings, reveal_id, asked, "found", found.found_by)
        reach("reveal-answered")
        at = found.appearance
        return Revealed(reveal_id, at.agency_id, at.role, found.person_id, found.found_by, found.more)
    if key_is_right is False:
        no("refused", "the key is not the one that the pseudonym was made with")
        raise WrongUse(
            "FRWATCH_PSEUDONYM_KEY is not the key that this pseudonym was made with: set that of the workers"
        )
    said = "the records are gone from Kafka" + (", and the roster has no such person" if roster else "")
    no("not_found", said)
    doubt = "" if key_is_right else "; nothing there tells whether FRWATCH_PSEUDONYM_KEY is the right one"
    remedy = "" if roster else "; give --roster, the list of the people of the agency"
    raise FrwatchError(f"{said}: nobody can be named{remedy}{doubt}")


def _look(
    settings: Settings, key: bytes, appearances: Sequence[Appearance], members: Sequence[Member]
) -> _Looked:
    if (found := _in_roster(key, appearances, members)) is not None:
        return _Looked(found, True)
    looked = asyncio.run(_in_kafka(settings, key, appearances))
    if looked.key_is_right is not None:
        return looked
    others = asyncio.run(_in_kafka(settings, key, latest_with_officer(settings)))
    return _Looked(None, others.key_is_right)


def _in_roster(key: bytes, appearances: Sequence[Appearance], members: Sequence[Member]) -> _Person | None:
    """The member whom the pseudonym stands for; all are tried, so that the time it takes tells nothing."""
    found = None
    agencies = {each.agency_id: each for each in reversed(appearances)}
    for appearance in agencies.values():
        for member in members:
            for person_id in dict.fromkeys((member.person_id, member.person_id.strip())):
                if _is(key, appearance, person_id) and found is None:
                    found = _Person(appearance, person_id, "roster", member.more)
    return found


async def _in_kafka(settings: Settings, key: bytes, appearances: Sequence[Appearance]) -> _Looked:
    """Look into the records of appearances for one that names the person."""
    values = await read_values(settings, [each.place for each in appearances])
    registry = Registry(settings.schema_registry) if settings.schema_registry else None
    wrong = False
    try:
        for appearance in appearances:
            said = await _said(registry, values.get(appearance.place, b""))
            # Of a topic that was made anew, another record stands there.
            if said is None or said["event_id"] != appearance.event_id.bytes:
                continue
            person_id = said["officer_id" if appearance.role == "officer" else "requester"]
            if person_id is None:
                continue
            if _is(key, appearance, person_id):
                return _Looked(_Person(appearance, person_id, str(appearance.place), {}), True)
            wrong = True
    finally:
        if registry is not None:
            await registry.close()
    return _Looked(None, False if wrong else None)


def _is(key: bytes, appearance: Appearance, person_id: str) -> bool:
    return hmac.compare_digest(pseudonym(key, appearance.agency_id, person_id), appearance.pseudonym)


async def _said(registry: Registry | None, value: bytes) -> dict[str, Any] | None:
    """What a client said in a record; None where it is no search."""
    values, search = Values([value]), contract("search")
    schemas: Mapping[int, WriterSchema | str] = {}
    if (ids := values.schema_ids()) and registry is not None:
        schemas = await registry.resolve(ids, search)
    frame = decode(values, search, schemas).frame
    return frame.row(0, named=True) if frame.height else None
