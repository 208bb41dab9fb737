from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.console.statement import Statement, bare, is_whole, statements


def test_a_semicolon_in_a_string_a_name_or_a_comment_ends_nothing() -> None:
    text = "SELECT ';', \"a;b\", `c;d`, $x$;$x$ -- ; \n/* ; */ FROM t;\n  # ; \n SELECT 'it''s; \\'';; -- end"
    found = statements(text)
    assert [each.text for each in found] == [
        text[: text.index(";\n  #")],
        "# ; \n SELECT 'it''s; \\''",
    ]
    assert [(each.line, each.column) for each in found] == [(1, 1), (3, 3)]


def test_a_place_in_a_statement_is_a_place_in_the_whole_text() -> None:
    second = statements("SELECT 1; SELECT\n2")[1]
    assert second == Statement("SELECT\n2", 1, 11, ended=False)
    assert second.place(1, 8) == (1, 18)
    assert second.place(2, 1) == (2, 1)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("", False),
        ("SELECT 1", False),
        ("SELECT 1;", True),
        ("SELECT 1; -- so", True),
        ("SELECT ';", False),
        ("SELECT 1 /* ;", False),
        ("SELECT 1; SELECT", False),
    ],
)
def test_what_is_typed_is_whole_at_its_semicolon(text: str, whole: bool) -> None:
    assert is_whole(text) is whole


@given(st.text("ab;'\"`-/*\\\n# $", max_size=40))
def test_no_text_is_lost_and_blanks_keep_their_places(text: str) -> None:
    found = statements(text)
    lines = text.split("\n")
    for each in found:
        assert "".join(line for line in lines[each.line - 1 :])[each.column - 1 :].startswith(
            each.text.split("\n")[0]
        )
    assert len(bare(text)) == len(text)
    assert [at for at, sign in enumerate(bare(text)) if sign == "\n"] == [
        at for at, sign in enumerate(text) if sign == "\n"
    ]
