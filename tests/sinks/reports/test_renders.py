"""What came from data can do nothing in a report: no formula, no markup, no hidden character."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from html.parser import HTMLParser

import pytest

from sinks.reports.model import Column, Definition, Question, Report, Scope, Table
from sinks.reports.render_data import to_csv, to_json
from sinks.reports.render_html import to_html
from sinks.reports.render_text import WIDTH, to_markdown, to_terminal
from sinks.reports.shelf import REPORTS

NASTY = [
    '=HYPERLINK("http://x.example")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    " =1",
    "<script>alert(1)</script>",
    "a|b",
    "[x](http://x.example)",
    "\u202egnp.exe",
    "\x1b[2J",
    "two\nlines",
    "not withheld",
]
QUESTION = Question(
    "words",
    "Words",
    (Column("word", "Word", "text"), Column("who", "Who", "person"), Column("n", "Number")),
    "",
    chart="bars",
    charted="n",
    total=("n",),
)


@pytest.fixture
def report() -> Report:
    rows = tuple((word, "0123456789abcdef" * 4, number) for number, word in enumerate(NASTY, 1))
    table = Table(QUESTION, (*rows, ("", "", None)), ("all", "", 91))
    definition = Definition("r", "Title", "A statute", "soon", "internal", "Intro", (QUESTION,))
    scope = Scope(date(2020, 1, 1), date(2021, 1, 1), "America/New_York", suppress=True)
    return Report(definition, scope, 0, 2, (table,))


def test_csv_has_no_formula_and_comes_back_cell_by_cell(report: Report) -> None:
    rows = list(csv.reader(io.StringIO(to_csv(report, "words"), newline="")))
    assert rows[0] == ["word", "who", "n"]
    for (word, _, number), row in zip(report.tables[0].rows, rows[1:], strict=True):
        assert row[0].removeprefix("'") == word
        assert not row[0].lstrip().startswith(("=", "+", "-", "@"))
        assert row[2] == ("withheld" if number is None else str(number))


def test_html_runs_nothing_loads_nothing_and_shows_each_word(report: Report) -> None:
    class Reader(HTMLParser):
        tags: set[str] = set()
        said = ""

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.tags.add(tag)
            assert not {name for name, _ in attrs} & {"src", "onclick", "onload", "style"}
            assert all((value or "").startswith("#") for name, value in attrs if name == "href")

        def handle_data(self, data: str) -> None:
            self.said += data

    page, reader = to_html(report), Reader()
    reader.feed(page)
    assert not reader.tags & {"script", "img", "link", "iframe", "object"}
    assert "default-src 'none'" in page
    assert "<script>alert(1)</script>" in reader.said
    assert "\u202e" not in page
    assert "0123456789ab" in page
    assert "0123456789abc" not in page


def test_markdown_and_terminal_stay_lines_of_one_table(report: Report) -> None:
    lines = [line for line in to_markdown(report).splitlines() if line.startswith("| ")]
    assert len(lines) == 2 + len(NASTY) + 1 + 1
    assert "\\<script\\>" in to_markdown(report)
    said = to_terminal(report)
    assert "\x1b" not in said
    assert max(map(len, said.splitlines())) <= WIDTH


def test_json_has_ids_numbers_and_null_for_what_is_withheld(report: Report) -> None:
    said = json.loads(to_json(report))
    assert said["counted"] == 0
    assert said["tables"][0]["rows"][-1]["n"] is None
    assert [row["word"] for row in said["tables"][0]["rows"]][: len(NASTY)] == NASTY


def test_zero_is_said(report: Report) -> None:
    assert "0: no search is recorded in this period" in to_terminal(report)


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_says_whose_it_is_and_a_public_one_has_no_person(name: str) -> None:
    definition = REPORTS[name]
    assert definition.statute
    assert "attribution" in {question.id for question in definition.questions}
    kinds = {column.kind for question in definition.questions for column in question.columns}
    assert definition.audience == "internal" or "person" not in kinds
    for question in definition.questions:
        names = [column.name for column in question.columns]
        assert len(set(names)) == len(names)
        assert {*question.total, *question.small} <= set(names)
        assert "_raw" not in question.sql
        assert "now(" not in question.sql
        assert "ORDER BY" in question.sql or question.id == "records"
