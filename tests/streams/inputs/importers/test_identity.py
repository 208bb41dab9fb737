"""Whose user, device or address it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import NotThere, WrongUse
from schemas.yaml_file import Source
from streams.inputs.importers.identity import Identities, load_identities, parse_identities
from tests.support.imports import imported, squid_line, zeek_log

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
def test_what_is_most_certain_decides(known: dict[str, str], person: tuple[str | None, ...]) -> None:
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
        ("{user: a, agency: lapd}\n  - {user: A, agency: lasd}", "user is there twice"),
    ],
)
def test_a_faulty_file_is_refused_with_place_and_reason(entry: str, said: str) -> None:
    with pytest.raises(WrongUse, match=r"who\.yaml:\d+:\d+") as refused:
        identities(f"identities:\n  - {entry}\n")
    assert said in str(refused.value)


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
