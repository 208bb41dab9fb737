from __future__ import annotations

import pytest

from schemas.catalogue import Catalogue
from schemas.catalogue_files import collect_catalogue, parse_catalogue
from schemas.errors import WrongUse
from schemas.yaml_file import Faults, Source
from tests.streams.searches import agencies

REST = "as_of: 2024, status: active, sources: [s], confidence: read"


def load(*texts: str) -> Catalogue:
    return parse_catalogue([Source(f"{n}.yaml", text) for n, text in enumerate(texts)])


def refusal(*texts: str) -> str:
    with pytest.raises(WrongUse) as error:
        load(*texts)
    return str(error.value)


def test_a_host_may_be_a_word_or_say_how_much_it_says() -> None:
    hosts = "[a.example, {host: B.Example., strength: weak, public_pages: [/Help/]}]"
    [provider] = load(f"providers: [{{id: a, name: Alpha, class: commercial, hosts: {hosts}, {REST}}}]")
    assert [(host.host, host.strength, host.public_pages) for host in provider.hosts] == [
        ("a.example", "full", ()),
        ("b.example", "weak", ("/help",)),
    ]


def test_the_version_is_of_the_content_and_not_of_its_files() -> None:
    one = f"providers: [{{id: a, name: Alpha, class: commercial, {REST}}}]"
    two = f"providers: [{{id: b, name: Beta, class: commercial, {REST}}}]"
    assert load(one, two).version == load(two, one).version
    assert load(one, two.replace("commercial", "government")).version != load(one, two).version


@pytest.mark.parametrize("host", ["ai", "https://a.example/x", "a..example", "-a.example", "a b.example"])
def test_what_is_no_host_of_a_service_is_refused(host: str) -> None:
    told = refusal(f"providers:\n- {{id: a, hosts: ['{host}'], name: Alpha, class: commercial, {REST}}}")
    assert told.startswith("0.yaml:2:19: hosts.0.host: ")


def test_a_host_has_one_operator() -> None:
    one = f"providers:\n- {{id: a, name: Alpha, class: commercial, hosts: [a.example], {REST}}}"
    two = f"providers:\n- {{id: b, name: Beta, class: commercial, hosts: [A.example.], {REST}}}"
    assert refusal(one, two) == "1.yaml:2:50: host 'a.example' is 'a''s too; a host has one operator"


def test_a_name_of_two_services_is_refused_unless_it_is_called_ambiguous() -> None:
    text = (
        f"providers:\n- {{id: a, name: Alpha, aliases: [FaceSeek], class: commercial, {REST}}}\n"
        f"- {{id: b, name: Face-Seek Inc., class: commercial, {REST}}}\n"
    )
    assert refusal(text).startswith("0.yaml:3:17: 'Face-Seek Inc.' names 'a' too")
    assert len(load(text + "ambiguous_names: [Face Seek]\n")) == 2


def test_all_faults_are_told() -> None:
    told = refusal(
        "providers:\n- {id: A, name: '++', class: secret}\n- {}\n", "providers: 3\n", "provider: []\n"
    ).splitlines()
    assert {line.split(":")[0] for line in told} == {"0.yaml", "1.yaml", "2.yaml"}
    assert len(told) > 12


def entry(**keys: str) -> str:
    stated = {"id": "a", "name": "Alpha", "class": "commercial", "as_of": "2024", "status": "active"}
    lines = (stated | {"sources": "[s]", "confidence": "read"} | keys).items()
    return "\n".join(f"  {key}: {value}" for key, value in lines if value).replace("  ", "- ", 1) + "\n"


@pytest.mark.parametrize("host", ["co.uk", "AI.", "github.io", "xn--p1ai", "googleapis.com", "k12.ca.us"])
def test_a_host_that_anybody_may_register_under_is_nobodys(host: str) -> None:
    told = refusal("providers:\n" + entry(hosts=f"[{host}]"))
    assert "public suffix" in told or "is no domain" in told


@pytest.mark.parametrize("host", ["203.0.113.7", "'[2001:db8::1]:443'"])
def test_an_address_proves_nothing(host: str) -> None:
    assert refusal("providers:\n" + entry(hosts=f"[{host}]")).startswith("0.yaml:9:11: hosts.0.host: ")


def test_every_fact_has_a_source() -> None:
    head = "providers:\n"
    assert refusal(head + entry(sources="")) == "0.yaml:2:3: 'a' has no source; add where its facts were read"
    told = refusal(
        head + entry(sources="[{source: x, of: [name, class]}]", hosts="[a.example]", operator="A")
    )
    assert told == (
        "0.yaml:7:12: no source is one of operator, hosts, status; "
        "add one, or one without `of` for all the rest"
    )
    assert len(load(head + entry(sources="[{source: x, of: [name]}, y]", hosts="[a.example]"))) == 1
    assert "0.yaml:7:30" in refusal(head + entry(sources="[{source: x, of: [Alpha]}]"))


def test_a_fact_is_cited_by_what_names_it_or_else_by_what_names_none() -> None:
    [provider] = load("providers:\n" + entry(sources="[x, {source: y, of: [hosts], as_of: 2020}]"))
    assert [cited.source for cited in provider.citations_of("hosts")] == ["y"]
    assert [cited.as_of for cited in provider.citations_of("hosts")] == ["2020"]
    assert [cited.source for cited in provider.citations_of("operator")] == ["x"]


def test_what_nobody_looked_up_was_not_read() -> None:
    known = entry(sources="[general knowledge]")
    assert refusal("providers:\n" + known).startswith("0.yaml:8:15: confidence is read, and every source")
    assert len(load("providers:\n" + entry(sources="[general knowledge]", confidence="known"))) == 1


def test_a_name_that_is_anothers_host_is_refused() -> None:
    one = "providers:\n" + entry(hosts="[alpha.example]")
    two = "providers:\n" + entry(id="b", name="Beta", aliases="[Beta One, App.Alpha.example]")
    assert refusal(one, two) == (
        "1.yaml:9:23: 'App.Alpha.example' is a host of 'a'; a name that is a host is its operator's"
    )


def test_a_host_that_stands_twice_is_a_slip() -> None:
    told = refusal("providers:\n" + entry(hosts="[a.example, A.example.]"))
    assert told == "0.yaml:9:22: host 'a.example' stands here twice; keep one"


def test_the_operator_is_an_agency_of_the_register() -> None:
    faults = Faults()
    text = "providers:\n" + entry(operator_agency="lassd")
    collect_catalogue([Source("c.yaml", text)], faults, agencies())
    assert [said for _, said in faults.found] == [
        "no agency has the id 'lassd'; add it to the register or correct the id"
    ]
