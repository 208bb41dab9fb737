"""Whose turn it is to be fetched where there is a backlog: one partition at a time, in large pieces.

An insert costs the engine some 14 ms however few rows it has, and every part that it makes is merged later.
Where all partitions have a backlog, fetches of them all make many small ranges; by turns they become few
large ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable, Mapping
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)


class Turns(Generic[P]):
    """Chooses the partition of each fetch by the lag of each: the records that it still has to give.

    It does no I/O. A fetch of all that fills `full` records begins turns. A turn lasts until its partition
    gave `enough` records, has none left, or gave nothing when it was asked: its broker may be away. Who has
    nothing is passed over. Turns end where all that is left would fit into one fetch.
    """

    def __init__(self, *, full: int, enough: int) -> None:
        self._full, self._enough = full, enough
        self._queue: deque[P] = deque()
        self._taken = 0
        # Who gave nothing when asked last, whatever its lag is said to be.
        self._silent: set[P] = set()

    @property
    def begun(self) -> bool:
        """Whether one partition is fetched from at a time."""
        return bool(self._queue)

    def next(self, lags: Mapping[P, int]) -> P | None:
        """The partition to fetch from; None stands for all. `lags` has each that is assigned."""
        if not self._queue:
            return None
        left = sum(lag for partition, lag in lags.items() if partition not in self._silent)
        if set(self._queue) != lags.keys() or left < self._full:
            self.end()
            return None
        while not lags[self._queue[0]]:
            self._pass_on()
        return self._queue[0]

    def fetched(self, assigned: Collection[P], count: int) -> None:
        """Say how many records the fetch gave."""
        if not self._queue:
            # Where there is one partition there is nothing to choose.
            if count >= self._full and len(assigned) > 1:
                self._queue.extend(assigned)
            return
        self._taken += count
        if not count:
            self._silent.add(self._queue[0])
        else:
            self._silent.discard(self._queue[0])
        if not count or self._taken >= self._enough:
            self._pass_on()

    def end(self) -> None:
        """Fetch from all again."""
        self._queue.clear()
        self._silent.clear()
        self._taken = 0

    def _pass_on(self) -> None:
        self._queue.rotate(-1)
        self._taken = 0
