"""What the walk says of values that no contract's own client would write, and where it is compiled."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.wire import confluent_head
from streams import interpreter
from tests.streams.conftest import MakeSearch
from tests.streams.writers import newer, read, reasons, with_field, written


def test_a_map_that_the_block_reader_never_comes_back_from_is_refused(make_search: MakeSearch) -> None:
    value = make_search(attributes={"a": "b"})
    hanging = value[:-6] + bytes.fromhex("4bbc020261026200")
    assert reasons(read([value, hanging, value])) == {1: "damaged"}


def test_blocks_with_their_size_are_read_and_a_wrong_size_is_damage(make_search: MakeSearch) -> None:
    value = make_search(attributes={"a": "b"})
    sized = value[:-6] + bytes.fromhex("01080261026200")
    lying = value[:-6] + bytes.fromhex("010a0261026200")
    negative = value[:-6] + bytes.fromhex("01cf0f0261026200")
    decoded = read([value, sized, lying, negative])
    assert decoded.frame["attributes"].to_list() == [{"a": "b"}, {"a": "b"}]
    assert reasons(decoded) == {2: "damaged", 3: "damaged"}


@pytest.mark.parametrize("count", [33, 1024])
def test_more_items_than_there_is_room_for_at_first_are_read(make_search: MakeSearch, count: int) -> None:
    galleries = [f"gallery number {number}" for number in range(count)]
    attributes = {f"key {number}": str(number) for number in range(count)}
    values = [make_search(), make_search(galleries=galleries, attributes=attributes), make_search()]
    decoded = read([*values, values[1]])
    assert decoded.bad == []
    assert decoded.frame["galleries"].to_list() == [[], galleries, [], galleries]
    assert decoded.frame["attributes"].to_list()[1] == attributes


def test_an_item_too_many_is_damage(make_search: MakeSearch) -> None:
    many = make_search(galleries=[""] * 1_025)
    assert reasons(read([make_search(), many, make_search()])) == {1: "damaged"}


@pytest.mark.parametrize("name", ["unit", "galleries", "strange"])
def test_a_text_that_is_not_utf8_is_damage_wherever_it_stands(name: str) -> None:
    """In a column, in a list, and where it feeds no column; what its neighbours say stays theirs."""
    writer = newer({"name": "strange", "type": "string"})
    said = {"unit": "unit 7", "galleries": ["gallery 7"], "strange": "strange 7"}
    good = written(writer, **said)
    bad = good.replace(f"{name.removesuffix('ies')}".encode()[:4], b"\xff\xfe\xfd\xfc")
    assert bad != good
    decoded = read([good, bad, good], {3: writer})
    assert reasons(decoded) == {1: "damaged"}
    assert decoded.bad[0].detail.startswith(f"a string is not UTF-8, at byte {bad.index(bytes([255, 254]))} ")
    assert decoded.frame["unit"].to_list() == ["unit 7"] * 2
    assert decoded.frame["galleries"].to_list() == [["gallery 7"]] * 2


def test_texts_beyond_ascii_are_read(make_search: MakeSearch) -> None:
    texts = ["Ñ", "Cañada", "long enough to stand beside: Peñasquitos", "näïve " * 50]
    decoded = read([make_search(unit=text, galleries=[text, text]) for text in texts])
    assert decoded.bad == []
    assert decoded.frame["unit"].to_list() == texts
    assert decoded.frame["galleries"].to_list() == [[text, text] for text in texts]


def test_a_schema_that_fills_a_column_in_too_many_ways_is_refused_and_its_values_are_kept() -> None:
    ways = [{"type": "enum", "name": f"E{number}", "symbols": ["SEARCH"]} for number in range(600)]
    writer = with_field("evidence", ways)
    decoded = read([confluent_head(3) + b"x"], {3: writer})
    assert reasons(decoded) == {0: "unreadable"}
    assert "more than 500 ways" in decoded.bad[0].detail


def test_what_is_compiled_goes_by_no_constant_of_another_file() -> None:
    """It is kept until its own file changes: another's constants would stay what they were."""
    source = Path(interpreter.__file__).read_text(encoding="utf-8")
    imported = {
        name.asname or name.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    read = set(inspect.unwrap(interpreter.walk_records).__code__.co_names)
    assert {"np", "MAX_ITEMS", "_HEAD", "BLOCK"} <= read
    assert read & imported == set()


def test_a_full_disk_keeps_nobody_from_reading(tmp_path: Path) -> None:
    """What is compiled cannot be kept then: no process may write a byte to a file here."""
    script = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
from schemas.contracts import contract
from schemas.wire import encode
from streams.decode import decode
from streams.values import Values
event_id = "6f1f0a7e-0000-4000-8000-000000000001"
nobody = {"event_id": event_id, "occurred_at": 0, "source": "", "agency_id": "a"}
print(decode(Values([encode(contract("search"), nobody)]), contract("search"), {}).frame["agency_id"][0])
"""
    where = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        [sys.executable, "-c", script], env=where, capture_output=True, text=True, check=False, timeout=100
    )
    assert (ended.returncode, ended.stdout) == (0, "a\n"), ended.stderr
