"""Logs as files: told by content, packed or not, cut anywhere, read on from where an import stopped."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import NotThere, WrongUse
from streams.inputs.importers.blocks import MAX_LINE, Cutter
from streams.inputs.importers.log_file import moved_away
from streams.inputs.importers.positions import Positions
from tests.support.imports import AT, Chunks, imported, imported_file, squid_line, ssl_log, umbrella_line

HOSTS = [f"h{number}.clearview.ai" for number in range(6)]
SQUID = "".join(squid_line(f"{host}:443") for host in HOSTS)
UMBRELLA = umbrella_line(
    "2026-04-10 05:01:33", "ws", "ws", "", "", "Allowed", "1 (A)", "NOERROR", "pimeyes.com.", ""
)
LOGS = {"zeek": ssl_log(*HOSTS), "squid": SQUID, "umbrella": UMBRELLA}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
}


@pytest.fixture
def positions(tmp_path: Path) -> Positions:
    return Positions(tmp_path / "home", "squid", "topic")


@pytest.mark.parametrize("wanted", LOGS)
@pytest.mark.parametrize("given_log", LOGS)
def test_a_log_is_told_by_what_stands_in_it(wanted: str, given_log: str) -> None:
    if wanted == given_log:
        assert imported(wanted, LOGS[given_log]).records
        return
    with pytest.raises(WrongUse, match=f"use `frwatch import {given_log}`") as refused:
        imported(wanted, LOGS[given_log])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", LOGS)
@pytest.mark.parametrize(
    "text",
    [
        '{"a":1}\n',
        "<html>\n",
        "ID,Name\n",
        '127.0.0.1 - - [10/Apr/2026:05:01:33 +0000] "GET / HTTP/1.1" 200 1\n',
    ],
)
def test_a_file_of_no_known_kind_is_refused(kind: str, text: str) -> None:
    with pytest.raises(WrongUse, match="of another kind"):
        imported(kind, text)


@pytest.mark.parametrize("kind", LOGS)
@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_an_empty_log_is_read_as_one(kind: str, text: str) -> None:
    assert imported(kind, text).records == []


@pytest.mark.parametrize("kind", LOGS)
def test_a_damaged_or_cut_off_first_line_hides_no_log(kind: str) -> None:
    start = "7260.123 120 10.1.2.3 x\n" if kind == "squid" else '01:33","x"\n' if kind == "umbrella" else "\n"
    assert imported(kind, start + LOGS[kind] * 3).records


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("kind", LOGS)
def test_packed_logs_are_unpacked_whatever_their_name_is(kind: str, packer: str, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_bytes(PACKERS[packer](LOGS[kind].encode()))
    assert imported_file(kind, path).by_id == imported(kind, LOGS[kind]).by_id


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_a_packed_log_that_was_packed_in_pieces_is_read_whole(packer: str) -> None:
    lines = SQUID.splitlines(keepends=True)
    data = b"".join(PACKERS[packer]("".join(lines[at : at + 2]).encode()) for at in range(0, 6, 2))
    assert len(imported("squid", data).records) == 6


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_a_packed_log_that_is_cut_off_is_said_and_what_stood_before_is_sent(
    packer: str, tmp_path: Path
) -> None:
    text = "".join(
        squid_line(f"{os.urandom(40).hex()}.pimeyes.com:443", client=f"10.1.{n % 250}.1")
        for n in range(20_000)
    )
    data = PACKERS[packer](text.encode())
    path = tmp_path / "log"
    path.write_bytes(data[: len(data) * 9 // 10])
    with pytest.raises(WrongUse, match="the packed file is damaged or cut off"):
        imported_file("squid", path)


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(1, 40), max_size=30))
def test_blocks_are_whole_lines_that_make_up_the_stream(data: bytes, sizes: list[int]) -> None:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    blocks = list(Cutter(Chunks([*pieces, data[at:]])).blocks(final=True))
    assert all(block.data.endswith(b"\n") for block in blocks)
    joined = b"".join(block.data for block in blocks)
    assert joined == data + (b"\n" if data and not data.endswith(b"\n") else b"")
    assert [block.offset for block in blocks] == [
        sum(len(b.data) for b in blocks[:n]) for n in range(len(blocks))
    ]


def test_a_line_beyond_a_mebibyte_is_malformed_and_costs_itself() -> None:
    lines = SQUID.splitlines(keepends=True)
    for size in (MAX_LINE + 5, 9 << 20):
        text = lines[0] + "x" * size + "\n" + "".join(lines[1:])
        found = imported("squid", [text[at : at + 700_000].encode() for at in range(0, len(text), 700_000)])
        assert len(found.records) == 6
        assert found.report.malformed == 1
        assert found.counted()


def test_an_import_goes_on_where_the_last_one_stopped(tmp_path: Path, positions: Positions) -> None:
    path, lines = tmp_path / "access.log", SQUID.splitlines(keepends=True)
    path.write_text("".join(lines[:2]) + lines[2][:30])
    assert len(imported_file("squid", path, positions).records) == 2
    with path.open("a") as out:
        out.write(lines[2][30:] + "".join(lines[3:]))
    found = imported_file("squid", path, positions)
    assert (len(found.records), found.report.read) == (4, 4)
    assert imported_file("squid", path, positions).report.read == 0


def test_an_import_that_was_killed_tells_its_visits_when_it_goes_on(
    tmp_path: Path, positions: Positions
) -> None:
    path = tmp_path / "access.log"
    path.write_text(SQUID)
    assert imported_file("squid", path, positions, killed=True).records == []
    assert imported_file("squid", path, positions).by_id == imported("squid", SQUID).by_id


def test_a_visit_that_was_told_is_not_told_again_by_lines_that_come_later(
    tmp_path: Path, positions: Positions
) -> None:
    path = tmp_path / "access.log"
    path.write_text(squid_line("pimeyes.com:443"))
    imported_file("squid", path, positions)
    with path.open("a") as out:
        out.write(squid_line("pimeyes.com:443", at=AT + 1))
    found = imported_file("squid", path, positions)
    assert (found.records, found.report.late) == ([], 1)


def test_a_file_that_was_rotated_is_read_to_its_end_under_its_new_name(
    tmp_path: Path, positions: Positions
) -> None:
    path, lines = tmp_path / "access.log", SQUID.splitlines(keepends=True)
    path.write_text("".join(lines[:2]))
    imported_file("squid", path, positions)
    with path.open("a") as out:
        out.write(lines[2])
    old = path.rename(tmp_path / "access.log.1")
    path.write_text("".join(lines[3:]))
    assert moved_away(path, positions) == old
    assert len(imported_file("squid", old, positions).records) == 1
    assert len(imported_file("squid", path, positions).records) == 3
    assert moved_away(path, positions) is None


def test_a_file_that_was_cut_short_and_written_anew_is_read_from_its_beginning(
    tmp_path: Path, positions: Positions
) -> None:
    path, lines = tmp_path / "access.log", SQUID.splitlines(keepends=True)
    path.write_text("".join(lines[:4]))
    imported_file("squid", path, positions)
    path.write_text("".join(lines[4:]))
    assert len(imported_file("squid", path, positions).records) == 2


def test_a_file_of_which_less_is_left_than_was_read_is_refused(tmp_path: Path, positions: Positions) -> None:
    path = tmp_path / "access.log"
    path.write_text(SQUID)
    imported_file("squid", path, positions)
    os.truncate(path, len(SQUID) - 10)
    with pytest.raises(WrongUse, match="shorter than when it was read; --again"):
        imported_file("squid", path, positions)


@pytest.mark.parametrize("packer", PACKERS)
def test_a_position_is_kept_for_packed_files_too(packer: str, tmp_path: Path, positions: Positions) -> None:
    path = tmp_path / "log"
    path.write_bytes(PACKERS[packer](SQUID.encode()))
    imported_file("squid", path, positions)
    assert imported_file("squid", path, positions).report.read == 0


def test_a_position_for_another_topic_is_none(tmp_path: Path, positions: Positions) -> None:
    path = tmp_path / "log"
    path.write_text(SQUID)
    imported_file("squid", path, positions)
    other = Positions(tmp_path / "home", "squid", "another topic")
    assert imported_file("squid", path, other).report.read == 6


def test_one_import_at_a_time_reads_a_log(tmp_path: Path, positions: Positions) -> None:
    path = tmp_path / "log"
    path.write_text(SQUID)
    with positions.locked(path), pytest.raises(WrongUse, match="another import reads it now"):
        imported_file("squid", path, positions)


def test_a_folder_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(NotThere, match="is a folder"):
        imported_file("squid", tmp_path)
