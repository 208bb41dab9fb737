"""A NUL byte makes the line malformed in which it stands, and stops or shifts no other line."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.errors import WrongUse
from tests.support.imports import (
    AT,
    SSL_FIELDS,
    imported,
    squid_line,
    ssl_row,
    umbrella_line,
    zeek_log,
)

HOSTS = [f"h{number}.clearview.ai" for number in range(8)]
DAMAGED = "has a NUL byte: it was damaged as it was written"


def umbrella_log() -> str:
    return "".join(
        umbrella_line(
            "2026-04-10 05:01:33", "ws", "ws", "10.1.2.3", "", "Allowed", "1 (A)", "NOERROR", f"{host}.", ""
        )
        for host in HOSTS
    )


def json_log() -> str:
    return "".join(
        f'{{"ts":{AT}.5,"id.orig_h":"10.1.2.3","server_name":"{host}","established":true}}\n'
        for host in HOSTS
    )


LOGS = {
    "zeek": zeek_log("ssl", SSL_FIELDS, *map(ssl_row, HOSTS)),
    "zeek as JSON": json_log(),
    "squid": "".join(squid_line(f"{host}:443") for host in HOSTS),
    "umbrella": umbrella_log(),
}
HEADER = 7
"""Lines of Zeek's header; what becomes of a log whose header is damaged has a test of its own."""


def hosts_of(lines: list[bytes]) -> set[str]:
    text = b"".join(lines).decode()
    return {host for host in HOSTS if host in text}


@pytest.mark.parametrize("log", LOGS)
@settings(derandomize=True, deadline=None)
@given(st.integers(0, 2000), st.sampled_from([1, 3, 4, 700]))
@example(0, 1)
@example(0, 100_000)
@example(2, 4096)
def test_nul_bytes_anywhere_cost_the_line_in_which_they_stand(log: str, at: int, count: int) -> None:
    data = LOGS[log].encode()
    at %= len(data)
    if log == "zeek" and data[:at].count(b"\n") < HEADER and at:
        return
    found = imported(log.split()[0], data[:at] + bytes(count) + data[at:])
    number = data[:at].count(b"\n")
    lines = data.splitlines(keepends=True)
    assert set(map(host_of, found.hosts)) == hosts_of(lines[:number] + lines[number + 1 :])
    assert [(each["line"], each["reason"]) for each in found.bad] == [(number + 1, DAMAGED)]
    assert found.counted()


def host_of(endpoint: str) -> str:
    return next(host for host in HOSTS if host in endpoint)


@pytest.mark.parametrize("key", ["#separator", "#path", "#fields", "#types", "#unset_field"])
def test_a_damaged_header_is_said_and_no_line_is_read_by_wrong_columns(key: str) -> None:
    other = zeek_log("ssl", ("server_name", *SSL_FIELDS[1:4], "ts", "established"))
    damaged = other.replace(key, f"{key}\0")
    rows = "".join("\t".join([f"{AT}.5", *ssl_row(host)[1:]]) + "\n" for host in HOSTS[:2])
    found = imported("zeek", LOGS["zeek"] + damaged + rows)
    assert DAMAGED in [each["reason"] for each in found.bad] or key == "#types"
    assert {each["client_ip"] for each in found.records} == {"10.1.2.3"}


def test_a_hole_that_a_crash_left_between_two_runs_of_the_writer_costs_one_line() -> None:
    lines = LOGS["squid"].splitlines(keepends=True)
    cut = "".join(lines[:3]) + lines[3][:40] + "\0" * 5_000_000
    found = imported("squid", cut + "".join(lines[4:]))
    assert len(found.hosts) == 6
    assert found.report.malformed == 1


def test_an_export_in_utf_16_and_other_files_are_refused_in_one_line() -> None:
    for data in (LOGS["squid"].encode("utf-16"), LOGS["squid"].encode("utf-16-le")):
        with pytest.raises(WrongUse, match="a log: this is no text"):
            imported("squid", data)
    with pytest.raises(WrongUse, match="a log: this is a log or file of another kind"):
        imported("squid", bytes(range(256)) * 40)


def test_nothing_but_nul_bytes_is_an_empty_log() -> None:
    assert imported("squid", bytes(200_000)).report.read == 0
