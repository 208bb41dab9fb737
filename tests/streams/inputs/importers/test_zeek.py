"""Zeek's logs, TSV and JSON: what a line says, however its header has it written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from schemas.errors import WrongUse
from streams.inputs.importers.lines import BadLine
from streams.inputs.importers.zeek import ZeekJson, ZeekTsv
from tests.support.imports import AT, SSL_FIELDS, imported, ssl_row, zeek_log

HTTP = ("ts", "id.orig_h", "method", "host", "uri", "status_code", "username", "password", "user_agent")
DNS = ("ts", "id.orig_h", "query", "qtype_name", "rcode", "rcode_name", "answers", "rejected")
MICROS = AT * 1_000_000


def http(host: str = "app.clearview.ai", uri: str = "/search", **cells: str) -> str:
    row = {
        "ts": f"{AT}.5",
        "id.orig_h": "10.1.2.3",
        "method": "GET",
        "host": host,
        "uri": uri,
        "status_code": "200",
    }
    return zeek_log("http", HTTP, [(row | cells).get(name, "-") for name in HTTP])


def dns(query: str = "app.clearview.ai", **cells: str) -> str:
    row = {"ts": f"{AT}.5", "id.orig_h": "10.1.2.3", "query": query, "qtype_name": "A", "rcode": "0"}
    return zeek_log("dns", DNS, [({"rcode_name": "NOERROR"} | row | cells).get(name, "-") for name in DNS])


def as_json(**fields: Any) -> str:
    return json.dumps({"ts": AT + 0.5, "id.orig_h": "10.1.2.3"} | fields) + "\n"


def one(text: str, **how: Any) -> dict[str, Any]:
    found = imported("zeek", text, **how)
    assert len(found.records) == 1, found.bad
    return found.records[0]


def test_a_handshake_is_access_and_says_from_where_and_why_it_is_no_search() -> None:
    found = one(zeek_log("ssl", SSL_FIELDS, ssl_row("app.clearview.ai", at=AT + 0.25)), agency="lapd")
    assert (found["evidence"], found["occurred_at"]) == ("ACCESS", MICROS + 250_000)
    assert (found["endpoint"], found["client_ip"], found["agency_id"]) == (
        "app.clearview.ai",
        "10.1.2.3",
        "lapd",
    )
    assert found["officer_id"] is None
    assert found["attributes"] == {
        "log": "zeek/ssl",
        "lines": "1",
        "duration_s": "0.000",
        "identity": "none",
        "why": "the log shows that the site was reached, not what was done there",
    }


@pytest.mark.parametrize("separator", ["\t", ",", "|", ";", " ", "\x01", "~"])
@pytest.mark.parametrize(("unset", "empty"), [("-", "(empty)"), ("NULL", "EMPTY"), ("\\N", "")])
def test_separators_and_marks_are_those_that_the_header_declares(
    separator: str, unset: str, empty: str
) -> None:
    rows = [["1775797260.5", "C", "10.1.2.3", "1", host, "T"] for host in ("pimeyes.com", unset, empty)]
    found = imported(
        "zeek", zeek_log("ssl", SSL_FIELDS, *rows, separator=separator, unset=unset, empty=empty)
    )
    assert found.hosts == ["pimeyes.com"]
    assert (found.report.read - found.report.comments, found.report.malformed) == (3, 0)


@given(st.binary(min_size=1, max_size=30), st.sampled_from(b"\t,|;~\x01"))
@settings(derandomize=True, deadline=None)
def test_escapes_are_undone_as_zeek_makes_them(value: bytes, separator: int) -> None:
    escaped = b"".join(
        b"\\x%02x" % byte if byte in (separator, 0x5C) or byte < 32 or byte > 126 else bytes([byte])
        for byte in value
    )
    assume(escaped not in (b"-", b"(empty)"))
    reader = ZeekTsv({"separator": [separator], "path": "http", "fields": ["ts", "username", "host"]})
    attempt = reader.read(bytes([separator]).join([b"1775797260.5", escaped, b"pimeyes.com"]))
    assert attempt is not None
    assert attempt.user == value.decode("utf-8", "replace")


def test_a_backslash_may_be_escaped_by_another_one() -> None:
    reader = ZeekTsv({"path": "http", "fields": ["ts", "username", "host"]})
    attempt = reader.read(b"1775797260\tLAPD\\\\s4711\tpimeyes.com")
    assert attempt is not None
    assert attempt.user == "LAPD\\s4711"


@pytest.mark.parametrize(
    ("established", "status", "evidence"),
    [("T", None, "ACCESS"), ("F", "failed", "LOOKUP"), ("-", None, "ACCESS")],
)
def test_a_failed_handshake_is_not_even_access(established: str, status: str | None, evidence: str) -> None:
    found = one(zeek_log("ssl", SSL_FIELDS, ssl_row("pimeyes.com", established=established)))
    assert (found["attributes"].get("status"), found["evidence"]) == (status, evidence)


@pytest.mark.parametrize(
    ("code", "status"),
    [("200", None), ("302", None), ("404", None), ("401", "denied"), ("403", "denied"), ("407", "denied"),
     ("451", "denied"), ("500", "failed"), ("503", "failed"), ("-", None), ("x", None)],
)  # fmt: skip
def test_what_came_of_a_request(code: str, status: str | None) -> None:
    found = one(http(status_code=code))
    assert found["attributes"].get("status") == status
    assert found["attributes"].get("log_status") == (code if status else None)
    assert found["evidence"] == ("LOOKUP" if status else "ACCESS")


@pytest.mark.parametrize(
    ("cells", "endpoint"),
    [
        ({}, "http://app.clearview.ai/search"),
        ({"uri": "http://pimeyes.com/x?q=1"}, "http://pimeyes.com/x"),
        ({"method": "CONNECT", "uri": "pimeyes.com:443"}, "pimeyes.com"),
        ({"uri": "-"}, "http://app.clearview.ai/"),
        ({"uri": "search"}, "http://app.clearview.ai/"),
        ({"host": "-", "uri": "https://pimeyes.com/"}, "https://pimeyes.com/"),
    ],
)
def test_the_host_of_a_request_is_that_of_its_url_where_it_has_one(
    cells: dict[str, str], endpoint: str
) -> None:
    found = one(http(**cells))
    assert found["endpoint"] == endpoint


def test_no_password_of_a_request_is_kept_and_its_user_only_by_the_identity_file() -> None:
    found = imported("zeek", http(username="s4711", password="secret-word", user_agent="Mozilla/5.0"))
    assert found.records[0]["user_agent"] == "Mozilla/5.0"
    assert "secret-word" not in repr(found)
    assert "s4711" not in repr(found)


def test_a_public_page_is_not_even_access() -> None:
    found = one(http(uri="/help/code_of_conduct?from=1"))
    assert (found["evidence"], found["attributes"]["status"]) == ("LOOKUP", "public_page")
    assert one(http(uri="/help/../search"))["evidence"] == "ACCESS"
    assert one(http(uri="/helpdesk"))["evidence"] == "ACCESS"


@pytest.mark.parametrize(
    ("cells", "status"),
    [
        ({}, None),
        ({"rcode": "3", "rcode_name": "NXDOMAIN"}, "nxdomain"),
        ({"rcode": "3", "rcode_name": "-"}, "nxdomain"),
        ({"rcode": "5", "rcode_name": "REFUSED"}, "denied"),
        ({"rejected": "T"}, "denied"),
        ({"rcode": "2", "rcode_name": "SERVFAIL"}, "failed"),
        ({"rcode": "-", "rcode_name": "-"}, None),
    ],
)
def test_a_query_is_never_more_than_a_lookup(cells: dict[str, str], status: str | None) -> None:
    found = one(dns(**cells))
    assert (found["evidence"], found["attributes"].get("status")) == ("LOOKUP", status)


@pytest.mark.parametrize("log", ["ssl", "http", "dns"])
def test_lines_without_a_host_say_nothing(log: str) -> None:
    text = {
        "ssl": zeek_log("ssl", SSL_FIELDS, ssl_row("-"), ssl_row("(empty)")),
        "http": http(host="-"),
        "dns": dns("-"),
    }
    found = imported("zeek", text[log])
    assert (found.records, found.report.malformed) == ([], 0)


def test_a_reverse_lookup_is_about_no_host() -> None:
    assert imported("zeek", dns("pimeyes.com", qtype_name="PTR")).records == []


@pytest.mark.parametrize("hidden", [False, True])
def test_what_encrypted_client_hello_hides_proves_nothing_and_says_so(hidden: bool) -> None:
    text = zeek_log("ssl", SSL_FIELDS, ssl_row("cloudflare-ech.com"))
    found = imported("zeek", text, hidden=hidden)
    assert found.report.hidden == 1
    assert [each["evidence"] for each in found.records] == (["LOOKUP"] if hidden else [])
    for each in found.records:
        assert each["attributes"]["status"] == "hidden"
        assert "proves nothing" in each["attributes"]["why"]


@pytest.mark.parametrize(
    ("fields", "log", "status"),
    [
        ({"server_name": "pimeyes.com", "established": True}, "zeek/ssl", None),
        ({"server_name": "pimeyes.com", "established": False}, "zeek/ssl", "failed"),
        ({"server_name": "pimeyes.com", "established": []}, "zeek/ssl", None),
        ({"host": "pimeyes.com", "uri": "/", "status_code": 407}, "zeek/http", "denied"),
        ({"query": "pimeyes.com", "rcode": 3}, "zeek/dns", "nxdomain"),
        ({"query": "pimeyes.com", "rcode": 0, "rejected": {}}, "zeek/dns", None),
        ({"_path": "dns", "query": "pimeyes.com"}, "zeek/dns", None),
    ],
)
def test_json_says_the_same(fields: dict[str, Any], log: str, status: str | None) -> None:
    found = one(as_json(**fields))
    assert (found["attributes"]["log"], found["attributes"].get("status")) == (log, status)
    assert found["occurred_at"] == MICROS + 500_000


@pytest.mark.parametrize(
    "ts",
    [AT + 0.5, (AT * 1000) + 500, f"{AT}.5", "2026-04-10T05:01:00.500000Z", "2026-04-10T07:01:00.500+02:00"],
)
def test_times_of_json_are_seconds_milliseconds_or_iso(ts: Any) -> None:
    assert one(as_json(ts=ts, server_name="pimeyes.com"))["occurred_at"] == MICROS + 500_000


@pytest.mark.parametrize("ts", ["1e999", "NaN", "-1", "1" + "0" * 400, "null", "true", "[]", '"soon"', '""'])
def test_a_line_of_json_without_a_time_is_malformed(ts: str) -> None:
    good = as_json(server_name="eyematch.ai")
    found = imported("zeek", good + f'{{"ts":{ts},"id.orig_h":"10.1.2.3","server_name":"pimeyes.com"}}\n')
    assert (found.hosts, found.report.malformed) == (["eyematch.ai"], 1)


@pytest.mark.parametrize("ts", ["-", "(empty)", "soon", "1e9", "99999999999.0", "2026-13-01T00:00:00Z"])
def test_a_line_without_a_time_is_malformed(ts: str) -> None:
    found = imported("zeek", zeek_log("ssl", SSL_FIELDS, [ts, *ssl_row("pimeyes.com")[1:]]))
    assert (found.records, found.report.malformed) == ([], 1)


def test_other_logs_in_a_stream_of_json_are_left_out() -> None:
    found = imported(
        "zeek", as_json(server_name="pimeyes.com") + as_json(_path="conn", service="eyematch.ai")
    )
    assert (found.hosts, found.report.skipped, found.report.malformed) == (["pimeyes.com"], 1, 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = [
    "ts",
    "_path",
    "id.orig_h",
    "server_name",
    "established",
    "host",
    "uri",
    "method",
    "status_code",
    "username",
    "user_agent",
    "query",
    "qtype",
    "qtype_name",
    "rcode",
    "rcode_name",
    "rejected",
]


@given(st.dictionaries(st.sampled_from(NAMES), JSON | st.just("pimeyes.com") | st.just(AT)))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_whatever_the_values_of_a_json_line_are_it_is_read_or_malformed(row: dict[str, Any]) -> None:
    try:
        attempt = ZeekJson().read(json.dumps(row).encode())
    except BadLine:
        return
    assert attempt is None or (attempt.tier, attempt.log) in (
        ("ACCESS", "zeek/ssl"),
        ("ACCESS", "zeek/http"),
        ("LOOKUP", "zeek/dns"),
    )


def test_a_log_without_a_header_that_names_its_columns_is_refused() -> None:
    with pytest.raises(WrongUse, match="has no #fields line"):
        imported("zeek", "#separator \\x09\n#path\tssl\n1\t2\n")
    with pytest.raises(WrongUse, match="#separator is more than one character"):
        imported("zeek", "#separator ||\n#path||ssl\n#fields||ts\n1\n")


def test_malformed_lines_of_a_log_that_may_hold_credentials_are_not_kept() -> None:
    found = imported("zeek", http() + "1775797260.5\ts4711\tsecret-word\n")
    assert found.bad[0].keys() == {"file", "line", "reason", "withheld", "bytes", "sha256"}
    found = imported("zeek", dns() + "1775797260.5\texample.org\n")
    assert found.bad[0]["text"] == "1775797260.5\texample.org"
