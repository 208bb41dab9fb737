"""The fault suite in short: every fault, a little of each, on one broker and one engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.faults.scenarios import SCENARIOS
from tests.faults.world import Scale, World

QUICK = ("partitions added", "topic made anew", "insert: stored, then cut off", "1 % poison")
RATE = 2_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(tmp_path_factory.mktemp("faults"), Scale(RATE, full=False), stack)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in SCENARIOS]
)
def test_nothing_is_lost_and_nothing_counted_twice(world: World, name: str) -> None:
    found = SCENARIOS[name](world)
    assert found.count.sent > 0
    assert found.notes == [] or name in {"ClickHouse away", "soak"}, "no worker ended by itself"
    assert (found.count.lost, found.count.duplicated, found.count.notes) == (0, 0, [])
