"""What is done after an insert has failed: each code of the table, and what has none."""

from __future__ import annotations

import gc
import json
import weakref

import aiohttp
import chdb
import polars as pl
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from sinks.clickhouse.faults import TABLE, Then, error_code, reason_of, what_then
from sinks.clickhouse.narrow import Known, Refused, insert_what_can_be


def engine_error(code: int) -> DatabaseError:
    return DatabaseError(
        f"HTTPDriver received ClickHouse error code {code}\n Code: {code}. DB::Exception: secret"
    )


def test_each_code_is_the_engines_own() -> None:
    sql = "SELECT number AS code, errorCodeToName(number) AS name FROM numbers(1003) FORMAT JSONCompact"
    names = {int(code): name for code, name in json.loads(str(chdb.query(sql)))["data"]}  # type: ignore[no-untyped-call]
    assert {code: meaning.name for code, meaning in TABLE.items()} == {code: names[code] for code in TABLE}


@pytest.mark.parametrize("code", TABLE)
def test_each_code_leads_where_the_table_says(code: int) -> None:
    assert what_then(engine_error(code)) is TABLE[code].then
    assert reason_of(engine_error(code)) == f"{TABLE[code].name} ({code}): {TABLE[code].reason}"


def test_a_code_that_nobody_has_thought_about_stops() -> None:
    assert what_then(engine_error(49)) is Then.STOP
    assert reason_of(engine_error(49)) == "ClickHouse error 49"


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        ConnectionResetError(),
        aiohttp.ClientPayloadError(),
        OperationalError("Error connecting"),
        DatabaseError("HTTPDriver returned response code 500"),
    ],
)
def test_what_has_no_code_is_tried_again(error: Exception) -> None:
    assert error_code(error) is None
    assert what_then(error) is Then.AGAIN


def test_a_fault_of_our_own_stops() -> None:
    assert what_then(KeyError("column")) is Then.STOP


class Table:
    """A table that takes each token once, refuses some values, and may be cut off."""

    def __init__(self, bad: set[int], cut_after: int = 1_000_000) -> None:
        self.bad, self.left = bad, cut_after
        self.tokens: dict[str, list[int]] = {}

    async def insert(self, rows: pl.DataFrame, token: str) -> None:
        if not self.left:
            raise ConnectionResetError
        self.left -= 1
        if self.bad.intersection(rows["n"]):
            raise engine_error(469)
        self.tokens.setdefault(token, rows["n"].to_list())

    def stored(self) -> list[int]:
        return sorted(n for rows in self.tokens.values() for n in rows)


@pytest.mark.parametrize("bad", [set(), {0}, {99}, {3, 4, 50}, set(range(100))])
async def test_the_bad_rows_alone_are_refused(bad: set[int]) -> None:
    table = Table(bad)
    refused = await insert_what_can_be(table.insert, pl.DataFrame({"n": range(100)}), "t", {})
    assert refused == [Refused(n, reason_of(engine_error(469))) for n in sorted(bad)]
    assert table.stored() == [n for n in range(100) if n not in bad]


@pytest.mark.parametrize("known", [True, False], ids=["goes on", "begins anew, as after a crash"])
async def test_a_narrowing_that_is_cut_off_anywhere_stores_each_row_once(known: bool) -> None:
    bad, rows = {7, 8, 60}, pl.DataFrame({"n": range(64)})
    for cut in range(30):
        table, seen = Table(bad, cut), Known()
        try:
            refused = await insert_what_can_be(table.insert, rows, "t", seen)
        except ConnectionResetError:
            table.left = 1_000_000
            refused = await insert_what_can_be(table.insert, rows, "t", seen if known else {})
        assert [row for row, _ in refused] == sorted(bad)
        assert table.stored() == [n for n in range(64) if n not in bad]


@pytest.mark.parametrize("bad", [set(), {3}])
async def test_rows_are_let_go_at_once(bad: set[int]) -> None:
    """Not when the collector looks for cycles: a worker's memory stays flat."""
    rows = pl.DataFrame({"n": range(8)})
    gone = weakref.ref(rows)
    gc.disable()
    try:
        await insert_what_can_be(Table(bad).insert, rows, "t", {})
        del rows
        assert gone() is None
    finally:
        gc.enable()
