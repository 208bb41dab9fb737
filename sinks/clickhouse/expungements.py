"""Expungements: the rows that name a case or a person are found, erased in every table, and looked for again.

First it is written down that it was ordered: workers erase what comes from then on. Then the rows are listed,
and changed with the holds looked up by that very statement. No statement that the server keeps (a mutation
stays on its disk) has the name in it: rows are known by their ids. A run that is cut off is gone on with by
the same command, or by `again`, which also erases what was on its way to a table meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from schemas.errors import FrwatchError
from schemas.fault_point import reach
from schemas.settings import Settings
from sinks.clickhouse import most
from sinks.clickhouse.asking import asking
from sinks.clickhouse.erasure import (
    ERASED,
    differs,
    group_value,
    outcome_values,
    search_values,
    sql_plain,
    violation_values,
)
from sinks.clickhouse.mutations import change
from sinks.clickhouse.named_rows import IDENTIFIED, NOBODY, find, holds_on, is_there, refuse_held, spellings
from sinks.clickhouse.tombstones import Order, is_finished, note, orders

TABLES = (
    "searches_raw",
    "search_arrivals",
    "violations_raw",
    "outcomes_raw",
    "outcome_arrivals",
    "alert_attempts_raw",
    "alert_acknowledgements_raw",
    "dead_letters_raw",
    "legal_holds_raw",
    "reveals_raw",
    *most.TABLES,
)
"""Tables that may hold what names a case or a person; a test knows each column of all others."""
ROUNDS = 3
"""How often it is looked again for what came in meanwhile."""
_HELD_CASES = "(SELECT agency_id, case_number FROM frwatch.held_cases)"
_HELD_EVENTS = "(SELECT event_id FROM frwatch.held_events)"


@dataclass(frozen=True, slots=True)
class Expunged:
    """What came of it. `rows` counts what was erased, by kind; `cases` are other cases that stay named."""

    id: UUID
    rows: dict[str, int]
    cases: list[str] = field(default_factory=list)
    unsure: int = 0


def expunge(
    settings: Settings, order: Order, text: str, agency_names: Sequence[str] = (), *, dry_run: bool = False
) -> Expunged:
    """Erase a name, `text` as it is stored, and return what was; a dry run writes nothing.

    `agency_names` are all names of the agency whose case it is: by these its dead letters are known. Run it
    again where it was cut off: there is one tombstone.

    Raises:
        FrwatchError: a legal hold keeps some of it, or something is still there afterwards.
    """
    with asking(settings) as client:
        first = found = find(client, order.name, text, agency_names)
        refuse_held(settings, client, order.name, text)
        counts = {kind: len(ids) for kind, ids in found.rows.items() if ids}
        if dry_run:
            return Expunged(order.id, counts, found.cases, found.unsure)
        note(client, order, "begun", {})
        reach("expunge-begun")
        for _ in range(ROUNDS):
            _list(client, order, found.rows)
            reach("expunge-listed")
            _erase(client, order)
            found = find(client, order.name, text, agency_names)
            if not any(found.rows.values()) and not _left(client, order):
                break
        else:
            refuse_held(settings, client, order.name, text)
            raise FrwatchError("some of it is still there, as it keeps coming in; run this again")
        reach("expunge-erased")
        counts = _counts(client, order)
        note(client, order, "finished", counts)
    return Expunged(order.id, counts, first.cases, first.unsure)


def again(settings: Settings, key: bytes, by: str) -> list[Expunged]:
    """Erase what has come since of every name that was expunged, and what a run that was cut off has left.

    Returns those of which there was something; the names are known by their hashes, and so no dead letter is
    looked through. What a legal hold keeps by then is left alone.
    """
    found = []
    with asking(settings) as client:
        for order in orders(client, by):
            for text in list(spellings(client, key, order.name)):
                if not holds_on(settings, client, order.name, text):
                    _list(client, order, find(client, order.name, text, ()).rows)
            _list(client, order, {})
            unfinished = not is_finished(client, order)
            if _left(client, order) or unfinished:
                _erase(client, order)
                counts = _counts(client, order)
                note(client, order, "finished" if unfinished else "again", counts)
                found.append(Expunged(order.id, counts))
    return found


# -- erasing -----------------------------------------------------------------------------------------


def _listed(order: Order, kind: str) -> str:
    return f"(SELECT id FROM frwatch.expunged_rows WHERE kind = '{kind}' AND expungement_id = '{order.id}')"


def _list(client: Any, order: Order, rows: dict[str, set[str]]) -> None:
    listed = [[kind, each, order.id] for kind, ids in rows.items() for each in sorted(ids)]
    if listed:
        client.insert("frwatch.expunged_rows", listed, column_names=["kind", "id", "expungement_id"])
    if order.name.kind != "officer":
        # What speaks of these searches, now or later, speaks of the case or the person.
        client.command(
            "INSERT INTO frwatch.expunged_rows SELECT 'outcome', toString(outcome_id),"
            f" '{order.id}' FROM frwatch.outcomes_raw WHERE toString(event_id) IN {_listed(order, 'search')}"
            f" AND toString(outcome_id) NOT IN {_listed(order, 'outcome')}"
        )


Step = tuple[str, dict[str, str], str]
"""A table, what its columns become, and in which rows."""


def _steps(client: Any, order: Order) -> Iterator[Step]:
    """Every change that an expungement makes, in order; each once more changes nothing."""
    name = order.name
    free = f"event_id NOT IN {_HELD_EVENTS}"
    listed = f"toString(event_id) IN {_listed(order, 'search')}"
    yield "searches_raw", search_values(name), f"{listed} AND {free}"
    if name.kind == "officer":
        asked = f"toString(event_id) IN {_listed(order, 'asked')}"
        yield (
            "searches_raw",
            {"requester": f"if(isNull(requester), NULL, '{name.token}')", "expunged": "true"},
            f"{asked} AND {free}",
        )
        listed = f"({listed} OR {asked})"
    # All else follows the searches that were erased: a hold decides once.
    erased = f"(SELECT event_id FROM frwatch.searches_raw WHERE {listed} AND expunged)"
    yield "search_arrivals", {"content": "0"}, f"event_id IN {erased}"
    ran = f"toString(event_id) IN {_listed(order, 'search')}"
    own = f"(SELECT event_id FROM frwatch.searches_raw WHERE {ran} AND expunged)"
    findings = f"(SELECT violation_id FROM frwatch.violations_raw WHERE event_id IN {own})"
    alerts = f"(SELECT alert_id FROM frwatch.alert_attempts_raw WHERE violation_id IN {findings})"
    yield "violations_raw", violation_values(name), f"event_id IN {own}"
    if name.kind != "probe":
        yield "alert_attempts_raw", {"group_key": group_value(name)}, f"violation_id IN {findings}"
    yield "alert_acknowledgements_raw", {"note": "''"}, f"alert_id IN {alerts}"
    if name.kind == "officer":
        return
    outcomes = f"toString(outcome_id) IN {_listed(order, 'outcome')}"
    yield (
        "outcomes_raw",
        outcome_values(name, demographics=order.demographics),
        f"{outcomes} AND ifNull(event_id, {NOBODY}) NOT IN {_HELD_EVENTS}"
        f" AND (agency_id, {sql_plain('case_number')}) NOT IN {_HELD_CASES}",
    )
    told = f"(SELECT outcome_id FROM frwatch.outcomes_raw WHERE {outcomes} AND expunged)"
    # An empty map, as the table has it.
    yield (
        "outcome_arrivals",
        {"content": "0", "said": "mapFilter((a, b) -> false, said)"},
        f"outcome_id IN {told}",
    )
    place = "concat(kafka_topic, '/', toString(kafka_partition), '/', toString(kafka_offset))"
    kept = {"value": "''", "key": "NULL", "headers": f"map('{ERASED}', '{order.id}')"}
    yield "dead_letters_raw", kept, f"{place} IN {_listed(order, 'dead_letter')}"
    told_of = {"case_number": f"'{name.token}'", "reason": f"'{ERASED}'"}
    for kind, (table, column) in IDENTIFIED.items():
        if is_there(client, table):
            yield table, told_of, f"toString({column}) IN {_listed(order, kind)}"


def _erase(client: Any, order: Order) -> None:
    for table, values, where in _steps(client, order):
        change(client, table, values, f"{where} AND {differs(values)}")
        reach(f"expunge-{table}")
    _mark_days(client, order)
    most.forget(client)


def _mark_days(client: Any, order: Order) -> None:
    """Have the days counted anew of what was erased: roll-ups know people by hashes of their pseudonyms."""
    listed = f"(SELECT id FROM frwatch.expunged_rows WHERE expungement_id = '{order.id}')"
    for table in ("rollup_marks", "rollup_search_marks"):
        if is_there(client, table):
            client.command(
                f"INSERT INTO frwatch.{table}"
                f" SELECT DISTINCT agency_id, toDate32(occurred_at), now64(6, 'UTC')"
                f" FROM frwatch.searches_raw WHERE expunged AND toString(event_id) IN {listed}"
            )
    if order.name.kind != "officer" and is_there(client, "rollup_outcome_marks"):
        # One that names the case may speak of a search of another: whom it concerned is counted there.
        client.command(
            "INSERT INTO frwatch.rollup_outcome_marks"
            " SELECT DISTINCT outcome_id, agency_id, event_id, now64(6, 'UTC')"
            f" FROM frwatch.outcomes_raw WHERE expunged AND toString(outcome_id) IN {listed}"
        )


def _left(client: Any, order: Order) -> int:
    """How many rows that are listed still say what they must not; what a hold keeps is not counted."""
    left = 0
    for table, values, where in _steps(client, order):
        sql = f"SELECT count() FROM frwatch.{table} WHERE {where} AND {differs(values)}"
        left += int(client.query(sql).result_rows[0][0])
    return left


def _counts(client: Any, order: Order) -> dict[str, int]:
    listed = client.query(
        "SELECT kind, uniqExact(id) FROM frwatch.expunged_rows WHERE expungement_id = {id:UUID} GROUP BY 1",
        {"id": order.id},
    ).result_rows
    findings = client.query(
        "SELECT uniqExact(violation_id) FROM frwatch.violations_raw"
        f" WHERE expunged AND toString(event_id) IN {_listed(order, 'search')}"
    ).result_rows[0][0]
    counts = {str(kind): int(rows) for kind, rows in listed} | {"violation": int(findings)}
    return {kind: rows for kind, rows in sorted(counts.items()) if rows}
