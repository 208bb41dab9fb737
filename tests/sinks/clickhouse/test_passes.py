"""A pass that memory does not hold is made in smaller steps."""

from __future__ import annotations

import asyncio
import uuid
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest
from clickhouse_connect.driver import AsyncClient
from clickhouse_connect.driver.exceptions import DatabaseError
from pydantic import SecretStr

from schemas.settings import Settings
from sinks.clickhouse.client import connect
from sinks.clickhouse.months import Months
from sinks.clickhouse.passes import in_smaller_steps
from sinks.clickhouse.rollups import Rollups
from tests.support.clickhouse import migrated_clickhouse, running_clickhouse
from tests.support.use import MIDNIGHT, Search, store

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


class Refusing:
    """A client whose documents of one day or month cannot be made, as those before it in one statement."""

    def __init__(self, client: AsyncClient, refused: date | int) -> None:
        self._client, self.query = client, client.query
        self.refused: date | int | None = refused
        self.made: list[Any] = []

    async def command(self, sql: str, values: dict[str, Any] | None = None, **more: Any) -> Any:
        asked = [values["month"]] if values and "month" in values else (values or {}).get("days", [])
        if self.refused in asked:
            raise OSError("a bad block on the disk")
        self.made += asked
        return await self._client.command(sql, values, **more)


async def looked(rollups: Months | Rollups, looks: int) -> int:
    """Look so often, as the keeper does; how often that failed."""
    failed = 0
    for _ in range(looks):
        try:
            await rollups.settle(quiet=True)
        except OSError:
            failed += 1
    return failed


@pytest.mark.parametrize(
    ("kind", "refused", "all_of_them"),
    [
        (Months, 202505, [202501, 202502, 202503, 202504]),
        (Rollups, date(2025, 5, 1), [date(2025, month, 1) for month in range(1, 5)]),
    ],
)
def test_what_cannot_be_made_keeps_nothing_else_from_being_made(
    tmp_path: Path, kind: type[Months | Rollups], refused: date | int, all_of_them: list[Any]
) -> None:
    """Neither what is older, of which the turn is later, nor what would be made together with it."""

    async def run(settings: Settings) -> None:
        async with connect(settings) as client:
            days = [date(2025, month, 1) - MIDNIGHT.date() for month in range(1, 6)]
            searches = [Search(uuid.UUID(int=n + 1), n, MIDNIGHT + day) for n, day in enumerate(days)]
            await store(client, "searches", searches, 0)
            refusing = Refusing(client, refused)
            rollups = kind(cast(AsyncClient, refusing))
            assert await looked(rollups, 14) > 1, "it is tried again"
            assert set(all_of_them) <= set(refusing.made)
            assert refused not in refusing.made
            refusing.refused = None
            assert await looked(rollups, 3) == 0
            assert refused in refusing.made, "and made once it can be"
            assert await rollups.settle(quiet=True) == 0

    with migrated_clickhouse(tmp_path) as settings:
        asyncio.run(run(settings))
