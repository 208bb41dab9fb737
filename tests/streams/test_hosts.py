from __future__ import annotations

import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.hostname import normalise_host
from streams.hosts import HostMatcher, parse_endpoint
from tests.streams.searches import catalogue

HOSTS = HostMatcher(catalogue())

labels = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
hosts = st.lists(labels, min_size=2, max_size=5).map(".".join).filter(lambda host: not host[-1].isdigit())


def provider(text: str) -> str | None:
    endpoint = parse_endpoint(text)
    match = HOSTS.match(endpoint) if endpoint else None
    return match.provider_id if match else None


@pytest.mark.parametrize(
    "text",
    [
        "clearview.ai",
        "CLEARVIEW.AI.",
        "clearview.ai:443",
        "app.eu.clearview.ai",
        "https://clearview.ai",
        "HTTPS://user:pass@word@app.clearview.ai:8443/x?y=https://lacris.example#z",
        "//clearview.ai/x",
        r"https:\\clearview.ai\x",
        r"https://clearview.ai\@lacris.example",
        "https://clearview.ai?x",
        "ｃｌｅａｒｖｉｅｗ。ａｉ",
        "clear\u00adview.ai",
        "clearview%2Eai",
        "https://clear\tview.ai/",
        "  clearview.ai\n",
        "wss://clearview.ai/socket",
        "https:/clearview.ai",
        "clearview.ai:/x",
    ],
)
def test_however_a_host_is_written_it_is_the_same(text: str) -> None:
    assert provider(text) == "clearview-ai"


@pytest.mark.parametrize(
    "text",
    [
        "clearview.ai.evil.example",
        "notclearview.ai",
        "clearview-ai.example",
        "ai",
        "clearview",
        "https://evil.example/clearview.ai",
        "https://evil.example?clearview.ai",
        "https://clearview.ai@evil.example",
        "clearview.ai/@evil.example".replace("/", "%2F"),
        "сlearview.ai",
        "clearview.ai..",
        "clearview..ai",
        "clearview.ai\0.evil.example",
        "clearview.ai evil.example",
        "",
        "-",
        "https://",
        "[::1]",
        "203.0.113.7",
        "a" * 3000 + ".clearview.ai",
    ],
)
def test_what_only_looks_like_it_is_not(text: str) -> None:
    assert provider(text) is None


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("[2001:DB8:0::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("203.0.113.7:8080", "203.0.113.7"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("_dmarc.a_b.example", "_dmarc.a_b.example"),
        ("lacris-web", "lacris-web"),
        ("a.example:http", None),
        ("[::1", None),
        ("[::1]x", None),
        (("a" * 63 + ".") * 4 + "example", None),
        ("a" * 64 + ".example", None),
    ],
)
def test_hosts_have_one_form(text: str, host: str | None) -> None:
    assert normalise_host(text) == host


@pytest.mark.parametrize(
    ("text", "weak"),
    [
        ("https://app.clearview.ai/search", False),
        ("https://app.clearview.ai/help", True),
        ("https://app.clearview.ai/HELP/code_of_conduct?x", True),
        ("https://app.clearview.ai//help/", True),
        ("https://app.clearview.ai/%68elp", True),
        ("https://app.clearview.ai/helper", False),
        ("https://app.clearview.ai/help/../search", False),
        ("https://app.clearview.ai/search?/help", False),
        ("https://www.clearview.ai/search", True),
        ("https://x.www.clearview.ai", True),
    ],
)
def test_information_and_public_pages_are_weaker_evidence(text: str, weak: bool) -> None:
    endpoint = parse_endpoint(text)
    match = HOSTS.match(endpoint) if endpoint else None
    assert match == ("clearview-ai", weak)


@settings(derandomize=True, deadline=None)
@given(hosts)
def test_a_host_matches_by_whole_labels_from_the_right_alone(host: str) -> None:
    expected = "clearview-ai" if host == "clearview.ai" or host.endswith(".clearview.ai") else None
    assert provider(host) == expected
    assert provider(f"{host}.clearview.ai") == "clearview-ai"
    assert provider(f"clearview.ai.{host}") == expected
    assert provider(f"{host}clearview.ai") is None


@settings(derandomize=True, deadline=None)
@given(
    hosts,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", ":443", ":"]),
    st.sampled_from(["", "/", "/a?b#c"]),
)
def test_case_dot_port_and_path_change_no_host(
    host: str, upper: bool, dot: bool, port: str, path: str
) -> None:
    written = (host.upper() if upper else host) + "." * dot + port + path
    found, with_scheme = parse_endpoint(written), parse_endpoint("https://u:p@" + written)
    assert found == with_scheme
    assert found is not None
    assert found.host == host


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=300))
def test_a_normal_form_is_its_own_normal_form(text: str) -> None:
    host = normalise_host(text)
    assert host is None or normalise_host(host) == host


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=200), st.sampled_from(["", "https://", "//", "http:\\\\"]))
def test_no_text_raises(text: str, scheme: str) -> None:
    parse_endpoint(scheme + text)


@pytest.mark.parametrize("unit", ["a", "é", "\u0301", "%41", "@", ":", "[", "/..", "\t", "\U0001f600"])
def test_a_monstrous_endpoint_costs_no_more_than_a_long_one(unit: str) -> None:
    text = unit * 5_000_000
    start = time.process_time()
    parse_endpoint(text)
    assert time.process_time() - start < 0.5
