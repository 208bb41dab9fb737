"""`frwatch emit` says what became of each event, and exits as a program expects. No broker answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.cli import main
from deploy.local.ports import free_ports
from streams.inputs.emitter.intake import MAX_LINE, from_file
from streams.inputs.emitter.probe import probe_hash
from tests.streams.images import png

GOOD = {"source": "s", "agency_id": "lapd"}


@pytest.fixture(autouse=True)
def _away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FRWATCH_HOME", str(tmp_path))
    monkeypatch.setenv("FRWATCH_KAFKA", f"127.0.0.1:{free_ports(1)[0]}")
    monkeypatch.delenv("FRWATCH_SPOOL", raising=False)
    monkeypatch.delenv("FRWATCH_PROBE_KEY", raising=False)


def emit(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["emit", *map(str, arguments)])
    said = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, said.out, said.err


def test_a_search_from_options_waits_on_disk_and_is_said_to(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--agency-id", "lapd", "--source", "s", "--galleries", "a, b", "--candidates", "3")
    status, out, err = emit(capsys, *options, "--attributes", '{"shift": "2"}', "--wait", "0")
    assert (status, len(out.strip())) == (0, 36)
    assert "--drain" in err
    status, out, _ = emit(capsys, "--status", "--json")
    [state] = json.loads(out)
    assert (status, state["events"], state["in_use"], state["unsendable"]) == (0, 1, False, 0)
    status, out, err = emit(capsys, "--drain", "--wait", "0.1", "--json")
    assert (status, json.loads(out)) == (3, {"sent": 0, "left": 1})
    assert "FRWATCH_KAFKA" in err


def test_each_event_of_a_file_is_answered_and_a_bad_one_stops_no_other(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "events.ndjson"
    lines = [json.dumps(GOOD), "SECRET", "", json.dumps(GOOD | {"vendor": "SECRET"}), json.dumps(GOOD)]
    file.write_text("\n".join(lines))
    status, out, err = emit(capsys, file, "--json", "--wait", "0")
    told = [json.loads(line) for line in out.splitlines()]
    assert status == 1
    assert [(each["at"], each["accepted"]) for each in told] == [
        ("line 1", True),
        ("line 2", False),
        ("line 4", False),
        ("line 5", True),
    ]
    assert told[2]["faults"][0]["pointer"] == "/vendor"
    assert "refused 2 of 4" in err
    assert "SECRET" not in out + err


def test_options_are_the_fields_of_events_that_have_them_not(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "events.json"
    file.write_text(json.dumps([{"source": "own"}, {}], indent=2))
    assert emit(capsys, file, "--agency-id", "lapd", "--wait", "0")[0] == 1
    assert emit(capsys, file, "--agency-id", "lapd", "--source", "given", "--wait", "0")[0] == 0


def test_a_probe_is_hashed_and_without_a_key_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "still.png"
    file.write_bytes(png(3000, 1))
    search = ("--agency-id", "lapd", "--source", "s", "--probe", file, "--wait", "0")
    status, _, err = emit(capsys, *search)
    assert status == 2
    assert "FRWATCH_PROBE_KEY is not set" in err
    monkeypatch.setenv("FRWATCH_PROBE_KEY", "k" * 32)
    assert emit(capsys, *search)[0] == 0
    spooled = b"".join(each.read_bytes() for each in (tmp_path / "spool").glob("*.sqlite*"))
    assert probe_hash(file.read_bytes(), "k" * 32).encode() in spooled
    assert emit(capsys, *search[:-4], "--probe", tmp_path / "none.png")[0] == 3


def test_without_a_spool_kafka_must_be_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    search = ("--agency-id", "lapd", "--source", "s", "--no-spool", "--wait", "0.1")
    status, out, err = emit(capsys, *search)
    assert (status, out) == (3, "")
    assert "no answer" in err
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize(
    "arguments",
    [(), ("--drain", "--status"), ("--status", "--agency-id", "lapd"), ("x.json", "--stdin")],
    ids=["nothing", "both", "status and a field", "two sources"],
)
def test_wrong_use_is_said(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert emit(capsys, *arguments)[0] == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("\n \n", []),
        ('{"a": 1}', [("line 1", {"a": 1})]),
        ('\n{"a": 1}\n{"a": 2}\n', [("line 2", {"a": 1}), ("line 3", {"a": 2})]),
        ('{\n"a": 1\n}\n', [("line 1", {"a": 1})]),
        ('[{"a": 1},\n3]', [("item 1", {"a": 1}), ("item 2", 3)]),
        ('[{"a": 1}, null]', [("item 1", {"a": 1}), ("item 2", None)]),
        ('junk\n{"a": 1}\n', [("line 1", None), ("line 2", {"a": 1})]),
        ("[" * 100_000 + "\n{}", [("line 1", None), ("line 2", {})]),
        ('{"a": "%s"}\n{}\n' % ("x" * MAX_LINE), [("line 1", None), ("line 2", {})]),
        ('{}\n{"a": "%s"}\n{}\n' % ("x" * 3 * MAX_LINE), [("line 1", {}), ("line 2", None), ("line 3", {})]),
    ],
)
def test_files_are_read_as_they_are_written(tmp_path: Path, text: str, found: list[Any]) -> None:
    (tmp_path / "f").write_text(text)
    assert [tuple(each) for each in from_file(tmp_path / "f")] == found
