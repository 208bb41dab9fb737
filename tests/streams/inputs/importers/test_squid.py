"""Squid's native log: what a line says, with the quirks that real ones have."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.inputs.importers.lines import BadLine
from streams.inputs.importers.squid import Squid
from tests.support.imports import AT, imported, squid_line

HOST = "app.clearview.ai"


def test_a_tunnel_is_access_by_its_host_without_the_port() -> None:
    found = imported("squid", squid_line(f"{HOST}:443", at=AT + 0.123), agency="lapd").records[0]
    assert (found["evidence"], found["endpoint"], found["occurred_at"]) == (
        "ACCESS",
        HOST,
        AT * 10**6 + 123_000,
    )
    assert (found["client_ip"], found["agency_id"], found["source"]) == ("10.1.2.3", "lapd", "squid")


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ("TCP_TUNNEL/200", None),
        ("TCP_MISS/302", None),
        ("TCP_REFRESH_FAIL_OLD/200", None),
        ("TCP_MEM_HIT/200", None),
        ("TCP_DENIED/407", "denied"),
        ("TCP_DENIED/401", "denied"),
        ("TCP_DENIED/403", "blocked"),
        ("TCP_DENIED/200", "blocked"),
        ("TCP_DENIED_REPLY/403", "blocked"),
        ("TCP_DENIED_ABORTED/407", "denied"),
        ("TCP_MISS/403", "denied"),
        ("TCP_MISS/407", "denied"),
        ("TCP_TUNNEL/503", "failed"),
        ("NONE_NONE/503", "failed"),
        ("TAG_NONE/000", "failed"),
        ("NONE/-", "failed"),
        ("TCP_MISS_ABORTED/000", "failed"),
        ("TCP_MISS_ABORTED/200", "failed"),
        ("TCP_MISS_TIMEDOUT/200", "failed"),
        ("TCP_MISS_TIMEOUT/200", "failed"),
        ("TCP_REFRESH_FAIL_ERR/502", "failed"),
    ],
)
def test_what_did_not_come_about_is_not_even_access(result: str, status: str | None) -> None:
    found = imported("squid", squid_line(f"{HOST}:443", result=result)).records[0]
    assert found["attributes"].get("status") == status
    assert found["attributes"].get("log_status") == (result if status else None)
    assert found["evidence"] == ("LOOKUP" if status else "ACCESS")


@pytest.mark.parametrize(
    ("method", "url", "endpoint"),
    [
        ("GET", f"http://{HOST}/search?q=1", f"http://{HOST}/search"),
        ("GET", f"https://{HOST}:8443/a/b", f"https://{HOST}/a/b"),
        ("POST", f"{HOST}/upload", f"http://{HOST}/upload"),
        ("CONNECT", f"{HOST.upper()}:443", HOST),
        ("CONNECT", f"{HOST}.:443", HOST),
        ("GET", f"ftp://{HOST}/x", f"ftp://{HOST}/x"),
        ("GET", f"http://u:secret-word@{HOST}/x;secret-word#secret-word", f"http://{HOST}/x"),
    ],
)
def test_urls_as_squid_writes_them(method: str, url: str, endpoint: str) -> None:
    found = imported("squid", squid_line(url, method=method, result="TCP_MISS/200"))
    assert found.hosts == [endpoint]
    assert "secret-word" not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        "error:transaction-end-before-headers",
        "error:invalid-request",
        "-",
        "cache_object://localhost/clearview.ai",
        "urn:clearview.ai",
        "/clearview.ai",
        "http://example.org/?next=https://app.clearview.ai/",
        "http:///",
        "[::1]:443",
    ],
)
def test_lines_about_no_host_of_a_service_say_nothing(url: str) -> None:
    found = imported(
        "squid", squid_line(url, method="GET", result="NONE_NONE/000") + squid_line(f"{HOST}:443")
    )
    assert (found.hosts, found.report.malformed, found.report.skipped) == ([HOST], 0, 1)


def test_elapsed_times_of_any_width_and_clients_of_both_families() -> None:
    for elapsed in ("     0", "   120", "123456", "1234567890", "    -1"):
        line = squid_line(f"{HOST}:443", client="2001:DB8::7").replace("   120", elapsed)
        assert [each["client_ip"] for each in imported("squid", line).records] == ["2001:db8::7"]
    assert (
        imported("squid", squid_line(f"{HOST}:443", client="pc.example.org")).records[0]["client_ip"] is None
    )
    mapped = imported("squid", squid_line(f"{HOST}:443", client="::ffff:10.1.2.3")).records[0]
    assert mapped["client_ip"] == "10.1.2.3"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1775797260.123 120 10.1.2.3 TCP_MISS/200 39 GET http://a/ -", "has 8 fields"),
        ("1775797260.123 120 10.1.2.3 TCP_MISS/200 39 GET http://a/ - A/- - extra", "has 11 fields"),
        ("[10/Apr/2026] 120 10.1.2.3 TCP_MISS/200 39 GET http://a/ - A/- -", "does not begin with a time"),
        (
            "1775797260.123 120 10.1.2.3 TCP_MISS 39 GET http://clearview.ai/ - A/- -",
            "is not as Squid writes",
        ),
        (
            "1775797260.123 x 10.1.2.3 TCP_MISS/200 39 GET http://clearview.ai/ - A/- -",
            "is not as Squid writes",
        ),
    ],
)
def test_a_line_of_another_shape_is_malformed_with_its_number_and_reason(line: str, reason: str) -> None:
    found = imported("squid", squid_line(f"{HOST}:443") + line + "\n\n" + squid_line(f"{HOST}:443"))
    assert [(each["line"], each["file"]) for each in found.bad] == [(2, "a log")]
    assert found.bad[0]["reason"].startswith(reason)
    assert (found.report.matched, found.report.comments) == (2, 1)


def test_of_a_malformed_line_neither_its_user_nor_its_credentials_are_kept() -> None:
    found = imported(
        "squid", squid_line(f"{HOST}:443") + squid_line("http://u:secret-word@a/ x", user="s4711")
    )
    assert found.report.malformed == 1
    assert "secret-word" not in repr(found.bad)
    assert "s4711" not in repr(found.bad)


def test_carriage_returns_and_a_last_line_without_an_end_are_met() -> None:
    text = squid_line(f"{HOST}:443").replace("\n", "\r\n") + squid_line("pimeyes.com:443").rstrip("\n")
    found = imported("squid", text)
    assert sorted(found.hosts) == [HOST, "pimeyes.com"]
    assert found.counted()


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.text(st.characters(codec="utf-8"), max_size=80), st.integers(0, 9))
def test_whatever_stands_in_a_field_the_line_is_read_or_malformed(text: str, number: int) -> None:
    fields = squid_line(f"{HOST}:443").split()
    fields[number] = text
    try:
        attempt = Squid().read(" ".join(fields).encode())
    except BadLine:
        return
    assert attempt is None or attempt.tier == "ACCESS"
