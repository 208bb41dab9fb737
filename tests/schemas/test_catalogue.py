from __future__ import annotations

import pytest

from schemas.catalogue import Catalogue, parse_catalogue
from schemas.errors import WrongUse
from schemas.yaml_file import Source

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
    assert refusal(text).startswith("0.yaml:3:8: 'Face-Seek Inc.' names 'a' too")
    assert len(load(text + "ambiguous_names: [Face Seek]\n")) == 2


def test_all_faults_are_told() -> None:
    told = refusal(
        "providers:\n- {id: A, name: '++', class: secret}\n- {}\n", "providers: 3\n", "provider: []\n"
    ).splitlines()
    assert {line.split(":")[0] for line in told} == {"0.yaml", "1.yaml", "2.yaml"}
    assert len(told) > 12
