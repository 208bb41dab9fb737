"""Hosts however they are written: with escapes, as A-labels or U-labels, with full-width letters."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.hostname import normalise_host
from streams.hosts import Endpoint
from streams.inputs.importers.lines import Lines
from streams.inputs.importers.plain import odd_rows, plain
from streams.inputs.importers.watch import Watch
from tests.streams.searches import catalogue
from tests.support.imports import AT, imported, shipped_watch, squid_line

WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(33, 127)})
WRITTEN = [
    "app.clearview%2eai",
    "app.clearview%2Eai",
    "%61pp.clearview.ai",
    "".join(f"%{ord(each):02x}" for each in "app.clearview.ai"),
    "APP.CLEARVIEW.AI.",
    "app.clearview.ai".translate(WIDE),
    "app.ＣｌｅａｒＶｉｅｗ.ai",
    "app。clearview。ai",
    "app．clearview｡ai",
    "app.clear\u00adview.ai",
    "app.clear\u200bview.ai",
    "app.ⓒlearview.ai",
    quote("app.ｃlearview.ai"),
    quote("app.clearview.ai".translate(WIDE)),
    "user:secret-word@app.clearview%2eai",
]
URLS = [f"http://{host}/search" for host in WRITTEN] + [f"{host}:443" for host in WRITTEN]


@pytest.mark.parametrize("url", URLS)
def test_a_host_in_a_url_of_a_proxy_is_found_however_it_is_written(url: str) -> None:
    method = "GET" if "/" in url else "CONNECT"
    others = "".join(squid_line(f"http://example.org/%7e{number}/ü", method="GET") for number in range(3))
    found = imported("squid", others + squid_line(url, method=method, result="TCP_MISS/200") + others)
    assert found.hosts == ["http://app.clearview.ai/search" if method == "GET" else "app.clearview.ai"]
    assert found.records[0]["evidence"] == "ACCESS"
    assert (found.report.malformed, found.counted()) == (0, True)


@pytest.mark.parametrize("host", WRITTEN)
@pytest.mark.parametrize("is_ascii", [True, False])
def test_so_it_is_in_json(host: str, is_ascii: bool) -> None:
    row = {"ts": AT, "id.orig_h": "10.1.2.3", "method": "GET", "host": host, "uri": "/", "status_code": 200}
    assert imported("zeek", json.dumps(row, ensure_ascii=is_ascii) + "\n").hosts == [
        "http://app.clearview.ai/"
    ]


def test_an_escaped_letter_of_json_hides_no_host() -> None:
    line = f'{{"ts":{AT},"id.orig_h":"10.1.2.3","server_name":"app.clearview\\u002eai","established":true}}\n'
    assert imported("zeek", line).hosts == ["app.clearview.ai"]


def test_a_byte_that_zeek_escaped_hides_no_host() -> None:
    head = "#separator \\x2e\n#path.http\n#fields.ts.method.host.uri\n"
    found = imported("zeek", f"{head}{AT}.GET.app\\x2eclearview\\x2eai./\n")
    assert found.hosts == ["http://app.clearview.ai/"]


IDN = """
providers:
  - {id: gesichter, name: Gesichtssuche, class: commercial, hosts: [gesichtsbücher.example], as_of: "2020",
     status: active, sources: [s], confidence: read}
"""


@pytest.mark.parametrize(
    "host",
    [
        "gesichtsbücher.example",
        "GESICHTSBÜCHER.example",
        "gesichtsbu\u0308cher.example",
        "xn--gesichtsbcher-4ob.example",
        "gesichtsb%C3%BCcher.example",
        "www.XN--gesichtsbcher-4ob.EXAMPLE",
    ],
)
def test_a_service_whose_name_is_not_ascii_is_found_by_either_form(host: str) -> None:
    watch = Watch(catalogue(IDN))
    plain_host = normalise_host(host)
    assert plain_host is not None
    assert watch.judge(Endpoint(plain_host, "/")) is not None
    assert watch.rows(Lines(f"a\n1 GET http://{host}/ -\nb\n".encode())) == [1]


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(st.text(st.sampled_from("clearview.aiＣÜü%2e5\\xu0\u00ad\u3002 "), max_size=24), max_size=6))
def test_no_host_that_matters_is_left_out_of_the_fast_look(texts: list[str]) -> None:
    watch = shipped_watch()
    lines = Lines("".join(f"x http://{text}/\n" for text in texts).encode())
    matter = {
        row
        for row, text in enumerate(texts)
        if (host := normalise_host(text)) is not None and watch.judge(Endpoint(host, "/")) is not None
    }
    assert matter <= set(watch.rows(lines))


@settings(derandomize=True, deadline=None)
@given(st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), max_size=8))
def test_lines_stay_lines_whatever_is_escaped_in_them(lines: list[bytes]) -> None:
    assert plain(lines).count(b"\n") == len(lines)
    whole = Lines(b"".join(line + b"\n" for line in lines))
    odd = [row for row, line in enumerate(lines) if any(byte in b"%\\" or byte > 127 for byte in line)]
    assert odd_rows(whole).tolist() == odd


def test_a_block_of_nothing_but_escapes_takes_no_second() -> None:
    watch = shipped_watch()
    for text in (b"%2e" * 60, b"\\x2e" * 45, b"\\u002e" * 30, "Ｃü".encode() * 36):
        lines = Lines((text + b"\n") * ((4 << 20) // (len(text) + 1)))
        began = time.process_time()
        assert watch.rows(lines) == []
        assert time.process_time() - began < 2
