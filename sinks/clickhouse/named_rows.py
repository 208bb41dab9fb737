"""The rows that name a case or a person, by their ids, and the legal holds that keep them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.errors import FrwatchError
from schemas.settings import Settings
from sinks.clickhouse.erasure import ERASED, Name, holds_case, name_of, plain, sql_plain
from sinks.clickhouse.holds import UNLOGGED, Hold, find_holds

NOBODY = "toUUID('00000000-0000-0000-0000-000000000000')"
IDENTIFIED = {"hold": ("legal_holds_raw", "hold_id"), "reveal": ("reveals_raw", "reveal_id")}
"""Audits that name a case, by kind of row: table and id."""


@dataclass(frozen=True, slots=True)
class Found:
    """Rows that name a case or a person, their ids by kind.

    `cases` are the cases of a probe's searches, which stay named; `unsure` counts dead letters in which the
    number of a case stands, and not its agency.
    """

    rows: dict[str, set[str]]
    cases: list[str]
    unsure: int = 0


def find(client: Any, name: Name, text: str, agency_names: Sequence[str]) -> Found:
    """Return the rows that name it, `text` as it is stored; dead letters by what the agency is called."""
    values = {"agency": name.agency_id, "text": plain(text)}

    def ids(sql: str) -> set[str]:
        return {str(row[0]) for row in client.query(sql, values, settings=UNLOGGED).result_rows}

    where = _naming(name)
    rows = {"search": ids(f"SELECT event_id FROM frwatch.searches_raw WHERE {where}")}
    if name.kind == "officer":
        asked = f"{sql_plain('requester')} = {{text:String}}"
        rows["asked"] = ids(f"SELECT event_id FROM frwatch.searches_raw WHERE {asked}")
        return Found(rows, [])
    of_search = f"ifNull(event_id, {NOBODY}) IN (SELECT event_id FROM frwatch.searches_raw WHERE {where})"
    of_case = f" OR ({where})" if name.kind == "case" else ""
    rows["outcome"] = ids(f"SELECT outcome_id FROM frwatch.outcomes_raw WHERE {of_search}{of_case}")
    rows["dead_letter"], unsure = _dead_letters(client, name, text, agency_names)
    if name.kind == "probe":
        of_probe = (
            f"SELECT DISTINCT case_number FROM frwatch.searches_raw WHERE isNotNull(case_number) AND {where}"
        )
        return Found(rows, sorted(ids(of_probe)), unsure)
    for kind, (table, column) in IDENTIFIED.items():
        if is_there(client, table):
            rows[kind] = ids(f"SELECT {column} FROM frwatch.{table} WHERE {where}")
    return Found(rows, [], unsure)


def _naming(name: Name) -> str:
    """The condition on searches that name it (of a case, on rows of all tables that do)."""
    if name.kind == "case":
        return f"agency_id = {{agency:String}} AND {sql_plain('case_number')} = {{text:String}}"
    return f"{sql_plain('officer' if name.kind == 'officer' else 'probe_hash')} = {{text:String}}"


def _dead_letters(client: Any, name: Name, text: str, agency_names: Sequence[str]) -> tuple[set[str], int]:
    """The places of dead letters about it, and how many have the number but not the agency."""
    if name.kind == "case" and not agency_names:
        return set(), 0
    rows = client.query(
        "SELECT kafka_topic, kafka_partition, kafka_offset, hex(value), hex(ifNull(key, ''))"
        " FROM frwatch.dead_letters_raw WHERE positionCaseInsensitiveUTF8(value, {text:String}) > 0",
        {"text": plain(text)},
        settings=UNLOGGED,
    ).result_rows
    found, unsure = set(), 0
    for topic, partition, offset, value, key in rows:
        if name.kind == "probe" or holds_case(bytes.fromhex(value), bytes.fromhex(key), text, agency_names):
            found.add(f"{topic}/{partition}/{offset}")
        elif holds_case(bytes.fromhex(value), None, text, ("",)):
            unsure += 1
    return found, unsure


def holds_on(settings: Settings, client: Any, name: Name, text: str) -> list[Hold]:
    """Return the legal holds that keep some of what names it."""
    holds = find_holds(settings)
    if not holds:
        return []
    held = client.query(
        f"SELECT DISTINCT agency_id, {sql_plain('case_number')} FROM frwatch.searches_raw"
        f" WHERE {_naming(name)}"
        " AND event_id IN (SELECT event_id FROM frwatch.held_events)",
        {"agency": name.agency_id, "text": plain(text)},
        settings=UNLOGGED,
    ).result_rows
    cases = {(agency_id, case) for agency_id, case in held}
    if name.kind == "case":
        cases.add((name.agency_id, plain(text)))
    return [hold for hold in holds if (hold.agency_id, plain(hold.case_number)) in cases]


def refuse_held(settings: Settings, client: Any, name: Name, text: str) -> None:
    """Refuse to go on where a legal hold keeps some of it.

    Raises:
        FrwatchError: one does; the text says who placed it and why.
    """
    said = "; ".join(
        f"{hold.agency_id} case {hold.case_number}, placed {hold.placed_at:%Y-%m-%d} by {hold.placed_by}"
        f" ({hold.reason}), hold {hold.hold_id}"
        for hold in holds_on(settings, client, name, text)
    )
    if said:
        raise FrwatchError(
            f"a legal hold keeps it: {said}; it is not erased. Have the hold released, or the order changed"
        )


def spellings(client: Any, key: bytes, name: Name) -> Iterator[str]:
    """Yield what is stored that has a name's hash: the name itself is nowhere written down."""
    sources = {
        "case": [("searches_raw", "case_number"), ("outcomes_raw", "case_number")],
        "probe": [("searches_raw", "probe_hash")],
        "officer": [("searches_raw", "officer"), ("searches_raw", "requester")],
    }[name.kind]
    seen: set[str] = set()
    for table, column in sources:
        whose = " AND agency_id = {agency:String}" if name.kind == "case" else ""
        sql = (
            f"SELECT DISTINCT {sql_plain(column)} FROM frwatch.{table}"
            f" WHERE isNotNull({column}) AND NOT startsWith({column}, '{ERASED}-'){whose}"
        )
        with client.query_row_block_stream(sql, {"agency": name.agency_id}, settings=UNLOGGED) as blocks:
            for block in blocks:
                for (text,) in block:
                    if text not in seen and name_of(key, name.kind, name.agency_id, text) == name:
                        seen.add(text)
                        yield text


def is_there(client: Any, table: str) -> bool:
    """Whether database frwatch has a table."""
    sql = "SELECT count() FROM system.tables WHERE database = 'frwatch' AND name = {table:String}"
    return bool(client.query(sql, {"table": table}).result_rows[0][0])
