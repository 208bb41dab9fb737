"""clickhouse-connect, async and sync, as the sink and analysts use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import clickhouse_connect
import pyarrow as pa
import pytest
from clickhouse_connect.driver import AsyncClient
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.support.clickhouse import RunningClickHouse


@pytest.fixture(params=["none", "lz4", "zstd"])
async def client(server: RunningClickHouse, request: pytest.FixtureRequest) -> AsyncIterator[AsyncClient]:
    compress = False if request.param == "none" else request.param
    made = await clickhouse_connect.get_async_client(host="127.0.0.1", port=server.port, compress=compress)
    await made.command("DROP TABLE IF EXISTS c")
    await made.command("CREATE TABLE c (n UInt64, s Nullable(String)) ENGINE = MergeTree ORDER BY n")
    yield made
    await made.close()


async def test_query_command_and_inserts(client: AsyncClient) -> None:
    await client.insert("c", [[1, "a"], [2, None]], column_names=["n", "s"])
    await client.insert_arrow("c", pa.table({"n": pa.array([3], pa.uint64()), "s": ["c"]}))
    found = await client.query("SELECT s FROM c WHERE n >= {least:UInt8} ORDER BY n", parameters={"least": 2})
    assert found.result_rows == [(None,), ("c",)]
    assert await client.command("SELECT count() FROM c") == 3
    frame = await client.query_df("SELECT n FROM c ORDER BY n")
    assert frame["n"].tolist() == [1, 2, 3]


async def test_streams(client: AsyncClient) -> None:
    async with await client.query_row_block_stream("SELECT number FROM numbers(300000)") as stream:
        assert sum([len(block) async for block in stream]) == 300_000
    async with await client.query_arrow_stream("SELECT number FROM numbers(300000)") as arrow:
        assert sum([batch.num_rows async for batch in arrow]) == 300_000
    assert (await client.query_arrow("SELECT number FROM numbers(300000)")).num_rows == 300_000


async def test_errors_carry_their_code(client: AsyncClient) -> None:
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE|code: 60"):
        await client.query("SELECT * FROM nope")
    with pytest.raises(DatabaseError, match="395|throwIf"):
        await client.query(
            "SELECT throwIf(number = 900000) FROM numbers(1000000) SETTINGS max_block_size = 1000"
        )


async def test_four_clients_side_by_side(server: RunningClickHouse, client: AsyncClient) -> None:
    async def work(number: int) -> int:
        other = await clickhouse_connect.get_async_client(host="127.0.0.1", port=server.port)
        try:
            for turn in range(5):
                await other.insert("c", [[number * 100 + turn, "x"]], column_names=["n", "s"])
            sql = "SELECT count() FROM c WHERE intDiv(n, 100) = {number:UInt8}"
            return int((await other.query(sql, parameters={"number": number})).result_rows[0][0])
        finally:
            await other.close()

    assert await asyncio.gather(*map(work, range(4))) == [5, 5, 5, 5]


def test_the_sync_client(server: RunningClickHouse) -> None:
    client = clickhouse_connect.get_client(host="127.0.0.1", port=server.port)
    try:
        client.command("CREATE OR REPLACE TABLE d (n UInt8) ENGINE = MergeTree ORDER BY n")
        client.insert("d", [[1], [2]], column_names=["n"])
        assert client.query("SELECT sum(n) FROM d").result_rows == [(3,)]
    finally:
        client.close()


async def test_parameters_too_long_for_a_url_come_as_a_form(client: AsyncClient) -> None:
    await client.insert("c", [[number, f"{number}'\\"] for number in range(900)], column_names=["n", "s"])
    wanted = {"texts": [f"{number}'\\" for number in range(0, 900, 2)], "least": 100}
    sql = "SELECT count(), sum(n) FROM c WHERE s IN {texts:Array(String)} AND n >= {least:UInt16}"
    found = await client.query(sql, parameters=wanted, settings={"max_threads": 1})
    assert found.result_rows == [(400, sum(range(100, 900, 2)))]
