"""`frwatch sql` with a statement, a file, standard input and the book, against a real engine."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow as pa
import pytest
from pydantic import SecretStr

from deploy.cli import main
from schemas.errors import NotThere
from schemas.settings import Settings, load_settings
from sinks.clickhouse.asking import asking
from sinks.console.session import Session
from sinks.console.statement import Statement
from tests.sinks.console.conftest import AGENCIES
from tests.support.clickhouse import running_clickhouse
from tests.support.worker import until

ALL = "SELECT agency_id AS agency, candidates FROM counted_searches ORDER BY event_id"
COUNTS = [None, 1, 2, 3]
LATE = "SELECT throwIf(number = 900000) AS n FROM numbers(1000000) SETTINGS max_block_size = 1000"
ENDLESS = (
    "SELECT sum(sleepEachRow(0.05)) FROM numbers(1000000)"
    " SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0"
)


class Said(NamedTuple):
    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()


Ask = Callable[..., Said]


@pytest.fixture
def ask(surroundings: dict[str, str], capfdbinary: pytest.CaptureFixture[bytes]) -> Ask:
    def asked(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(["sql", *arguments])
        out, err = capfdbinary.readouterr()
        assert isinstance(ended.value.code, int)
        return Said(ended.value.code, out, err.decode())

    return asked


def test_a_table_has_a_row_on_each_line_and_nothing_that_moves_the_cursor(ask: Ask) -> None:
    said = ask(ALL)
    assert (said.status, said.err) == (0, "")
    lines = [line.split() for line in said.text.splitlines()]
    assert lines[0] == ["agency", "candidates"]
    assert lines[2] == ["lapd", "ᴺᵁᴸᴸ"]
    assert len(lines) == 2 + len(AGENCIES)
    assert "\x1b" not in said.text


def test_csv_tsv_and_markdown(ask: Ask) -> None:
    rows = list(csv.reader(io.StringIO(ask(ALL, "--format", "csv").text, newline="")))
    assert rows == [
        ["agency", "candidates"],
        *([name, str(n or "\\N")] for name, n in zip(AGENCIES, COUNTS, strict=True)),
    ]
    lines = ask(ALL, "--format", "tsv").text.splitlines()
    assert lines[:2] == ["agency\tcandidates", "lapd\t\\N"]
    assert ask("SELECT 1 AS a, 'x' AS b", "--format", "markdown").text.splitlines()[::2] == [
        "| a | b |",
        "| 1 | x |",
    ]


def test_json_and_ndjson(ask: Ask) -> None:
    wanted = [{"agency": name, "candidates": n} for name, n in zip(AGENCIES, COUNTS, strict=True)]
    whole = ask(ALL, "--json")
    assert json.loads(whole.out)["data"] == wanted
    assert ask(ALL, "--format", "json").out == whole.out, "the same answer has the same bytes"
    assert [json.loads(line) for line in ask(ALL, "--format", "ndjson").out.splitlines()] == wanted
    assert json.loads(ask("SELECT toUInt64(18446744073709551615) AS n", "--json").out)["data"] == [
        {"n": 2**64 - 1}
    ]


def test_parquet_and_arrow_files_by_their_names(ask: Ask, tmp_path: Path) -> None:
    wanted = pl.DataFrame(
        {"agency": AGENCIES, "candidates": COUNTS}, schema={"agency": pl.String, "candidates": pl.Int32}
    )
    for name, read in (
        ("a.parquet", pl.read_parquet),
        ("a.arrow", pl.read_ipc),
        ("a.ndjson", pl.read_ndjson),
    ):
        file = tmp_path / name
        assert ask(ALL, "--output", str(file)) == (0, b"", "")
        frame = read(file).with_columns(pl.col("agency").cast(pl.String), pl.col("candidates").cast(pl.Int32))
        assert frame.equals(wanted), name
    piped = ask(ALL, "--format", "arrow").out
    assert pa.ipc.open_file(pa.BufferReader(piped)).read_all().num_rows == len(AGENCIES)


def test_a_format_in_the_statement_itself_wins(ask: Ask) -> None:
    assert ask("SELECT 1 AS n FORMAT JSONEachRow").out == b'{"n":1}\n'
    assert ask("SELECT 1 AS n FORMAT CSV", "--format", "json").out == b"1\n"


def test_a_file_is_written_whole_or_not_at_all(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "late.csv"
    file.write_text("what was there")
    said = ask(LATE, "--output", str(file))
    assert said.status == 2
    assert said.err.startswith("frwatch: ClickHouse error 395 ")
    assert file.read_text() == "what was there"
    assert list(tmp_path.glob(".*")) == []
    said = ask("SELECT 1", "--output", str(tmp_path / "none" / "a.csv"))
    assert (said.status, said.err.count("\n")) == (3, 1)
    assert "name another file" in said.err


def test_what_fails_late_is_no_part_of_the_answer(ask: Ask) -> None:
    said = ask(LATE, "--format", "csv")
    assert said.status == 2
    lines = said.text.splitlines()
    assert 1000 < len(lines) <= 900_001
    assert set(lines[1:]) == {"0"}


def test_a_long_table_says_what_it_leaves_out(ask: Ask) -> None:
    said = ask("SELECT number FROM numbers(49907)")
    assert len(said.text.splitlines()) == 2 + 1000
    assert said.err == "first 1,000 of 49,907 rows; --limit 0, or --format csv --output FILE, has all\n"
    assert len(ask("SELECT number FROM numbers(5000)", "--limit", "0").text.splitlines()) == 2 + 5000
    said = ask("SELECT number FROM numbers(1000000000)", "--limit", "3")
    assert said.err.startswith("first 3 of more than 1,000,003 rows")
    with asking(load_settings()) as client:
        sql = (
            "SELECT count() FROM system.processes WHERE query LIKE 'SELECT number FROM numbers(1000000000)%'"
        )
        until(lambda: client.query(sql).result_rows == [(0,)], "what is not shown does not go on running", 10)


def test_values_are_the_servers_to_put_in(ask: Ask) -> None:
    for agency in AGENCIES:
        said = ask(
            "SELECT agency_id FROM searches WHERE agency_id = {agency:String}",
            "--param",
            f"agency={agency}",
            "--json",
        )
        assert [row["agency_id"] for row in json.loads(said.out)["data"]] == [agency]
    assert (
        ask(
            "SELECT formatDateTime(toDate({day:String}), '%F') AS d",
            "--param",
            "day=2020-11-13",
            "--format",
            "tsv",
        ).text
        == "d\n2020-11-13\n"
    )


def test_a_file_of_statements_and_standard_input(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "two.sql"
    file.write_text(
        "-- a comment; with a semicolon\nSELECT ';' AS a;\n/* ; */ SELECT {n:UInt8} AS b;\n-- the end"
    )
    assert ask("--file", str(file), "--param", "n=7", "--format", "csv").text == '"a"\n";"\n"b"\n7\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfSELECT 5 AS n")))
    assert ask("--format", "csv").text == '"n"\n5\n'


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "SELECT nowhere FROM searches",
            "47 UNKNOWN_IDENTIFIER at {file}:3:8: Unknown expression identifier `nowhere`",
        ),
        ("SELECT 1 +", "62 SYNTAX_ERROR at {file}:3:11: syntax error at: end of query"),
        ("SELEC 'é', 1", "62 SYNTAX_ERROR at {file}:3:7: syntax error at: 'é'"),
        ("SELECT * FROM nope", "60 UNKNOWN_TABLE at {file}:3:15: "),
        ("SELECT {n:UInt8}", "456 UNKNOWN_QUERY_PARAMETER at {file}:3:9: "),
        ("SELECT toUInt8('x')", "6 CANNOT_PARSE_TEXT at {file}: "),
    ],
)
def test_a_refusal_is_one_line_with_code_place_and_reason(
    ask: Ask, tmp_path: Path, statement: str, told: str
) -> None:
    file = tmp_path / "bad.sql"
    file.write_text(f"SELECT 1;\n-- then\n{statement}")
    said = ask("--file", str(file))
    assert said.status == 2
    assert said.err.startswith(f"frwatch: ClickHouse error {told.format(file=file)}")
    assert said.err.count("\n") == 1
    for noise in ("Expected one of", "In scope", "version 2", "DB::Exception", "for url"):
        assert noise not in said.err


def test_what_the_server_cannot_do_is_an_answer_of_no(ask: Ask) -> None:
    said = ask(
        "SELECT sum(sleepEachRow(0.1)) FROM numbers(100)"
        " SETTINGS max_execution_time = 0.2, max_block_size = 1"
    )
    assert said.status == 1
    assert said.err.startswith("frwatch: ClickHouse error 159 TIMEOUT_EXCEEDED: ")


def test_data_change_only_with_write(ask: Ask) -> None:
    for statement in (
        "INSERT INTO searches_raw (agency_id) VALUES ('x')",
        "ALTER TABLE searches_raw DELETE WHERE 1",
        "TRUNCATE TABLE outcomes_raw",
        "SELECT 1 SETTINGS readonly = 0",
    ):
        said = ask(statement)
        assert (said.status, said.out) == (2, b""), statement
        assert "ClickHouse error 164 READONLY" in said.err, statement
    assert ask(
        "CREATE TABLE default.notes (n UInt8) ENGINE = MergeTree ORDER BY n;"
        " INSERT INTO default.notes VALUES (1)",
        "--write",
    ) == (0, b"", "")
    assert ask("SELECT n FROM notes", "--database", "default", "--format", "csv").text == '"n"\n1\n'
    assert ask("DROP TABLE default.notes", "--write").status == 0


def test_questions_of_the_book_are_listed_and_asked(ask: Ask) -> None:
    listed = json.loads(ask("--list", "--json").out)
    assert {"name", "question", "parameters", "sql"} == set(listed[0])
    names = [each["name"] for each in listed]
    assert names == sorted(names)
    assert "commercial_people" in ask("--list").text
    said = ask("--book", "services_in_use", "--param", f"agency={AGENCIES[1]}", "--json")
    assert [row["agency"] for row in json.loads(said.out)["data"]] == [AGENCIES[1]]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--book", "comercial_people"], "perhaps commercial_people"),
        (["--book", "one_case", "--param", "agency=lapd"], "needs a value: give --param case=…"),
        (
            ["--book", "crimes", "--param", "case=1"],
            "question crimes has no parameter 'case'; it has: agency",
        ),
        (["SELECT 1", "--param", "agency"], "is not NAME=VALUE"),
        (["SELECT 1", "--param", "a=1"], "--param a is in no statement"),
        (["SELECT {a:String}", "--param", "a=1", "--param", "a=2"], "given twice"),
        (["SELECT 1", "--list"], "four ways to ask"),
        (["SELECT 1; SELECT 2", "--output", "x.csv"], "takes one answer"),
        (["SELECT 1", "--json", "--format", "csv"], "two formats"),
        (["/* ; */"], "there is no statement"),
        (["SELECT 1", "--limit", "-1"], "below 0"),
    ],
)
def test_wrong_use_says_what_to_do(ask: Ask, arguments: list[str], told: str) -> None:
    said = ask(*arguments)
    assert (said.status, said.out) == (2, b"")
    assert told in said.err
    assert said.err.count("\n") == 1


def test_what_is_not_there_is_named_in_one_line(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for arguments, told in (
        (("--file", str(tmp_path / "none.sql")), "none.sql cannot be read"),
        (("SELECT 1", "--database", "elsewhere"), "ClickHouse error 81 UNKNOWN_DATABASE"),
    ):
        said = ask(*arguments)
        assert (said.status, told in said.err, said.err.count("\n")) == (3, True, 1), said.err
    monkeypatch.setenv("FRWATCH_QUERIES", str(tmp_path / "none"))
    said = ask("--list")
    assert (said.status, "FRWATCH_QUERIES" in said.err) == (3, True)
    monkeypatch.setenv("FRWATCH_CLICKHOUSE", "http://someone:hunter2@127.0.0.1:1")
    said = ask("SELECT 1")
    assert (said.status, said.err.count("\n")) == (3, 1)
    assert "ClickHouse does not answer at 127.0.0.1:1" in said.err
    assert "hunter2" not in said.err


def test_a_login_that_is_refused_is_said_without_the_password(
    ask: Ask, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRWATCH_CLICKHOUSE", engine.replace("http://", "http://someone:hunter2@"))
    said = ask("SELECT 1")
    assert said.status == 3
    assert "516" in said.err
    assert "correct FRWATCH_CLICKHOUSE" in said.err
    assert "hunter2" not in said.err


def test_an_engine_that_goes_away_is_said_to_be_gone(tmp_path: Path) -> None:
    with running_clickhouse(tmp_path) as running:
        session = Session(Settings(clickhouse=SecretStr(running.url)), database="default")
    with (
        pytest.raises(NotThere, match="does not answer any more"),
        session.ask(Statement("SELECT 1"), {}, "CSV"),
    ):
        pass
    with pytest.raises(NotThere, match="does not answer any more"):
        session.rows("SELECT 1")
    assert session.progress("none") is None
    session.close()


def test_an_interrupt_ends_the_statement_on_the_server(surroundings: dict[str, str]) -> None:
    command = [sys.executable, "-m", "deploy.cli", "sql", ENDLESS]
    with asking(load_settings()) as client:

        def running() -> int:
            sql = "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sum(sleepEachRow(0.05))%'"
            return int(client.query(sql).result_rows[0][0])

        process = subprocess.Popen(
            command, env=os.environ | surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            until(lambda: running() == 1, "the statement runs")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
        assert (process.returncode, out) == (130, b"")
        assert b"Traceback" not in err
        until(lambda: running() == 0, "the statement has ended on the server", 10)
