from __future__ import annotations

import pytest

from schemas.agencies import AgencyRegister, parse_agencies
from schemas.errors import WrongUse
from schemas.yaml_file import Source

REGISTER = """
agencies:
  - id: lapd
    name: Los Angeles Police Department
    aliases: [LAPD]
    ori: CA0194200
    domains: [LAPD.online.]
    parent: city
  - {id: city, name: City of Los Angeles, domains: [lacity.org], timezone: America/Denver}
"""


def register(text: str = REGISTER) -> AgencyRegister:
    return parse_agencies([Source("a.yaml", text)])


@pytest.mark.parametrize(
    "text", ["lapd", "LAPD", " L.A.P.D. ", "los-angeles police department", "ＬＡＰＤ", "ca0194200"]
)
def test_an_agency_is_known_by_any_of_its_names(text: str) -> None:
    agency = register().resolve(text)
    assert agency is not None
    assert agency.id == "lapd"


@pytest.mark.parametrize("text", [None, "", " ", "...", "\0", "lap", "lapd2", "l" * 10_000_000])
def test_other_texts_name_nobody(text: str | None) -> None:
    assert register().resolve(text) is None


def test_the_longest_domain_names_the_agency() -> None:
    agencies = register(REGISTER.replace("[LAPD.online.]", "[lapd.lacity.org]"))
    found = [agencies.resolve_domain(host) for host in ("x.lapd.lacity.org", "x.lacity.org", "notlacity.org")]
    assert [agency and agency.id for agency in found] == ["lapd", "city", None]


def test_a_zone_that_is_not_given_is_the_registers() -> None:
    agencies = register()
    zones = [str(agencies.timezone(agency_id)) for agency_id in ("lapd", "city", "nobody", None)]
    assert zones == ["America/Los_Angeles", "America/Denver", "America/Los_Angeles", "America/Los_Angeles"]


def test_the_version_is_of_the_content_and_not_of_its_order() -> None:
    head, lapd, city = REGISTER.partition("  - id: lapd")[0], *REGISTER.split("  - ")[1:]
    assert register(f"{head}  - {city}\n  - {lapd}").version == register().version
    assert register(REGISTER.replace("LAPD]", "LAPD, LA Police]")).version != register().version


def test_all_faults_are_told_with_their_places() -> None:
    text = """
agencies:
  - {id: a, name: One, aliases: [Same], parent: nobody}
  - {id: b, name: Two, aliases: [S.A.M.E.], domains: [com]}
  - {id: B, name: Three, timezone: Mars/Base}
  - {id: a, name: Four}
"""
    with pytest.raises(WrongUse) as error:
        register(text)
    told = str(error.value).splitlines()
    assert [line.split(": ", 1)[0] for line in told] == [
        "a.yaml:3:49",
        "a.yaml:4:55",
        "a.yaml:5:10",
        "a.yaml:5:36",
        "a.yaml:6:10",
    ]
    assert "'nobody' is no other agency" in told[0]
    assert "'com' is no domain" in told[1]
    assert "Mars/Base" in told[3]


def test_a_name_of_two_agencies_is_a_fault() -> None:
    with pytest.raises(WrongUse, match=r"a\.yaml:2:41: 'l-a-p-d' names 'a' too"):
        register(
            "agencies: [{id: a, name: LAPD},\n                                   {id: b, name: l-a-p-d}]"
        )
