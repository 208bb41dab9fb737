from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import NotThere, WrongUse
from streams.roster import Member, read_roster


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "officers.csv"


def test_a_column_of_ids_is_found_by_its_name_and_the_rest_is_kept(file: Path) -> None:
    file.write_text('\ufeffName,Officer_ID,Unit\n"Roe, J.",P1,robbery\n\nA. Other,,\n', encoding="utf-8")
    assert read_roster(file) == [Member("P1", {"name": "Roe, J.", "unit": "robbery"})]


def test_a_list_of_ids_alone_needs_no_name(file: Path) -> None:
    file.write_text("P1\nP2\n")
    assert read_roster(file) == [Member("P1", {}), Member("P2", {})]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"name,badge\nJ. Roe,P1\n", "no column officer_id or id"),
        (b'id\n"P1\n', "no CSV"),
        (b"id\n\xff\xfe\n", "not UTF-8"),
    ],
)
def test_what_is_no_roster_is_refused_without_its_content(file: Path, content: bytes, said: str) -> None:
    file.write_bytes(content)
    with pytest.raises(WrongUse, match=said) as refused:
        read_roster(file)
    assert "J. Roe" not in str(refused.value)
    assert "P1" not in str(refused.value)


def test_a_roster_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(NotThere, match=r"officers\.csv"):
        read_roster(file)
