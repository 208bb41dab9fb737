"""The keeper of roll-ups goes on whatever fails, and looks at less where there was too much."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from sinks.clickhouse.repeated_probes import AT_ONCE, RepeatedProbes
from sinks.clickhouse.rollups import Rollups
from streams import rollup_keeper
from streams.rollup_keeper import LEAST_AT_ONCE, RollupKeeper


class Days:
    """Documents of days that cannot be made."""

    def __init__(self) -> None:
        self.asked = 0

    async def settle(self) -> int:
        self.asked += 1
        raise OSError


class Probes:
    """Documents of probes that take too long where more than `most` searches are looked at together."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.asked: list[int] = []
        self.enough = asyncio.Event()

    async def settle(self, rows: int) -> int:
        self.asked.append(rows)
        if len(self.asked) == 12:
            self.enough.set()
        if rows > self.most:
            raise TimeoutError
        return rows


@pytest.mark.parametrize("most", [300_000, 0])
async def test_a_look_that_takes_too_long_is_at_less_and_then_at_more(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup_keeper, "PAUSE_SECONDS", 0.001)
    days, probes = Days(), Probes(most)
    keeper = RollupKeeper(cast("Rollups", days), cast("RepeatedProbes", probes), lambda: False)
    await keeper.start()
    async with asyncio.timeout(10):
        await probes.enough.wait()
    await keeper.stop()
    assert days.asked >= 12, "what fails is tried again"
    first = [AT_ONCE, AT_ONCE // 2, AT_ONCE // 4, AT_ONCE // 8]
    assert probes.asked[:4] == first
    if most:
        assert probes.asked[4:8] == [AT_ONCE // 4, AT_ONCE // 8] * 2
    else:
        assert probes.asked[11] == LEAST_AT_ONCE


async def test_it_stands_back_while_searches_wait_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup_keeper, "PAUSE_SECONDS", 0.001)
    days, probes = Days(), Probes(AT_ONCE)
    asked: list[int] = []

    def behind() -> bool:
        asked.append(days.asked)
        if len(asked) == 50:
            monkeypatch.setattr(rollup_keeper, "YIELD_SECONDS", 0.0)
        return True

    keeper = RollupKeeper(cast("Rollups", days), cast("RepeatedProbes", probes), behind)
    await keeper.start()
    async with asyncio.timeout(10):
        await probes.enough.wait()
    await keeper.stop()
    assert set(asked[:50]) == {0}
