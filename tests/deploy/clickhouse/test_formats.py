"""A result that chDB streams in several pieces is one document for the client, in every format."""

from __future__ import annotations

import csv
import io
import json
import urllib.request

import pyarrow as pa
import pytest

from deploy.local.clickhouse.formats import joiner
from tests.support.clickhouse import RunningClickHouse

ROWS = 200_000
SQL = f'SELECT number AS n, concat(\'"a\n\', toString(number)) AS "na""me" FROM numbers({ROWS})'


def ask(server: RunningClickHouse, sql: str) -> bytes:
    with urllib.request.urlopen(server.url, data=sql.encode(), timeout=60) as answer:
        body: bytes = answer.read()
    return body


def test_arrow_stream_has_one_schema_and_all_rows(server: RunningClickHouse) -> None:
    table = pa.ipc.open_stream(io.BytesIO(ask(server, f"{SQL} FORMAT ArrowStream"))).read_all()
    assert table.num_rows == ROWS
    assert table.column(0).to_pylist() == list(range(ROWS))


def test_arrow_file_is_one_file(server: RunningClickHouse) -> None:
    assert pa.ipc.open_file(io.BytesIO(ask(server, f"{SQL} FORMAT Arrow"))).read_all().num_rows == ROWS


@pytest.mark.parametrize(("name", "heads"), [("CSV", 0), ("CSVWithNames", 1), ("CSVWithNamesAndTypes", 2)])
def test_csv_has_its_head_once(server: RunningClickHouse, name: str, heads: int) -> None:
    rows = list(csv.reader(io.StringIO(ask(server, f"{SQL} FORMAT {name}").decode(), newline="")))
    assert len(rows) == ROWS + heads
    assert rows[heads] == ["0", '"a\n0']
    assert rows[-1][0] == str(ROWS - 1)


def test_json_is_one_document(server: RunningClickHouse) -> None:
    found = json.loads(ask(server, f"SELECT number FROM numbers({ROWS}) FORMAT JSON"))
    assert found["rows"] == len(found["data"]) == ROWS


def test_row_binary_has_its_head_once(server: RunningClickHouse) -> None:
    sql = f"SELECT toUInt8(number) AS n FROM numbers({ROWS}) FORMAT RowBinaryWithNamesAndTypes"
    body = ask(server, sql)
    assert body[:9] == b"\x01\x01n\x05UInt8"[:9]
    assert len(body) == 9 + ROWS


@pytest.mark.parametrize(
    "name", ["CSVWithNames", "TSVWithNamesAndTypes", "RowBinaryWithNames", "ArrowStream"]
)
def test_an_answer_without_rows_still_has_its_head(server: RunningClickHouse, name: str) -> None:
    assert ask(server, f"SELECT 1 AS n WHERE 0 FORMAT {name}") != b""


@pytest.mark.parametrize("name", ["Parquet", "JSON", "Arrow", "Pretty", "XML", "Avro", "ORC", "Values"])
def test_formats_whose_pieces_do_not_join_are_known(name: str) -> None:
    assert joiner(name) is None


@pytest.mark.parametrize(
    ("name", "column"), [("TSVWithNames", 'a"b'), ("CSVWithNames", "a\\\\"), ("CSVWithNames", 'a"b')]
)
def test_a_strange_name_of_a_column_costs_no_rows(server: RunningClickHouse, name: str, column: str) -> None:
    body = ask(server, f"SELECT number AS `{column}` FROM numbers({ROWS}) FORMAT {name}")
    assert body.count(b"\n") == ROWS + 1
