from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import pytest

from schemas.contracts import contract, unreadable, writer_schema

ROOM = Path(__file__).parent.parent.parent / "schemas"


@pytest.mark.parametrize(
    ("name", "fingerprint"),
    [("search", "f6c1ccffb4a00281"), ("violation", "e042577b611101cc"), ("outcome", "b222b4dfe751c41e")],
)
def test_first_versions_have_the_fingerprints_of_the_contract(name: str, fingerprint: str) -> None:
    first = writer_schema((ROOM / "released" / f"{name}-1.avsc").read_text())
    assert first.fingerprint.hex() == fingerprint
    assert first.fingerprint in contract(name).released


@pytest.mark.parametrize("name", ["search", "violation", "outcome"])
def test_every_version_reads_every_other(name: str) -> None:
    versions = {
        file.name: writer_schema(file.read_text()) for file in (ROOM / "released").glob(f"{name}-*.avsc")
    }
    versions["current"] = contract(name).current
    for (writer_name, writer), (reader_name, reader) in permutations(versions.items(), 2):
        assert unreadable(writer, reader) is None, f"{reader_name} does not read {writer_name}"


@pytest.mark.parametrize("name", ["search", "violation", "outcome"])
def test_the_current_version_is_a_released_one(name: str) -> None:
    released = [file.read_text() for file in (ROOM / "released").glob(f"{name}-*.avsc")]
    assert json.loads(contract(name).current.text) in [json.loads(text) for text in released]


def test_a_schema_of_another_kind_is_not_readable_as_a_search() -> None:
    assert unreadable(contract("outcome").current, contract("search").current)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type": "record"}', '"nonsense"', "17"])
def test_what_is_no_avro_schema_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        writer_schema(text)
