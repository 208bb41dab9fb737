"""Real lines of each format, which fuzzing starts from, and what tells a denied one without the importers."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.imports import AT, SSL_FIELDS, squid_line, ssl_row, umbrella_line, zeek_log

HOSTS = (
    "app.clearview.ai",
    "pimeyes.com",
    "www.example.org",
    "example.com",
    "c1earview.ai",
    "notclearview.ai",
    "clearview.ai.example.com",
    "app.clearview%2eai",
    "app.ｃlearview.ai",
    "flocksafety.com",
    "cloudflare-ech.com",
    "xn--bcher-kva.example",
    "10.9.8.7",
    "clear.view.example",
)
HTTP = ("ts", "id.orig_h", "method", "host", "uri", "status_code", "username", "password", "user_agent")
DNS = ("ts", "id.orig_h", "query", "qtype_name", "rcode", "rcode_name", "rejected")
MAPPING = Path(__file__).with_name("fuzz_mapping.yaml")


@dataclass(frozen=True, slots=True)
class Parser:
    """One format: `head` and `good` begin each log, so that it is told for what it is; `tier` is the most.

    `denied` says of a line that it is surely one that was denied, blocked or failed.
    """

    name: str
    kind: str
    tier: str
    seeds: Sequence[bytes]
    head: bytes = b""
    good: bytes = b""
    denied: Callable[[bytes], bool] = lambda line: False
    mapping: str = "flock-audit"


def _split(log: str) -> tuple[bytes, list[bytes]]:
    """The header of a Zeek log, and its lines."""
    lines = [line.encode() for line in log.splitlines(keepends=True)]
    comments = [line for line in lines if line.startswith(b"#") and not line.startswith(b"#close")]
    return b"".join(comments), [line for line in lines if line not in comments]


def _cells(fields: Sequence[str], column: str, values: Sequence[bytes]) -> Callable[[bytes], bool]:
    """Whether a line of a Zeek log has one of these values in a column."""

    def denied(line: bytes) -> bool:
        cells = line.rstrip(b"\r").split(b"\t")
        return len(cells) == len(fields) and cells[fields.index(column)] in values

    return denied


def _json_denied(line: bytes) -> bool:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    told: dict[str, Any] = row if isinstance(row, dict) else {}
    return "server_name" in told and told.get("established") is False and len(told) == 4


def _squid_denied(line: bytes) -> bool:
    fields = line.split(b" ")
    fields = [field for field in fields if field]
    return len(fields) == 10 and b"DENIED" in fields[3]


def _umbrella_denied(line: bytes) -> bool:
    try:
        cells = next(csv.reader([line.decode("utf-8", "replace")], skipinitialspace=True), [])
    except csv.Error:
        return False
    return len(cells) in (10, 13) and "block" in cells[5].lower()


def _ssl() -> Parser:
    rows = [ssl_row(host, at=AT + n, established="TF-"[n % 3]) for n, host in enumerate(HOSTS)]
    head, seeds = _split(zeek_log("ssl", SSL_FIELDS, *rows))
    return Parser(
        "zeek ssl", "zeek", "ACCESS", seeds, head, seeds[0], _cells(SSL_FIELDS, "established", [b"F"])
    )


def _http() -> Parser:
    codes = ("200", "407", "403", "302", "-", "503")
    rows = [
        [
            f"{AT + n}.5",
            "10.1.2.3",
            "GET",
            host,
            f"/search?n={n}",
            codes[n % 6],
            "s4711",
            "pw",
            "Mozilla/5.0",
        ]
        for n, host in enumerate(HOSTS)
    ]
    rows.append([f"{AT}.5", "10.1.2.3", "CONNECT", "-", "pimeyes.com:443", "200", "-", "-", "-"])
    rows.append([f"{AT}.5", "fe80::1", "GET", "x", "http://u:pw@pimeyes.com/a%20b", "401", "-", "-", "-"])
    head, seeds = _split(zeek_log("http", HTTP, *rows))
    return Parser(
        "zeek http",
        "zeek",
        "ACCESS",
        seeds,
        head,
        seeds[0],
        denied=_cells(HTTP, "status_code", [b"407", b"403", b"401"]),
    )


def _dns() -> Parser:
    codes = (("0", "NOERROR"), ("3", "NXDOMAIN"), ("2", "SERVFAIL"), ("5", "REFUSED"))
    rows = [[f"{AT + n}.5", "10.1.2.3", host, "A", *codes[n % 4], "F"] for n, host in enumerate(HOSTS * 2)]
    head, seeds = _split(zeek_log("dns", DNS, *rows))
    denied = _cells(DNS, "rcode_name", [b"NXDOMAIN", b"SERVFAIL", b"REFUSED"])
    return Parser("zeek dns", "zeek", "LOOKUP", seeds, head, seeds[0], denied)


def _json() -> Parser:
    rows: list[dict[str, Any]] = []
    for number, host in enumerate(HOSTS):
        start = {"ts": AT + number + 0.5, "id.orig_h": "10.1.2.3"}
        rows += [
            start | {"server_name": host, "established": number % 2 == 0},
            start | {"host": host, "uri": "/a", "method": "GET", "status_code": 407, "username": "s4711"},
            start | {"_path": "dns", "query": host, "rcode": 0, "rcode_name": "NOERROR", "rejected": False},
            start | {"_path": "conn", "service": host},
        ]
    seeds = [json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows]
    return Parser("zeek json", "zeek", "ACCESS", seeds, good=seeds[0] * 3, denied=_json_denied)


def _squid() -> Parser:
    results = ("TCP_TUNNEL/200", "TCP_DENIED/407", "TCP_MISS/200", "TCP_DENIED/403", "NONE_NONE/503")
    lines = [
        squid_line(f"{host}:443", at=AT + n, result=results[n % 5], user="s4711")
        for n, host in enumerate(HOSTS)
    ]
    lines += [
        squid_line(f"http://u:pw@{host}/help/a?b=c", at=AT + n, method="GET", result=results[n % 5])
        for n, host in enumerate(HOSTS)
    ]
    lines.append(squid_line("error:transaction-end-before-headers", method="NONE", result="NONE_NONE/000"))
    seeds = [line.encode() for line in lines]
    return Parser("squid", "squid", "ACCESS", seeds, good=seeds[0] * 20, denied=_squid_denied)


def _umbrella() -> Parser:
    lines = []
    for number, host in enumerate(HOSTS):
        action, code = ("Allowed", "Blocked", "Proxied")[number % 3], ("NOERROR", "NXDOMAIN")[number % 2]
        cells = [
            f"2026-04-10 05:{number:02}:00",
            "ws 7",
            "ws 7,Site",
            "10.1.2.3",
            "198.51.100.7",
            action,
            "1 (A)",
        ]
        cells += [code, f"{host}.", "Business"]
        lines.append(umbrella_line(*cells))
        lines.append(umbrella_line(*cells, "AD Users", "AD Users,Sites", "", separator=", "))
    seeds = [line.encode() for line in lines]
    return Parser("umbrella", "umbrella", "LOOKUP", seeds, good=seeds[0] * 20, denied=_umbrella_denied)


def _csv() -> Parser:
    head = b"ID,Name,Org Name,Reason,Case #,Search Time,Search Type\n"
    lines = [
        f'{number},P{number},LAPD,"one, {host}\ntwo ""x""",***,"04/10/2026, 05:01:{number:02} AM UTC",a\n'
        for number, host in enumerate(HOSTS)
    ]
    return Parser("csv", "csv", "SEARCH", [line.encode() for line in lines], head)


def _ndjson() -> Parser:
    rows = [
        {
            "at": (AT + n) * 1000,
            "url": f"https://{host}/help?x=1",
            "who": f"P{n}",
            "status": "denied" if n % 2 else "",
        }
        for n, host in enumerate(HOSTS)
    ]
    seeds = [json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows]
    return Parser("ndjson", "csv", "ACCESS", seeds, good=seeds[0], mapping=str(MAPPING))


PARSERS = (_ssl(), _http(), _dns(), _json(), _squid(), _umbrella(), _csv(), _ndjson())
