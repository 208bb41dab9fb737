"""The keeper of roll-ups goes on whatever fails, and stands back while searches wait to be stored."""

from __future__ import annotations

import asyncio

import pytest

from streams import rollup_keeper
from streams.rollup_keeper import RollupKeeper


class Failing:
    """Documents that cannot be made."""

    def __init__(self) -> None:
        self.asked = 0
        self.enough = asyncio.Event()

    async def settle(self) -> int:
        self.asked += 1
        if self.asked == 3:
            self.enough.set()
        raise OSError


async def until_enough(keeper: RollupKeeper, rollups: Failing) -> None:
    await keeper.start()
    async with asyncio.timeout(10):
        await rollups.enough.wait()
    await keeper.stop()


async def test_what_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup_keeper, "PAUSE_SECONDS", 0.001)
    rollups = Failing()
    await until_enough(RollupKeeper([rollups], lambda: False), rollups)


async def test_each_has_its_turn_whatever_becomes_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup_keeper, "PAUSE_SECONDS", 0.001)
    first, second = Failing(), Failing()
    await until_enough(RollupKeeper([first, second], lambda: False), second)
    assert first.asked >= second.asked


async def test_it_stands_back_while_searches_wait_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup_keeper, "PAUSE_SECONDS", 0.001)
    rollups = Failing()
    asked: list[int] = []

    def behind() -> bool:
        asked.append(rollups.asked)
        if len(asked) == 50:
            monkeypatch.setattr(rollup_keeper, "YIELD_SECONDS", 0.0)
        return True

    await until_enough(RollupKeeper([rollups], behind), rollups)
    assert set(asked[:50]) == {0}
