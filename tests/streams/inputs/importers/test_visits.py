"""Lines of one visit fold into one event, the same one however they are ordered, cut and read again."""

from __future__ import annotations

import random
import time
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.inputs.importers.sighting import Attempt, Sighting
from streams.inputs.importers.visits import MOST_OPEN, WINDOW, Visits, keyed_id
from tests.support.imports import AT, KEY, imported, squid_line

HALF_HOUR = 1800
BASE = AT // HALF_HOUR * HALF_HOUR


def log(*moments: float, host: str = "app.clearview.ai", **how: str) -> str:
    return "".join(squid_line(f"{host}:443", at=BASE + moment, **how) for moment in moments)


def test_lines_of_one_visit_are_one_event_with_their_count_and_duration() -> None:
    record = imported("squid", log(10, 70.5, 400.25)).records[0]
    assert record["occurred_at"] == (BASE + 10) * 1_000_000
    assert (record["attributes"]["lines"], record["attributes"]["duration_s"]) == ("3", "390.250")


def test_a_visit_across_the_half_hour_is_two() -> None:
    found = imported("squid", log(HALF_HOUR - 1, HALF_HOUR - 0.001, HALF_HOUR))
    assert [each["attributes"]["lines"] for each in found.records] == ["2", "1"]


@pytest.mark.parametrize(
    "other",
    [
        log(1, client="10.1.2.4"),
        log(1, user="s4711"),
        log(1, host="pimeyes.com"),
        log(1, result="TCP_DENIED/407"),
    ],
)
def test_other_people_hosts_and_outcomes_are_other_visits(other: str) -> None:
    assert len(imported("squid", log(0) + other).by_id) == 2


def test_the_same_user_in_other_capitals_is_the_same() -> None:
    assert len(imported("squid", log(0, user="S4711") + log(1, user="s4711")).records) == 1


URLS = [
    "app.clearview.ai:443",
    "http://app.clearview.ai/search",
    "http://app.clearview.ai/trial",
    "http://app.clearview.ai/personal",
    "http://app.clearview.ai/help",
]
LINE = st.builds(
    lambda url, at, client, result: squid_line(
        url, at=BASE + at, client=f"10.1.2.{client}", result=result, method="GET" if "/" in url else "CONNECT"
    ),
    st.sampled_from(URLS),
    st.sampled_from([0, 1, 900, HALF_HOUR - 1, HALF_HOUR, HALF_HOUR + 900]),
    st.integers(1, 3),
    st.sampled_from(["TCP_MISS/200", "TCP_DENIED/407"]),
)


@settings(derandomize=True, deadline=None)
@given(
    st.lists(LINE, max_size=30), st.randoms(use_true_random=False), st.lists(st.integers(1, 300), max_size=9)
)
def test_the_events_are_the_same_in_any_order_and_however_the_lines_are_cut(
    lines: list[str], rng: random.Random, sizes: list[int]
) -> None:
    whole = imported("squid", "".join(lines))
    rng.shuffle(lines)
    data, pieces = "".join(lines).encode(), []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    again = imported("squid", [*pieces, data])
    assert again.by_id == whole.by_id
    assert sum(int(each["attributes"]["lines"]) for each in again.records) == len(lines)
    assert len(again.by_id) == len(again.records)


@settings(derandomize=True, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=20), st.data())
def test_the_events_of_parts_are_events_of_the_whole(lines: list[str], data: st.DataObject) -> None:
    whole = imported("squid", "".join(lines)).by_id
    at = data.draw(st.integers(0, len(lines)))
    parts = imported("squid", "".join(lines[:at])).by_id | imported("squid", "".join(lines[at:])).by_id
    assert parts.keys() == whole.keys()


def test_ids_are_pinned_so_that_no_change_makes_what_was_imported_count_twice() -> None:
    assert list(imported("squid", log(10, user="s4711")).by_id) == ["cefad5a5-f939-87d3-8a22-01c5eaa05a1c"]


def test_an_id_is_a_uuid_of_version_8_that_depends_on_the_key() -> None:
    first = keyed_id(KEY, "a", "b")
    assert (first.version, first.variant) == (8, uuid.RFC_4122)
    assert len({first, keyed_id(b"other" * 8, "a", "b"), keyed_id(KEY, "a"), keyed_id(KEY, "ab")}) == 4


def sighting(number: int, moment: int) -> Sighting:
    attempt = Attempt(
        "squid", moment, "x", "ACCESS", client_ip=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    )
    return Sighting(attempt, "pimeyes.com", "pimeyes.com", None, None, None)


def test_of_too_many_open_visits_the_oldest_are_told_early_and_soon() -> None:
    visits, over = Visits("squid", KEY), MOST_OPEN // 2
    for number in range(over + 2 * MOST_OPEN):
        moment = 0 if number < over else 4 * WINDOW + number
        visits.add(sighting(number, moment), "log", number, number + 1)
    began = time.monotonic()
    due = visits.due(3 * WINDOW)
    assert time.monotonic() - began < 2
    assert sorted(visit.offset for visit in due) == list(range(over + 2 * MOST_OPEN - MOST_OPEN // 2))
    visits.sent(due)
    assert visits.open_since("log") == (len(due), len(due) + 1)
    assert visits.due(3 * WINDOW) == []


def test_lines_that_come_after_their_visit_was_told_are_counted_and_send_nothing() -> None:
    late = log(0) + log(3 * HALF_HOUR, host="pimeyes.com")
    found = imported("squid", [late.encode(), log(5).encode()], eager=True)
    assert (len(found.records), found.report.late, found.report.matched) == (2, 1, 3)
