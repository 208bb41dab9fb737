from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from schemas.errors import NotThere, WrongUse
from schemas.yaml_file import Faults, Source, build_model, read_documents, read_sources


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    sizes: list[int] = []


def faults_of(text: str) -> str:
    faults = Faults()
    for document in read_documents(Source("f.yaml", text), faults):
        build_model(Thing, document, (), faults)
    with pytest.raises(WrongUse) as error:
        faults.raise_any()
    return str(error.value)


def test_a_fault_names_file_line_and_column() -> None:
    assert faults_of("name: a\nsizes: [1, x]\n").startswith("f.yaml:2:12: sizes.1: ")


def test_every_fault_of_every_document_is_told() -> None:
    told = faults_of("colour: red\n---\nname: 3\n").splitlines()
    assert told == [
        "f.yaml:1:1: 'name' is missing; add it",
        "f.yaml:1:1: unknown key 'colour'; known are name, sizes",
        "f.yaml:3:7: name: Input should be a valid string",
    ]


def test_a_key_that_stands_twice_is_a_fault_at_the_second() -> None:
    assert faults_of("name: a\nname: b\n") == "f.yaml:2:1: 'name' stands here twice; keep one"


def test_what_is_no_yaml_names_its_place() -> None:
    assert faults_of("name: [a\nsizes: 1\n").startswith("f.yaml:2:6: no YAML")


@pytest.mark.parametrize(
    "text",
    [
        "name: &a x\nsizes: *a\n",
        "name: &a [*a]\n",
        "a: &a [x, x]\nb: &b [*a, *a]\nname: [*b, *b]\n",
        "name: " + "[" * 200 + "]" * 200,
        "name: !!python/object:os.system x\n",
    ],
)
def test_aliases_deep_nesting_and_tags_are_refused_not_followed(text: str) -> None:
    assert "f.yaml:" in faults_of(text)


def test_words_that_old_yaml_took_for_booleans_are_text() -> None:
    [document] = read_documents(Source("f.yaml", "a: no\nb: 2020-11-13\nc: 12:30\nd: 007\n"), Faults())
    assert document.data == {"a": "no", "b": "2020-11-13", "c": "12:30", "d": 7}


def test_a_folder_gives_its_yaml_files_by_name(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.txt"):
        (tmp_path / name).write_text("x: 1")
    assert [Path(source.name).name for source in read_sources(tmp_path)] == ["a.yml", "b.yaml"]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotThere, match="no such file"):
        read_sources(tmp_path / "nothing")
    with pytest.raises(WrongUse, match=r"no \.yaml file"):
        read_sources(tmp_path)


def test_a_file_that_is_no_utf8_is_wrong_use(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"name: \xff")
    with pytest.raises(WrongUse, match=r"not UTF-8 \(byte 6\)"):
        read_sources(file)
