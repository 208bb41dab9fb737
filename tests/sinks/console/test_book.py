from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import FrwatchError, NotThere, WrongUse
from sinks.console.book import read_book, read_question

GOOD = "-- Which sources are late?\n-- param agency=\n-- param since\nSELECT {agency:String}, {since:Date}"


def test_a_question_has_defaults_and_what_must_be_given(tmp_path: Path) -> None:
    (tmp_path / "late.sql").write_text(GOOD)
    question = read_book(tmp_path)["late"]
    assert question.question == "Which sources are late?"
    assert question.parameters == {"agency": "", "since": None}
    assert question.values({"since": "2020-01-01"}) == {"agency": "", "since": "2020-01-01"}
    with pytest.raises(WrongUse, match="give --param since="):
        question.values({})


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("late.sql", "SELECT 1", "late.sql:1: begin with the question"),
        ("late.sql", "", "late.sql:1: begin with the question"),
        ("late.sql", "-- A statement.\nSELECT 1", "late.sql:1: begin with the question"),
        ("Late-1.sql", GOOD, "name it in small letters"),
        ("late.sql", "-- Why?\n-- param a-b=1\nSELECT 1", "late.sql:2: write `-- param NAME=DEFAULT`"),
        ("late.sql", "-- Why?\n-- param a=1\n-- param a=2\nSELECT {a:Int8}", "late.sql:3: write"),
        ("late.sql", "-- Why?\n-- param a=1\nSELECT 1", "parameter a is not used"),
        ("late.sql", "-- Why?\nSELECT {a:Int8}", "parameter a is not said"),
    ],
)
def test_a_fault_names_file_line_and_remedy(tmp_path: Path, name: str, text: str, told: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(FrwatchError) as error:
        read_book(tmp_path)
    assert told in str(error.value)
    assert error.value.exit_status == 2


def test_what_cannot_be_read_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotThere, match="FRWATCH_QUERIES"):
        read_book(tmp_path / "none")
    with pytest.raises(NotThere, match="cannot be read"):
        read_question(tmp_path / "none.sql")
