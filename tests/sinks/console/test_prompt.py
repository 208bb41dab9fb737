"""The prompt of `frwatch sql` through a real terminal: what a person types, and what the screen shows."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas.settings import load_settings
from sinks.clickhouse.asking import asking
from tests.support.terminal import Terminal
from tests.support.worker import until

ENDLESS = (
    "SELECT sum(sleepEachRow(0.02)) FROM numbers(1000000)"
    " SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0;"
)
Open = Callable[..., Terminal]


@pytest.fixture
def open_prompt(surroundings: dict[str, str]) -> Iterator[Open]:
    opened: list[Terminal] = []

    def start(*options: str) -> Terminal:
        terminal = Terminal([sys.executable, "-m", "deploy.cli", "sql", *options], surroundings)
        opened.append(terminal)
        terminal.until("frwatch>")
        return terminal

    yield start
    for each in opened:
        each.close()


def test_a_statement_of_two_lines_is_completed_and_answered(open_prompt: Open) -> None:
    terminal = open_prompt()
    assert "reads only" in terminal.screen()
    terminal.type("SELECT count() AS n\r")
    terminal.until("…")
    terminal.type("FROM counted_se")
    terminal.until(lambda screen: "counted_searches" in screen)
    terminal.type("\t")
    terminal.until("FROM counted_searches")
    terminal.type(" WHERE evid")
    terminal.until("LowCardinality(String)")
    terminal.type("ence = 'SEARCH';\r")
    screen = terminal.until("1 row,")
    shown = screen[screen.index("'SEARCH';") :].splitlines()
    assert [line.strip() for line in shown[1:4]] == ["n", "─", "4"]
    terminal.type("quit\r")
    assert terminal.ended() == 0


def test_the_history_outlives_the_prompt_without_its_secrets(open_prompt: Open, tmp_path: Path) -> None:
    first = open_prompt()
    first.type("SELECT 41 + 1 AS answer;\r")
    first.until("1 row,")
    first.type("SELECT 'x' AS password;\r")
    first.until(lambda screen: screen.count("1 row,") == 2)
    first.type("\x04")
    assert first.ended() == 0
    file = tmp_path / "home" / "sql-history"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "answer" in file.read_text()
    assert "password" not in file.read_text()
    second = open_prompt()
    second.type("\x1b[A")
    second.until("frwatch> SELECT 41 + 1 AS answer;")
    second.type("\r")
    second.until("42")


def test_ctrl_c_ends_what_runs_on_the_server_and_not_the_prompt(open_prompt: Open) -> None:
    terminal = open_prompt()
    terminal.type(ENDLESS + "\r")
    terminal.until("rows read")
    with asking(load_settings()) as client:

        def running() -> int:
            sql = "SELECT count() FROM system.processes WHERE query LIKE 'SELECT sum(sleepEachRow(0.02))%'"
            return int(client.query(sql).result_rows[0][0])

        assert running() == 1
        terminal.type("\x03")
        terminal.until("cancelled")
        until(lambda: running() == 0, "the statement has ended on the server", 10)
    terminal.type("SELECT 6 * 7;\r")
    terminal.until("42")
    terminal.type("SELECT half typed")
    terminal.until("half typed")
    terminal.type("\x03")
    terminal.type("SELECT 2 * 3 * 7 AS again;\r")
    terminal.until(lambda screen: screen.count("42") == 2)


def test_words_of_the_prompt(open_prompt: Open) -> None:
    terminal = open_prompt("--format", "csv")
    terminal.type("SELECT 'a' AS x;\r")
    terminal.until('"a"')
    terminal.type("format table\r")
    terminal.until("format table")
    terminal.type("limit 2\r")
    terminal.type("SELECT number FROM numbers(7);\r")
    terminal.until("first 2 of 7 rows; `limit 0` shows all")
    terminal.type("SELECT nothing;\r")
    terminal.until("ClickHouse error 47 UNKNOWN_IDENTIFIER at line 1, column 8")
    terminal.type("INSERT INTO outcomes_raw (agency_id) VALUES ('x');\r")
    terminal.until("164 READONLY")
    terminal.type("SET max_threads = 3, format_csv_delimiter = '|';\r")
    terminal.type("SELECT getSetting('max_threads') AS threads;\r")
    terminal.until(lambda screen: screen.split("threads")[-1].split()[1:2] == ["3"])
    terminal.type("SET nonsense = 1;\r")
    terminal.until("ClickHouse has no setting 'nonsense'")
    terminal.type("SET readonly = 0;\r")
    terminal.until("come back with `frwatch sql --write`")
    terminal.type("describe alert_acknowledgements\r")
    terminal.until("Who has it, as they said.")
    terminal.type("book alert_latency\r")
    terminal.until("How long do alerts take")
    terminal.type("USE system;\r")
    terminal.type("SELECT * FROM one;\r")
    terminal.until("dummy")
    terminal.type("help\r")
    terminal.until("Only evidence SEARCH is a search")
    terminal.type("tables\r")
    terminal.type("exit\r")
    assert terminal.ended() == 0
