"""Whose turn it is to be fetched where there is a backlog: a few partitions at a time, in large pieces.

An insert costs the engine some 14 ms however few rows it has, and every part that it makes is merged later.
Where all partitions have a backlog, fetches of them all make many small ranges; by turns they become few
large ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)


class Turns(Generic[P]):
    """Chooses the partitions of each fetch. It does no I/O.

    A fetch of all that fills `full` records begins turns; `side_by_side` partitions have one, until they gave
    `enough` records or gave fewer than `few` twice. When all of them gave few, all are fetched again.
    """

    def __init__(self, *, full: int, enough: int, few: int, side_by_side: int = 1) -> None:
        self._full, self._enough, self._few = full, enough, few
        self._side_by_side = side_by_side
        self._queue: deque[P] = deque()
        self._taken = 0
        self._meagre = 0
        self._dry: set[P] = set()

    @property
    def begun(self) -> bool:
        """Whether a few partitions are fetched at a time."""
        return bool(self._queue)

    def next(self, assigned: Collection[P]) -> list[P]:
        """The partitions to fetch from; none stands for all."""
        if self._queue and set(self._queue) != set(assigned):
            self.end()
        return list(self._queue)[: self._side_by_side]

    def fetched(self, assigned: Collection[P], count: int) -> None:
        """Say how many records the fetch gave."""
        if not self._queue:
            # Where there are no more partitions than have a turn at one time, there is nothing to choose.
            if count >= self._full and len(assigned) > self._side_by_side:
                self._queue.extend(assigned)
            return
        self._taken += count
        self._meagre = self._meagre + 1 if count < self._few else 0
        now = list(self._queue)[: self._side_by_side]
        if self._meagre >= 2:
            self._dry.update(now)
        elif self._taken < self._enough:
            return
        else:
            self._dry.difference_update(now)
        self._taken = self._meagre = 0
        self._queue.rotate(-self._side_by_side)
        if self._dry.issuperset(self._queue):
            self.end()

    def end(self) -> None:
        """Fetch from all again."""
        self._queue.clear()
        self._dry.clear()
        self._taken = self._meagre = 0
