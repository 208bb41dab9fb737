"""Any body is answered at once, and what is taken is whole, its client's own, and of its tier."""

from __future__ import annotations

import time
import zlib
from collections import Counter

import pytest

from schemas.agencies import load_agencies
from schemas.collector_clients import Client
from schemas.contracts import contract
from schemas.settings import Settings
from streams.decode import decode
from streams.inputs.collector.body import media_of, take_apart
from streams.inputs.collector.judge import Judge
from streams.inputs.collector.problem import Refused
from streams.inputs.event import Kind
from streams.values import Values
from tests.support.bodies import PATHS
from tests.support.collector import Collector, stored
from tests.support.mutants import mutants

AGENCIES = load_agencies(Settings().agencies)
JUDGE = Judge(AGENCIES, {})
CLIENT = Client(id="c", keys=("0" * 64,), agencies=("lapd",), sources=("lacris-web", "zeek/*"), outcomes=True)
MOST = 1.0
"""Seconds for one body."""


@pytest.mark.parametrize(
    "count",
    [3_000, pytest.param(100_000, marks=[pytest.mark.slow, pytest.mark.timeout(900)])],  # Some minutes.
)
def test_every_body_is_judged_at_once_and_rightly(count: int) -> None:
    values: dict[Kind, list[bytes]] = {"search": [], "outcome": []}
    tiers: list[str] = []
    results: Counter[str] = Counter()
    slowest = 0.0
    for kind, body in mutants(count, count):
        began = time.process_time()
        data = zlib.decompress(body.data, 31) if "Content_Encoding" in body.headers else body.data
        try:
            items = take_apart(kind, media_of(body.content_type), body.headers, data).items
        except Refused as refused:
            results[refused.code] += 1
            items = []
        for item in items:
            verdict = JUDGE.judge(kind, CLIENT, item)
            results["refused" if verdict.faults else "taken"] += 1
            if not verdict.faults:
                values[kind].append(verdict.value)
                if kind == "search":
                    tiers.append(item.data.get("evidence") or "SEARCH")
        slowest = max(slowest, time.process_time() - began)
    for kind, taken in values.items():
        decoded = decode(Values(taken), contract(kind), {})
        assert not decoded.bad, "workers read all that is taken"
        names = set(decoded.frame["agency_id"].to_list())
        assert {agency and agency.id for agency in map(AGENCIES.resolve, names)} == {"lapd"}
        if kind == "search":
            assert decoded.frame["evidence"].to_list() == tiers
            assert all(CLIENT.reports_as(source) for source in set(decoded.frame["source"].to_list()))
    print(f"\n{count:,} bodies: {dict(results)}; the slowest took {1000 * slowest:.0f} ms")
    assert slowest < MOST
    assert results["taken"] > count / 10
    assert results["refused"] > count / 10
    assert results["malformed"] > count / 10


def test_the_service_answers_each_as_it_says_and_has_no_fault(running: Collector) -> None:
    """`Collector.post` checks each answer against the OpenAPI document."""
    taken: Counter[Kind] = Counter()
    for kind, body in mutants(7, 400):
        headers = {
            name: value.encode("latin-1", "replace").decode("latin-1") for name, value in body.headers.items()
        }
        status, told, _ = running.post(body.data, PATHS[kind], content_type=body.content_type, **headers)
        assert status in (202, 207, 400, 403, 422), (status, told)
        taken[kind] += told.get("accepted", 0)
    assert "fault of the collector" not in running.log()
    assert all(count > 5 for count in taken.values())
    for kind in PATHS:
        # Another client of these tests speaks for all agencies.
        rows = [row for row in stored(running.stack, kind) if row.get("source") != "county-hub"]
        agencies = map(AGENCIES.resolve, {row["agency_id"] for row in rows})
        assert {agency and agency.id for agency in agencies} == {"lapd"}
