from __future__ import annotations

import structlog

from streams.enrich import Enricher
from streams.strangers import MAX_LENGTH, MAX_NAMES, Strangers, count_strangers
from tests.streams.searches import KEY, agencies, catalogue, searches

ENRICHER = Enricher(catalogue(), agencies(), KEY)


def test_names_that_no_agency_has_are_counted_on_either_side_of_a_search() -> None:
    frame = ENRICHER.enrich(
        searches(
            [
                {"agency_id": "Foo PD", "requesting_agency_id": "Bar PD"},
                {"agency_id": "Bar PD", "requesting_agency_id": "LASD"},
                {"agency_id": "LAPD", "requesting_agency_id": "N/A"},
                {"agency_id": "LAPD", "requesting_agency_id": " "},
                {"agency_id": "LAPD", "requesting_agency_id": "x" * 1000},
            ]
        )
    )
    assert count_strangers(frame) == {"Foo PD": 1, "Bar PD": 2, "x" * MAX_LENGTH: 1}
    assert count_strangers(frame[3:4]) == count_strangers(frame[:0]) == {}


def test_each_is_logged_once_and_memory_is_bounded() -> None:
    strangers = Strangers()
    with structlog.testing.capture_logs() as logs:
        strangers.note({"Foo PD": 3})
        strangers.note({"Foo PD": 2, "Bar PD": 1})
        strangers.note({f"name {number}": 1 for number in range(2 * MAX_NAMES)})
    assert [entry["agency"] for entry in logs[:2]] == ["Foo PD", "Bar PD"]
    assert len(logs) == MAX_NAMES
    assert strangers.most(2) == {"Foo PD": 5, "Bar PD": 1}
