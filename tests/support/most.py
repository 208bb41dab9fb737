"""What was searched most: the searches, what must come out, and what an analyst finds."""

from __future__ import annotations

import random
import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from clickhouse_connect.driver import AsyncClient

from schemas.settings import Settings
from sinks.clickhouse.most import KINDS, Kind, MostSearched
from sinks.console.book import read_book
from tests.support.use import MIDNIGHT, Search, firsts

BOOK = read_book(Settings().queries)
DAYS = 40
AGENCIES = ("lapd", "lasd", "lbpd")
SMALL = tuple(replace(kind, room=room) for kind, room in zip(KINDS, (110, 400), strict=True))
"""Lists that have no room for all of some two thousand searches, so that they have a floor."""
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Ran(Search):
    """A search with the rules that it breaks."""

    broken_rules: tuple[str, ...] = ()


def searched(choose: random.Random, count: int, second: int = 0) -> list[Ran]:
    """Searches of forty days: few cases and probes many times, many of them once or twice."""
    return [
        Ran(
            uuid.UUID(int=choose.getrandbits(128)),
            second + each,
            MIDNIGHT + timedelta(minutes=choose.randrange(DAYS * 1440)),
            choose.choice(AGENCIES),
            evidence=choose.choice(["SEARCH"] * 9 + ["ACCESS"]),
            officer=choose.choice([None, "a" * 64, "b" * 64, "c" * 64]),
            provider_id=choose.choice(["lacris", "pimeyes", None]),
            provider_class=choose.choice(["government"] * 9 + ["not_fr"]),
            case_number=choose.choice([None, "", *[f"25-{int(choose.random() ** 2 * 300)}"] * 8]),
            probe_hash=choose.choice([None, *[probe(int(choose.random() ** 2 * 200))] * 38, ""]),
            broken_rules=choose.choice([(), (), ("p/a",), ("p/a", "p/b")]),
        )
        for each in range(count)
    ]


def probe(number: int) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, str(number)).hex * 2


def counts(copies: Sequence[Search]) -> Counter[tuple[str, str]]:
    """How often each case was searched, by agency and number."""
    return Counter((each.agency_id, each.case_number) for each in firsts(copies, "event_id") if _cased(each))


def _cased(search: Search) -> bool:
    return search.counted and bool(search.case_number)


def expected(copies: Sequence[Search], agency: str) -> tuple[Rows, Rows]:
    """The cases that were searched most, by the agency or by any (""), and the probes."""
    cases: defaultdict[Any, list[Any]] = defaultdict(list)
    probes: defaultdict[Any, list[Any]] = defaultdict(list)
    for each in firsts(copies, "event_id"):
        if _cased(each) and agency in ("", each.agency_id):
            cases[each.agency_id, each.case_number].append(each)
        if each.counted and each.probe_hash is not None:
            probes[each.probe_hash].append(each)
    by_case = [
        (
            *key,
            len(group),
            len({each.officer for each in group} - {None}),
            len({each.provider_id for each in group} - {None}),
            len({each.probe_hash for each in group} - {None}),
            sum(bool(each.broken_rules) for each in group),
        )
        for key, group in cases.items()
    ]
    by_probe = [
        (
            key[:12],
            len(group),
            len({each.officer for each in group} - {None}),
            len({each.agency_id for each in group}),
            ", ".join(sorted({each.provider_id or "in no catalogue" for each in group})),
            len({each.case_number for each in group} - {None}),
            (
                max(each.occurred_at for each in group).date()
                - min(each.occurred_at for each in group).date()
            ).days,
        )
        for key, group in probes.items()
        if len(group) > 1
    ]
    return (
        sorted(by_case, key=lambda row: (-row[2], *row[:2]))[:20],
        sorted(by_probe, key=lambda row: (-row[1], -row[2], row[0]))[:40],
    )


async def asked(client: AsyncClient, agency: str) -> tuple[Rows, Rows]:
    """What the query book says of cases and of probes."""
    found = []
    for name, values in (("most_searched_cases", {"agency": agency}), ("repeated_probes", {})):
        answer = await client.query(BOOK[name].sql, BOOK[name].values(values), settings={"readonly": 2})
        found.append([tuple(row) for row in answer.result_rows])
    return found[0], found[1]


async def right(client: AsyncClient, copies: Sequence[Search], when: str) -> None:
    """Each cell of both questions is what follows from the copies, and no bound is wrong."""
    for agency in ("", "lapd", "lbpd", "nowhere"):
        cases, probes = expected(copies, agency)
        found = await asked(client, agency)
        assert found[0] == cases, f"cases of {agency or 'all'} {when}"
        assert found[1] == probes, f"probes {when}"
    true = counts(copies)
    answer = await client.query(
        "SELECT agency_id, case_number, at_least, at_most, others_at_most FROM frwatch.case_counts"
    )
    known = {tuple(row[:2]): row[2:] for row in answer.result_rows}
    assert len(known) == len(answer.result_rows), f"one row for each case {when}"
    wrong = [
        (key, bounds, true[key]) for key, bounds in known.items() if not bounds[0] <= true[key] <= bounds[1]
    ]
    assert wrong == [], when
    if known:
        others = max((count for key, count in true.items() if key not in known), default=0)
        assert others <= next(iter(known.values()))[2], when


async def proven(client: AsyncClient, agency: str = "") -> tuple[bool, bool]:
    """Whether the lists prove which cases, and which probes, were searched most."""
    cases = await client.query(
        "SELECT countIf(at_least = at_most AND at_most > others_at_most) = 20"
        " FROM (SELECT * FROM frwatch.case_counts WHERE {agency:String} IN ('', agency_id)"
        " ORDER BY at_most DESC, agency_id, case_number LIMIT 20)",
        {"agency": agency},
    )
    # What is counted from the tables has one row for each agency; a list has one for each of its days too.
    probes = await client.query(
        "SELECT count() > uniqExact(probe_hash, agency_id) FROM frwatch.most_searched_probes"
    )
    return bool(cases.result_rows[0][0]), bool(probes.result_rows[0][0])


async def listed(client: AsyncClient, kinds: tuple[Kind, ...] = SMALL) -> int:
    """Make all lists; return how many slices were made."""
    made = 0
    while await MostSearched(client).settle(kinds, quiet=True):
        made += 1
    return made
