"""Retention: what has been kept for long enough is counted, and removed from every table.

Deletes, and no TTL of the engine: a TTL decides row by row, at merges, and may look nothing up. So it could
take the copy of a search that counts and leave another, it knows no legal hold, and it forgets what it took.

`apply` writes down first from when on events are kept (the floor): workers store nothing older from then on,
so that no resend or replay brings back what goes. Then it lists what goes, and removes the searches of the
list with the holds looked up by that very statement; all else follows the searches that are gone. A run that
is cut off is gone on with by the next: the list remembers it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from schemas.fault_point import reach
from schemas.retention import TIERS, Cutoff
from schemas.settings import Settings
from sinks.clickhouse import most
from sinks.clickhouse.asking import asking
from sinks.clickhouse.holds import UNLOGGED
from sinks.clickhouse.mutations import remove
from sinks.clickhouse.named_rows import is_there

_NEVER = datetime(1900, 1, 1, tzinfo=UTC)
_HELD_CASES = "(SELECT agency_id, case_number FROM frwatch.held_cases)"
_CASE = "(agency_id, lowerUTF8(trim(ifNull(case_number, ''))))"
_NOBODY = "toUUID('00000000-0000-0000-0000-000000000000')"


class Due(NamedTuple):
    """Searches of an agency, evidence and month (UTC, as 202011) whose time is over; `held` are kept."""

    agency_id: str
    evidence: str
    month: int
    removed: int
    held: int


class Plan(NamedTuple):
    """What would be removed now; of dead letters, how many."""

    searches: list[Due]
    dead_letters: int


def due(cutoffs: Sequence[Cutoff], time: str = "occurred_at", evidence: str = "evidence") -> str:
    """Return the SQL condition on rows whose time is over; `time` and `evidence` are their expressions."""
    tiers = []
    for tier in TIERS:
        others = next(each.before for each in cutoffs if each.agency_id is None and each.evidence == tier)
        groups: dict[datetime | None, list[str]] = {}
        for agency_id, its, before in cutoffs:
            if agency_id is not None and its == tier and before != others:
                groups.setdefault(before, []).append(agency_id)
        terms = [
            f"agency_id IN ({', '.join(map(_quoted, ids))}), {_moment(before)}"
            for before, ids in groups.items()
        ]
        tiers.append(
            f"{evidence} = '{tier}', "
            + (f"multiIf({', '.join(terms)}, {_moment(others)})" if terms else _moment(others))
        )
    latest = max((each.before for each in cutoffs if each.before), default=None)
    # The first bound is for the engine: partitions that are whole beyond it are not read.
    return f"({time} < {_moment(latest)} AND {time} < multiIf({', '.join(tiers)}, {_moment(None)}))"


def plan(settings: Settings, cutoffs: Sequence[Cutoff], dead_before: datetime | None) -> Plan:
    """Return what `apply` would remove now; nothing is written."""
    sql = (
        "SELECT agency_id, evidence, toYYYYMM(occurred_at) AS month,"
        " countIf(event_id NOT IN (SELECT event_id FROM frwatch.held_events)) AS removed, count() - removed"
        f" FROM frwatch.searches WHERE {due(cutoffs)} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    with asking(settings) as client:
        rows = client.query(sql, settings=UNLOGGED).result_rows
        dead = client.query(
            f"SELECT count() FROM frwatch.dead_letters WHERE {_dead(dead_before)}",
            settings=UNLOGGED,
        ).result_rows[0][0]
    return Plan([Due(*row) for row in rows], int(dead))


def apply(
    settings: Settings, cutoffs: Sequence[Cutoff], dead_before: datetime | None, by: str, now: datetime
) -> Plan:
    """Remove what is due and not held, and return it; `held` counts what a hold has kept of it.

    It may be cut off anywhere, and be run by several at one time: what was begun is gone on with.
    """
    with asking(settings) as client:
        for run_id, said_by in _unfinished(client):
            _finish(client, run_id, said_by, now)
        _raise_floors(client, cutoffs, by, now)
        reach("retention-floors")
        run_id = uuid4()
        _list(client, run_id, by, cutoffs)
        reach("retention-listed")
        removed = _finish(client, run_id, by, now)
        dead = remove(client, "dead_letters_raw", _dead(dead_before)) if dead_before else 0
    return Plan(removed, dead)


def _raise_floors(client: Any, cutoffs: Sequence[Cutoff], by: str, now: datetime) -> None:
    rows = [
        {
            "agency_id": each.agency_id or "",
            "evidence": each.evidence,
            "before": _text(each.before or _NEVER),
            "said_by": by,
            "at": _text(now),
        }
        for each in cutoffs
    ]
    client.raw_insert(
        "frwatch.retention_floors_raw",
        column_names=list(rows[0]),
        insert_block="\n".join(map(json.dumps, rows)),
        fmt="JSONEachRow",
        settings={"async_insert": 0},
    )


def _list(client: Any, run_id: UUID, by: str, cutoffs: Sequence[Cutoff]) -> None:
    """Write down what goes: searches by the copy that counts, and the outcomes that speak of nothing else."""
    into = "INSERT INTO frwatch.retention_doomed (run_id, said_by, kind, id, agency_id, evidence, day)"
    names = {"run": run_id, "by": by}
    client.command(
        f"{into} SELECT {{run:UUID}}, {{by:String}}, 'search', event_id, agency_id, evidence,"
        f" toDate32(occurred_at) FROM frwatch.searches WHERE {due(cutoffs)}",
        names,
    )
    doomed = f"(SELECT id FROM frwatch.retention_doomed WHERE run_id = '{run_id}' AND kind = 'search')"
    old = due(cutoffs, "recorded_at", "'SEARCH'")
    by_event = (
        f"(SELECT assumeNotNull(event_id) FROM frwatch.outcomes_raw WHERE isNotNull(event_id) AND {old})"
    )
    by_case = (
        "(SELECT agency_id, assumeNotNull(case_number) FROM frwatch.outcomes_raw"
        f" WHERE isNull(event_id) AND isNotNull(case_number) AND {old})"
    )
    case = "(agency_id, ifNull(case_number, ''))"
    client.command(
        f"{into} SELECT {{run:UUID}}, {{by:String}}, 'outcome', outcome_id, agency_id, '',"
        " toDate32(recorded_at) FROM frwatch.outcomes WHERE"
        # Told of a search that goes, of one that was never stored, or of a case of which no search stays.
        f" ifNull(event_id, {_NOBODY}) IN {doomed}"
        f" OR (isNotNull(event_id) AND {old} AND ifNull(event_id, {_NOBODY}) NOT IN"
        f" (SELECT event_id FROM frwatch.searches_raw WHERE event_id IN {by_event}))"
        f" OR (isNull(event_id) AND {old} AND {case} NOT IN (SELECT agency_id, ifNull(case_number, '')"
        f" FROM frwatch.searches_raw WHERE {case} IN {by_case} AND event_id NOT IN {doomed}))",
        names,
    )


def _unfinished(client: Any) -> list[tuple[UUID, str]]:
    rows = client.query("SELECT DISTINCT run_id, said_by FROM frwatch.retention_doomed").result_rows
    return [(run_id, said_by) for run_id, said_by in rows]


def _finish(client: Any, run_id: UUID, by: str, now: datetime) -> list[Due]:
    """Remove what is listed, from all tables, and then the list; return what was removed and what held."""

    def listed(kind: str) -> str:
        return f"(SELECT id FROM frwatch.retention_doomed WHERE run_id = '{run_id}' AND kind = '{kind}')"

    held = "(SELECT event_id FROM frwatch.held_events)"
    remove(client, "searches_raw", f"event_id IN {listed('search')} AND event_id NOT IN {held}")
    reach("retention-searches")
    # What is still there was held, or came again meanwhile: all that belongs to it stays.
    there = f"(SELECT event_id FROM frwatch.searches_raw WHERE event_id IN {listed('search')})"
    gone = f"event_id IN {listed('search')} AND event_id NOT IN {there}"
    findings = f"(SELECT violation_id FROM frwatch.violations_raw WHERE {gone})"
    alerts = f"(SELECT alert_id FROM frwatch.alert_attempts_raw WHERE violation_id IN {findings})"
    remove(client, "alert_acknowledgements_raw", f"alert_id IN {alerts}")
    remove(client, "alert_attempts_raw", f"violation_id IN {findings}")
    for table in ("violations_raw", "search_differences_raw", "search_decisions", "search_arrivals"):
        remove(client, table, gone)
        reach(f"retention-{table}")
    remove(
        client,
        "outcomes_raw",
        f"outcome_id IN {listed('outcome')} AND {_CASE} NOT IN {_HELD_CASES}"
        f" AND ifNull(event_id, {_NOBODY}) NOT IN {there}",
    )
    told = f"(SELECT outcome_id FROM frwatch.outcomes_raw WHERE outcome_id IN {listed('outcome')})"
    remove(client, "outcome_arrivals", f"outcome_id IN {listed('outcome')} AND outcome_id NOT IN {told}")
    rows = client.query(
        "SELECT agency_id, evidence, toYYYYMM(day) AS month,"
        f" countIf(id NOT IN {there}) AS removed, count() - removed"
        f" FROM frwatch.retention_doomed WHERE run_id = '{run_id}' AND kind = 'search'"
        " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    ).result_rows
    found = [Due(*row) for row in rows]
    kept = [[run_id, now, by, each.agency_id, each.evidence, each.month, each.removed] for each in found]
    if kept:
        names = ["run_id", "at", "said_by", "agency_id", "evidence", "month", "events"]
        client.insert("frwatch.retention_removals_raw", kept, column_names=names)
    _mark_days(client, run_id)
    if any(each.removed for each in found):
        most.forget(client)
    reach("retention-noted")
    remove(client, "retention_doomed", f"run_id = '{run_id}'")
    return found


def _mark_days(client: Any, run_id: UUID) -> None:
    """Have the days counted anew of which roll-ups keep the counts; a finding may be another agency's.

    The days beside them too: there an access may have been reported by a search that is gone.
    """
    if is_there(client, "rollup_marks"):
        client.command(
            "INSERT INTO frwatch.rollup_marks (agency_id, day, marked_at) SELECT DISTINCT agency_id, day,"
            " now64(6, 'UTC') FROM frwatch.rollup_marks WHERE day IN"
            " (SELECT arrayJoin([day - 1, day, day + 1]) FROM frwatch.retention_doomed"
            f" WHERE run_id = '{run_id}')"
        )
    if is_there(client, "rollup_search_marks"):
        client.command(
            "INSERT INTO frwatch.rollup_search_marks (agency_id, day, marked_at) SELECT DISTINCT agency_id,"
            " day, now64(6, 'UTC') FROM frwatch.retention_doomed"
            f" WHERE run_id = '{run_id}' AND kind = 'search'"
        )


def _dead(before: datetime | None) -> str:
    """Dead letters whose time is over, but for those in which the number of a held case stands."""
    held = (
        "arrayExists(one -> positionCaseInsensitiveUTF8(value, one) > 0,"
        " (SELECT groupArray(case_number) FROM frwatch.held_cases))"
    )
    return f"received_at < {_moment(before)} AND NOT {held}"


def _moment(moment: datetime | None) -> str:
    return f"toDateTime64('{_text(moment or _NEVER)}', 6, 'UTC')"


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
