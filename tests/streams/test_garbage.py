"""What only points at itself is freed without waiting for the collector's threshold."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest

from streams.garbage import GarbageKeeper


class Held:
    """Something that can point at itself."""

    itself: Held


@pytest.fixture
def calm() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, 20, 20)
    yield
    gc.set_threshold(*before)


async def test_a_cycle_is_freed_at_the_next_look(calm: None) -> None:
    held = Held()
    held.itself = held
    freed = asyncio.Event()
    there = weakref.ref(held, lambda _: freed.set())
    del held
    keeper = GarbageKeeper(pause=0.01)
    await keeper.start()
    try:
        async with asyncio.timeout(5):
            await freed.wait()
    finally:
        await keeper.stop()
    assert there() is None
