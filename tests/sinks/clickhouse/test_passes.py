"""A pass that memory does not hold is made in smaller steps."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from pydantic import SecretStr

from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.passes import in_smaller_steps
from tests.support.clickhouse import running_clickhouse

KEPT = "SELECT sum(length(groups)) FROM (SELECT groupArray(number) AS groups FROM numbers({count:UInt64}))"


def test_a_pass_that_memory_does_not_hold_is_made_in_smaller_steps(tmp_path: Path) -> None:
    async def run(settings: Settings) -> None:
        tried: list[int] = []
        async with connect(settings) as client:

            async def make(most: int) -> int:
                """Some 16 MB for each."""
                tried.append(most)
                answer = await client.query(
                    KEPT, {"count": most * 1_000_000}, settings={"max_memory_usage": 100_000_000}
                )
                return int(answer.result_rows[0][0]) // 1_000_000

            made = await in_smaller_steps(make, 64)
            assert 1 <= made < 64
            assert tried == [64 >> step for step in range(len(tried))]
            assert made == tried[-1]

            async def too_large(most: int) -> int:
                return await make(most * 100)

            with pytest.raises(DatabaseError, match="MEMORY_LIMIT_EXCEEDED"):
                await in_smaller_steps(too_large, 1)

            async def refused(most: int) -> int:
                tried.append(-most)
                await client.command("SELECT nonsense")
                return most

            with pytest.raises(DatabaseError, match="UNKNOWN_IDENTIFIER"):
                await in_smaller_steps(refused, 8)
            assert tried.count(-8) == 1
            assert -4 not in tried

    with running_clickhouse(tmp_path) as engine:
        asyncio.run(run(Settings(clickhouse=SecretStr(engine.url))))
