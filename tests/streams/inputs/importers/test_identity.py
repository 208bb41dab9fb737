"""Whose user, device or address it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.agencies import parse_agencies
from schemas.errors import NotThere, WrongUse
from schemas.yaml_file import Source
from streams.inputs.importers.identity import Identities, load_identities, parse_identities
from tests.streams.searches import AGENCIES
from tests.support.imports import AT, imported, squid_line, zeek_log

FILE = r"""
identities:
  - {proxy_user: "LAPD\\s4711", agency: lapd, officer: S4711, unit: RHD}
  - {user: s4712, agency: lapd, officer: S4712}
  - {device: RHD-WS-042, officer: S4713}
  - {cidr: 10.20.0.0/16, agency: lapd}
  - {cidr: 10.20.7.0/24, agency: lasd, unit: Lab}
  - {cidr: 10.20.7.9/32, agency: lasd, officer: S9}
  - {cidr: "2001:db8::/32", agency: nypd}
"""


def identities(text: str = FILE, agency: str | None = None) -> Identities:
    return parse_identities([Source("who.yaml", text)], agency)


@pytest.mark.parametrize(
    ("known", "person"),
    [
        ({"proxy_user": "LAPD\\s4711"}, ("lapd", "S4711", "RHD", "proxy_user")),
        ({"proxy_user": " lapd\\S4711 "}, ("lapd", "S4711", "RHD", "proxy_user")),
        ({"proxy_user": "LAPD\\s4711", "user": "s4712"}, ("lapd", "S4711", "RHD", "proxy_user")),
        ({"user": "s4712", "client_ip": "2001:db8::1"}, ("lapd", "S4712", None, "user")),
        ({"devices": ["x", "rhd-ws-042"], "client_ip": "10.20.1.1"}, ("lapd", "S4713", None, "device")),
        ({"devices": ["rhd-ws-042"]}, ("unknown", "S4713", None, "device")),
        ({"devices": ["s4712"]}, ("lapd", "S4712", None, "user")),
        ({"client_ip": "10.20.1.1"}, ("lapd", None, None, "cidr")),
        ({"client_ip": "10.20.7.1"}, ("lasd", None, "Lab", "cidr")),
        ({"client_ip": "10.20.7.9"}, ("lasd", "S9", None, "cidr")),
        ({"client_ip": "2001:db8::1"}, ("nypd", None, None, "cidr")),
        ({"client_ip": "192.0.2.1"}, ("unknown", None, None, "none")),
        ({"proxy_user": "nobody"}, ("unknown", None, None, "none")),
        ({}, ("unknown", None, None, "none")),
    ],
)
def test_what_is_most_certain_decides(known: dict[str, Any], person: tuple[str | None, ...]) -> None:
    assert tuple(identities().find(**known)) == person


def test_the_agency_that_is_named_is_that_of_nobody_known() -> None:
    assert identities(agency="lapd").find(client_ip="192.0.2.1").agency == "lapd"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{agency: lapd}", "none or several of proxy_user, user, device and cidr"),
        ("{user: a, device: b, agency: lapd}", "none or several of"),
        ("{user: a}", "neither agency nor officer"),
        ("{cidr: 10.20.0.1/16, agency: lapd}", "host bits set"),
        ("{cidr: 10.20.0.0/16, officer: S1}", "many addresses"),
        ("{user: a, agency: lapd, oficer: S1}", "oficer"),
        ("{user: a, agency: lapd}\n  - {user: A, agency: lasd}", "user is there twice for one time"),
    ],
)
def test_a_faulty_file_is_refused_with_place_and_reason(entry: str, said: str) -> None:
    with pytest.raises(WrongUse, match=r"who\.yaml:\d+:\d+") as refused:
        identities(f"identities:\n  - {entry}\n")
    assert said in str(refused.value)


DATED = """
identities:
  - {cidr: 10.20.0.0/16, agency: lapd, until: 2026-03-01}
  - {cidr: 10.20.0.0/16, agency: nypd, from: 2026-03-01, until: 2026-03-02T00:00:00Z}
  - {cidr: 10.0.0.0/8, agency: city}
  - {device: WS-7, agency: lapd, officer: P1, until: 2026-03-01, timezone: Asia/Tokyo}
  - {device: ws-7, agency: lapd, officer: P2, from: 2026-03-01, timezone: Asia/Tokyo}
"""


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    ("at", "agency"),
    [
        ("2026-02-28T23:59:59.999999-08:00", "lapd"),
        # The LAPD's day has not come yet.
        ("2026-03-01T00:00:00-05:00", "lapd"),
        ("2026-03-01T00:00:00-08:00", "nypd"),
        ("2026-03-01T23:59:59Z", "nypd"),
        ("2026-03-02T00:00:00Z", "city"),
    ],
)
def test_a_network_that_changed_hands_is_whose_it_was_at_the_time_of_the_line(at: str, agency: str) -> None:
    register = parse_agencies([Source("agencies.yaml", AGENCIES)])
    text = DATED.replace("agency: nypd, from: 2026-03-01", "agency: nypd, from: 2026-03-01T08:00:00Z")
    found = parse_identities([Source("who.yaml", text)], None, register)
    assert found.find(client_ip="10.20.1.1", moment=moment(at)).agency == agency


def test_a_device_that_changed_hands_is_whose_it_was_in_the_zone_that_is_named() -> None:
    found = identities(DATED.replace("nypd, from: 2026-03-01", "nypd, from: 2026-03-01T08:00:00Z"))
    edge = moment("2026-03-01T00:00:00+09:00")
    assert [found.find(devices=["ws-7"], moment=at).officer for at in (edge - 1, edge)] == ["P1", "P2"]
    assert found.find(devices=["ws-7"]).basis == "none"


def test_times_of_one_address_that_overlap_and_that_never_come_are_refused() -> None:
    # In New York the first of March begins before it does in Los Angeles.
    register = parse_agencies([Source("agencies.yaml", AGENCIES)])
    with pytest.raises(WrongUse, match="cidr is there twice for one time"):
        parse_identities([Source("who.yaml", DATED)], None, register)
    with pytest.raises(WrongUse, match="until is not after from"):
        identities("identities: [{user: a, agency: lapd, from: 2026-03-02, until: 2026-03-01}]")
    with pytest.raises(WrongUse, match="is no date"):
        identities("identities: [{user: a, agency: lapd, from: soon}]")


def test_a_line_is_judged_by_its_own_time() -> None:
    until = datetime.fromtimestamp(AT + 1800, UTC).isoformat()
    found = identities(f"identities: [{{cidr: 10.1.0.0/16, agency: lapd, until: {until}}}]")
    lines = squid_line("pimeyes.com:443") + squid_line("pimeyes.com:443", at=AT + 3600)
    assert [each["agency_id"] for each in imported("squid", lines, identities=found).records] == [
        "lapd",
        "unknown",
    ]


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotThere):
        load_identities(tmp_path / "who.yaml")
    assert load_identities(None, "lapd").find().agency == "lapd"


def test_the_user_of_a_proxy_is_looked_up_as_squid_writes_it_and_kept_nowhere() -> None:
    lines = squid_line("pimeyes.com:443", user="LAPD%5Cs4711") + squid_line(
        "eyematch.ai:443", client="10.20.7.9"
    )
    found = imported("squid", lines, identities=identities())
    assert [(each["agency_id"], each["officer_id"], each["unit"]) for each in found.records] == [
        ("lapd", "S4711", "RHD"),
        ("lasd", "S9", None),
    ]
    assert [each["attributes"]["identity"] for each in found.records] == ["proxy_user", "cidr"]
    assert "s4711" not in repr(found)


def test_the_user_of_a_log_that_is_no_proxys_is_none_of_a_proxy() -> None:
    fields = ("ts", "id.orig_h", "host", "uri", "username")
    rows = [["1775797260", "192.0.2.1", "pimeyes.com", "/", name] for name in ("LAPD\\\\s4711", "s4712")]
    found = imported("zeek", zeek_log("http", fields, *rows), identities=identities())
    assert [each["attributes"]["identity"] for each in found.records] == ["none", "user"]
