"""Umbrella's DNS log: 13 columns or 10, with the separators and quotes that exports have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.inputs.importers.identity import Identities, Identity
from streams.inputs.importers.lines import BadLine
from streams.inputs.importers.umbrella import Umbrella
from tests.support.imports import AT, imported, umbrella_line

TEN = [
    "2026-04-10 05:01:00",
    "RHD-WS-042",
    "RHD-WS-042,Los Angeles",
    "10.1.2.3",
    "198.51.100.7",
    "Allowed",
    "1 (A)",
    "NOERROR",
    "app.clearview.ai.",
    "Business",
]
THIRTEEN = [*TEN, "AD Computers", "AD Computers,Sites", ""]
HEADER = (
    '"Timestamp","Most Granular Identity","Identities","InternalIp","ExternalIp","Action","QueryType",'
    '"ResponseCode","Domain","Categories"\n'
)


def line(cells: Sequence[str] = TEN, separator: str = ",", changed: Mapping[str, str] = {}) -> str:
    names = ("time", "identity", "identities", "inside", "outside", "action", "type", "code", "domain")
    first = [changed.get(name, cell) for name, cell in zip(names, cells, strict=False)]
    return umbrella_line(*first, *cells[len(names) :], separator=separator)


def one(text: str, **how: Any) -> dict[str, Any]:
    found = imported("umbrella", text, **how)
    assert len(found.records) == 1, found.bad
    return found.records[0]


@pytest.mark.parametrize("cells", [TEN, THIRTEEN])
@pytest.mark.parametrize("separator", [",", ", "])
@pytest.mark.parametrize("head", ["", HEADER, "\ufeff", "\ufeff" + HEADER, HEADER.replace(",", ", ")])
def test_both_widths_with_either_separator_a_header_and_a_byte_order_mark(
    cells: list[str], separator: str, head: str
) -> None:
    found = imported("umbrella", head + line(cells, separator))
    record = found.records[0]
    assert (record["evidence"], record["endpoint"], record["client_ip"]) == (
        "LOOKUP",
        "app.clearview.ai",
        "10.1.2.3",
    )
    assert record["occurred_at"] == AT * 1_000_000
    assert (found.report.comments, found.report.malformed, found.counted()) == (
        HEADER[:9] in head or 0,
        0,
        True,
    )


def test_cells_without_quotes_are_read_where_they_need_none() -> None:
    text = "2026-04-10 05:01:00,ws,ws,10.1.2.3,198.51.100.7,Allowed,1 (A),NOERROR,pimeyes.com.,Business\n"
    assert one(text)["endpoint"] == "pimeyes.com"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, None),
        ({"action": "allowed"}, None),
        ({"action": "Proxied"}, None),
        ({"action": "Blocked"}, "blocked"),
        ({"action": "Blocked", "code": "NXDOMAIN"}, "blocked"),
        ({"action": ""}, "blocked"),
        ({"code": "NXDOMAIN"}, "nxdomain"),
        ({"code": "SERVFAIL"}, "failed"),
        ({"code": ""}, None),
    ],
)
def test_a_lookup_that_came_to_nothing_is_none(changed: dict[str, str], status: str | None) -> None:
    found = one(line(changed=changed))
    assert (found["evidence"], found["attributes"].get("status")) == ("LOOKUP", status)


def test_the_device_says_whose_it_is_and_is_kept_nowhere() -> None:
    identities = Identities([Identity(device="rhd-ws-042", agency="lapd", officer="P1")])
    found = one(line(), identities=identities)
    assert (found["agency_id"], found["officer_id"], found["attributes"]["identity"]) == (
        "lapd",
        "P1",
        "device",
    )
    assert "RHD-WS" not in repr(found)
    assert (
        one(line(changed={"identity": "", "identities": "x,RHD-WS-042"}), identities=identities)["officer_id"]
        == "P1"
    )


def test_the_address_outside_stands_where_there_is_none_inside() -> None:
    assert one(line(changed={"inside": ""}))["client_ip"] == "198.51.100.7"


@pytest.mark.parametrize(
    "changed", [{"domain": ""}, {"domain": "pimeyes.com.", "type": "12 (PTR)"}, {"domain": "."}]
)
def test_lines_that_ask_for_no_host_say_nothing(changed: dict[str, str]) -> None:
    found = imported("umbrella", line() + line(changed=changed))
    assert (found.report.matched, found.report.malformed) == (1, 0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (line(TEN[:9]), "has 9 columns"),
        (line([*TEN, "x"]), "has 11 columns"),
        ('"2026-04-10 05:01:00","ws\n', "is no CSV"),
        (line(changed={"time": "10/04/2026 05:01"}), "its time is not as Umbrella writes it"),
        (line(changed={"time": "2026-02-30 05:01:00"}), "its time is not as Umbrella writes it"),
    ],
)
def test_a_malformed_line_costs_itself(text: str, reason: str) -> None:
    found = imported("umbrella", line() + text + line(changed={"domain": "pimeyes.com."}))
    assert sorted(found.hosts) == ["app.clearview.ai", "pimeyes.com"]
    assert [(each["line"], each["reason"].startswith(reason)) for each in found.bad] == [(2, True)]
    assert "RHD-WS" not in repr(found.bad)


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0"), max_size=12)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(CELL, min_size=8, max_size=14), st.booleans())
def test_whatever_its_cells_are_a_line_is_read_or_malformed(cells: list[str], timed: bool) -> None:
    cells = [TEN[0], *cells[1:]] if timed else cells
    quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    try:
        attempt = Umbrella().read(quoted.encode())
    except BadLine:
        return
    assert len(cells) in (10, 13)
    assert attempt is None or (attempt.tier == "LOOKUP" and attempt.endpoint == cells[8].strip())
