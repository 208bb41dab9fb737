"""Headers of Zeek's: what one says holds for the lines below it, and for no others."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import WrongUse
from streams.inputs.importers.positions import Positions
from tests.support.imports import AT, imported, imported_file, ssl_log, ssl_row, zeek_log

# The same columns in another order, so that the fields of the wrong header name another host.
OTHER_SSL = ("ts", "server_name", "uid", "id.orig_p", "id.orig_h", "established")
HTTP = ("ts", "uid", "id.orig_h", "method", "host", "uri", "status_code", "username")


def http_log(host: str, separator: str = "\t") -> str:
    row = [f"{AT}.5", "C2", "10.1.2.4", "GET", host, "/search", "200", "-"]
    return zeek_log("http", HTTP, row, separator=separator)


def other_ssl_log(host: str) -> str:
    return zeek_log("ssl", OTHER_SSL, [f"{AT}.5", host, "C3", "443", "10.1.2.5", "T"])


def conn_log(text: str = "app.clearview.ai") -> str:
    """A log that is not read, with as many columns as an ssl.log."""
    return zeek_log("conn", ("ts", "uid", "a", "b", "service", "c"), [f"{AT}.5", "C", "1", "2", text, "T"])


def without(log: str, key: str) -> str:
    return "".join(line for line in log.splitlines(keepends=True) if not line.startswith(key))


def test_what_a_new_header_says_holds_from_there_on() -> None:
    found = imported(
        "zeek", ssl_log("pimeyes.com") + http_log("app.clearview.ai") + other_ssl_log("eyematch.ai")
    )
    assert {(each["endpoint"], each["client_ip"]) for each in found.records} == {
        ("pimeyes.com", "10.1.2.3"),
        ("http://app.clearview.ai/search", "10.1.2.4"),
        ("eyematch.ai", "10.1.2.5"),
    }
    assert (found.report.malformed, found.report.matched, found.counted()) == (0, 3, True)


@pytest.mark.parametrize("key", ["#separator", "#open", "#close", "#set_separator", "#unset_field"])
def test_a_new_header_is_met_whatever_line_of_it_is_missing(key: str) -> None:
    found = imported("zeek", ssl_log("pimeyes.com") + without(other_ssl_log("eyematch.ai"), key))
    assert sorted(found.hosts) == ["eyematch.ai", "pimeyes.com"]
    assert found.report.malformed == 0


def test_fields_that_are_named_anew_hold_without_the_rest_of_a_header() -> None:
    lines = other_ssl_log("eyematch.ai").splitlines(keepends=True)
    found = imported("zeek", ssl_log("pimeyes.com") + lines[6] + lines[7])
    assert sorted(found.hosts) == ["eyematch.ai", "pimeyes.com"]


def test_lines_below_a_header_without_fields_are_malformed_and_never_read_by_the_fields_before() -> None:
    found = imported("zeek", ssl_log("pimeyes.com") + without(other_ssl_log("eyematch.ai"), "#fields"))
    assert found.hosts == ["pimeyes.com"]
    assert [each["reason"] for each in found.bad] == ["has no header that says what its columns are"]


def test_a_log_that_is_not_read_gives_one_malformed_entry_and_what_follows_it_is_read() -> None:
    text = ssl_log("pimeyes.com") + conn_log() * 2 + conn_log("x\ty") + other_ssl_log("eyematch.ai")
    found = imported("zeek", text)
    assert sorted(found.hosts) == ["eyematch.ai", "pimeyes.com"]
    assert [each["line"] for each in found.bad] == [14, 23, 32]
    assert all("conn" in each["reason"] for each in found.bad)
    assert (found.report.skipped, found.counted()) == (3, True)


def test_a_log_that_is_not_read_and_has_no_lines_says_nothing() -> None:
    empty = "".join(conn_log().splitlines(keepends=True)[:7])
    assert imported("zeek", empty + ssl_log("pimeyes.com")).hosts == ["pimeyes.com"]
    assert imported("zeek", ssl_log("pimeyes.com") + empty + ssl_log("eyematch.ai")).report.malformed == 0


def test_a_log_that_begins_as_one_that_is_not_read_is_refused() -> None:
    with pytest.raises(WrongUse, match="this Zeek log is conn; frwatch imports ssl, http, dns"):
        imported("zeek", conn_log() + ssl_log("pimeyes.com"))


def test_a_separator_of_several_characters_in_the_middle_leaves_out_that_log_alone() -> None:
    odd = http_log("app.clearview.ai").replace("#separator \\x09", "#separator ||").replace("\t", "||")
    found = imported("zeek", ssl_log("pimeyes.com") + odd + ssl_log("eyematch.ai"))
    assert sorted(found.hosts) == ["eyematch.ai", "pimeyes.com"]
    assert [each["reason"] for each in found.bad] == [
        "#separator is more than one character: the lines of this log are left out"
    ]


def test_a_line_that_a_rotation_cut_off_takes_no_header_with_it() -> None:
    cut = ssl_log("pimeyes.com", "pimeyes.com")
    found = imported("zeek", cut[: cut.rindex("pimeyes")] + other_ssl_log("eyematch.ai"))
    assert sorted(found.hosts) == ["eyematch.ai", "pimeyes.com"]
    assert found.report.malformed == 1


LOGS = st.sampled_from(["ssl", "http", "other", "comma", "conn"])


def log_of(name: str, number: int) -> str:
    """A log of a kind that names a host of its own."""
    host = f"h{number}.clearview.ai"
    match name:
        case "ssl":
            return ssl_log(host)
        case "http":
            return http_log(host)
        case "other":
            return other_ssl_log(host)
        case "comma":
            return http_log(host, separator=",")
    return conn_log()


@settings(derandomize=True, deadline=None)
@given(st.lists(LOGS, min_size=1, max_size=6), st.lists(st.integers(1, 400), max_size=40))
def test_logs_one_after_the_other_say_what_each_says_by_itself(names: list[str], sizes: list[int]) -> None:
    names = ["ssl", *names]
    data = "".join(log_of(name, number) for number, name in enumerate(names)).encode()
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    found = imported("zeek", [*pieces, data[at:]])
    alone = [
        record["event_id"]
        for number, name in enumerate(names)
        if name != "conn"
        for record in imported("zeek", log_of(name, number)).records
    ]
    assert sorted(found.by_id) == sorted(alone)
    assert found.report.malformed == names.count("conn")
    assert found.counted()


def test_an_import_that_goes_on_before_a_header_reads_by_the_header_of_that_place(tmp_path: Path) -> None:
    log, positions = tmp_path / "log", Positions(tmp_path, "zeek")
    early = zeek_log("ssl", OTHER_SSL, [f"{AT}.5", "pimeyes.com", "C3", "443", "10.1.2.5", "T"])
    late = zeek_log("ssl", tuple(reversed(OTHER_SSL)), list(reversed([f"{AT}.9", "example.org", *"abcT"])))
    log.write_text(early + late)
    assert imported_file("zeek", log, positions, killed=True).records == []
    found = imported_file("zeek", log, positions)
    assert [(each["endpoint"], each["client_ip"]) for each in found.records] == [("pimeyes.com", "10.1.2.5")]


def test_a_position_in_the_middle_has_the_header_that_holds_there(tmp_path: Path) -> None:
    log, positions = tmp_path / "log", Positions(tmp_path, "zeek")
    log.write_text(ssl_log("pimeyes.com") + http_log("app.clearview.ai"))
    assert len(imported_file("zeek", log, positions).records) == 2
    with log.open("a") as out:
        row = [f"{AT + 7200}.5", "C2", "10.1.2.4", "GET", "eyematch.ai", "/", "200", "-"]
        out.write("\t".join(row) + "\n")
        out.write("\t".join(ssl_row("facecheck.id")) + "\n")
    found = imported_file("zeek", log, positions)
    assert found.hosts == ["http://eyematch.ai/"]
    assert found.report.malformed == 1
