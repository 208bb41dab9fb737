"""Rows as they may be stored: nothing that retention has removed, nor a name that a court had erased. Pure.

An event is judged as it came, and only then forgotten: what it breaks does not depend on what may be kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import polars as pl

from sinks.clickhouse.erasure import ERASED, KEPT_ATTRIBUTES, Kind, Name, columns_of, name_of, plain
from sinks.clickhouse.removed import Removed

Ids = frozenset[bytes]
_UTC = pl.Datetime("us", "UTC")
_COLUMNS: dict[Kind, str] = {"probe": "probe_hash", "officer": "officer"}


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Of a range: events and outcomes (16-byte ids) whose time is over, and those that names are erased in.

    `asked` has the searches that a person to be forgotten asked for.
    """

    past: Ids = frozenset()
    events: Mapping[Name, Ids] = field(default_factory=dict)
    asked: Mapping[Name, Ids] = field(default_factory=dict)
    outcomes: Mapping[Name, Ids] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.past or self.events or self.asked or self.outcomes)

    def rows(self, table: str, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of a table as they may be stored."""
        if not self or table not in _ERASE:
            return rows
        key = "outcome_id" if table == "outcomes" else "event_id"
        if self.past:
            rows = rows.filter(~pl.col(key).is_in(list(self.past)))
        its = self.outcomes if table == "outcomes" else self.events
        for name, ids in its.items():
            rows = _changed(rows, key, ids, partial(_ERASE[table], name=name))
        if table == "searches":
            for name, ids in self.asked.items():
                rows = _changed(rows, key, ids, partial(_erase_requester, name=name))
        return rows


def forgotten_of(tables: Mapping[str, pl.DataFrame], removed: Removed, key: bytes) -> Forgotten:
    """Return what is to be forgotten of a range's tables; `key` is that of the pseudonyms."""
    searches, outcomes = tables.get("searches"), tables.get("outcomes")
    past: set[bytes] = set()
    events: defaultdict[Name, set[bytes]] = defaultdict(set)
    asked: defaultdict[Name, set[bytes]] = defaultdict(set)
    told: defaultdict[Name, set[bytes]] = defaultdict(set)
    if searches is not None and searches.height:
        past = _past(searches, "event_id", "occurred_at", pl.col("evidence"), removed)
        _named(searches, "event_id", removed, key, events)
        known = (
            searches.filter(pl.col("event_id").is_in(list(removed.events)))["event_id"]
            if removed.events
            else ()
        )
        for event_id in known:
            for name in removed.events[event_id]:
                events[name].add(event_id)
        persons = [name for name in removed.names if name.kind == "officer"]
        _match(searches, "event_id", "requester", persons, key, asked)
    if outcomes is not None and outcomes.height:
        by_case = outcomes.filter(pl.col("event_id").is_null())
        past |= _past(by_case, "outcome_id", "recorded_at", pl.lit("SEARCH"), removed)
        cases = [name for name in removed.names if name.kind == "case"]
        _cases(outcomes, "outcome_id", cases, key, told, removed.held)
        speaking = (
            outcomes.filter(pl.col("event_id").is_in(list(removed.events)))
            if removed.events
            else outcomes.clear()
        )
        for outcome_id, event_id in speaking.select("outcome_id", "event_id").iter_rows():
            for name in removed.events[event_id]:
                if name.kind != "officer":
                    told[name].add(outcome_id)
    return Forgotten(frozenset(past), _frozen(events), _frozen(asked), _frozen(told))


def past_rows(tables: Mapping[str, pl.DataFrame], forgotten: Forgotten) -> pl.DataFrame:
    """Return where the records stand that are not stored as their time is over, without what they say."""
    position = [pl.col("kafka_topic"), pl.col("kafka_partition"), pl.col("kafka_offset"), pl.col("agency_id")]
    parts = []
    for table, key, moment, evidence in (
        ("searches", "event_id", "occurred_at", pl.col("evidence").cast(pl.String)),
        ("outcomes", "outcome_id", "recorded_at", pl.lit("")),
    ):
        if table in tables:
            month = pl.col(moment).dt.year().cast(pl.UInt32) * 100 + pl.col(moment).dt.month().cast(pl.UInt32)
            rows = tables[table].filter(pl.col(key).is_in(list(forgotten.past)))
            parts.append(
                rows.select(*position, evidence.alias("evidence"), month.alias("month"), "ingested_at")
            )
    return pl.concat(parts) if parts else pl.DataFrame()


def _past(rows: pl.DataFrame, key: str, moment: str, evidence: pl.Expr, removed: Removed) -> set[bytes]:
    latest = max(removed.floors.values(), default=None)
    if latest is None:
        return set()
    old = rows.filter(pl.col(moment) < pl.lit(latest, _UTC)).select(
        pl.col(key),
        pl.col(moment).alias("moment"),
        pl.col("agency_id"),
        evidence.cast(pl.String).alias("evidence"),
        pl.col("case_number"),
    )
    never = datetime(1900, 1, 1, tzinfo=UTC)
    found = set()
    # Few events are so old: what a client resends after years.
    for each, at, agency_id, tier, case in old.iter_rows():
        before = removed.floors.get((agency_id, tier), removed.floors.get(("", tier), never))
        if at < before and (agency_id, plain(case or "")) not in removed.held:
            found.add(each)
    return found


def _named(
    rows: pl.DataFrame, key_column: str, removed: Removed, key: bytes, found: defaultdict[Name, set[bytes]]
) -> None:
    by_kind: defaultdict[Kind, list[Name]] = defaultdict(list)
    for name in removed.names:
        by_kind[name.kind].append(name)
    _cases(rows, key_column, by_kind["case"], key, found, removed.held)
    for kind, column in _COLUMNS.items():
        _match(rows, key_column, column, by_kind[kind], key, found)


def _cases(
    rows: pl.DataFrame,
    id_column: str,
    names: Iterable[Name],
    key: bytes,
    found: defaultdict[Name, set[bytes]],
    held: frozenset[tuple[str, str]],
) -> None:
    by_agency: defaultdict[str, list[Name]] = defaultdict(list)
    for name in names:
        by_agency[name.agency_id].append(name)
    for agency_id, its in by_agency.items():
        _match(rows.filter(pl.col("agency_id") == agency_id), id_column, "case_number", its, key, found, held)


def _match(
    rows: pl.DataFrame,
    id_column: str,
    column: str,
    names: Iterable[Name],
    key: bytes,
    found: defaultdict[Name, set[bytes]],
    held: frozenset[tuple[str, str]] = frozenset(),
) -> None:
    """Note in which rows a column has one of the names, all of one kind and agency, but for held cases."""
    known = {name.hashed: name for name in names}
    if not known:
        return
    one = next(iter(known.values()))
    for text in rows[column].drop_nulls().unique().to_list():
        name = known.get(name_of(key, one.kind, one.agency_id, text).hashed)
        if name is not None and (name.agency_id, plain(text)) not in held:
            found[name] |= set(rows.filter(pl.col(column) == text)[id_column].to_list())


def _changed(
    rows: pl.DataFrame, key: str, ids: Ids, change: Callable[[pl.DataFrame], pl.DataFrame]
) -> pl.DataFrame:
    """The rows, in their order, those of these ids changed and marked as expunged."""
    if "expunged" not in rows.columns:
        rows = rows.with_columns(expunged=pl.lit(value=False))
    mask = rows[key].is_in(list(ids))
    if not mask.any():
        return rows
    numbered = rows.with_row_index("\0row")
    part = change(numbered.filter(mask)).with_columns(expunged=pl.lit(value=True))
    return pl.concat([numbered.filter(~mask), part.select(numbered.columns)]).sort("\0row").drop("\0row")


def _erase_searches(part: pl.DataFrame, name: Name) -> pl.DataFrame:
    kept: dict[str, Any] = {column: pl.lit(None, part.schema[column]) for column in columns_of(name.kind)}
    # Maps have no expression for this, and rows to be forgotten are few.
    attributes = [
        {each: said for each, said in _items(held) if each in KEPT_ATTRIBUTES} for held in part["attributes"]
    ]
    kept["attributes"] = pl.Series("attributes", attributes, part.schema["attributes"])
    if "endpoint" in kept:
        kept["endpoint"] = pl.col("endpoint_host")
    if "training_cert" in kept:
        kept["training_cert"] = _where_there("training_cert", ERASED)
    for kind, column in (("case", "case_number"), ("officer", "officer")):
        if name.kind == kind:
            kept[column] = _where_there(column, name.token)
    return part.with_columns(**kept)


def _erase_requester(part: pl.DataFrame, name: Name) -> pl.DataFrame:
    return part.with_columns(requester=_where_there("requester", name.token))


def _erase_violations(part: pl.DataFrame, name: Name) -> pl.DataFrame:
    erased = columns_of(name.kind)
    evidence = [
        {each: "" if each in erased else said for each, said in _items(held)} for held in part["evidence"]
    ]
    part = part.with_columns(pl.Series("evidence", evidence, part.schema["evidence"]))
    for kind, column in (("case", "case_number"), ("officer", "officer")):
        if name.kind == kind:
            part = part.with_columns(_where_there(column, name.token).alias(column))
    return part


def _erase_outcomes(part: pl.DataFrame, name: Name) -> pl.DataFrame:
    part = part.with_columns(note=pl.lit(None, pl.String))
    if name.kind == "case":
        part = part.with_columns(case_number=_where_there("case_number", name.token))
    return part


_ERASE: dict[str, Callable[..., pl.DataFrame]] = {
    "searches": _erase_searches,
    "violations": _erase_violations,
    "outcomes": _erase_outcomes,
}


def _where_there(column: str, text: str) -> pl.Expr:
    return pl.when(pl.col(column).is_not_null()).then(pl.lit(text))


def _items(held: Any) -> Iterable[tuple[str, str]]:
    if held is None:
        return ()
    return held.items() if isinstance(held, Mapping) else [(each["key"], each["value"]) for each in held]


def _frozen(found: Mapping[Name, set[bytes]]) -> dict[Name, Ids]:
    return {name: frozenset(ids) for name, ids in found.items() if ids}
