"""Passes over what is stored, beside those who ask and insert: numbered, and bounded in their memory."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.exceptions import DatabaseError

from sinks.clickhouse.faults import error_code

READ: dict[str, Any] = {
    # What was inserted on another replica must be seen.
    "select_sequential_consistency": 1,
}
BOUNDED: dict[str, Any] = {
    **READ,
    # An engine of 4 GiB has room for inserts and questions beside it.
    "max_memory_usage": 1 << 30,
    "max_bytes_before_external_group_by": 1 << 28,
    "max_bytes_before_external_sort": 1 << 28,
}
"""Settings of a statement that counts."""
_MEMORY_LIMIT_EXCEEDED = 241


def numbered(settled_at: datetime) -> dict[str, Any]:
    """Return the moment and the run of a document: of two the one that was begun later has the higher run."""
    # Two that begin in one microsecond are told apart all the same.
    run = (int(settled_at.timestamp() * 1_000_000) << 12) | secrets.randbelow(1 << 12)
    return {"settled_at": settled_at, "run": run}


async def in_smaller_steps(make: Callable[[int], Awaitable[int]], most: int) -> int:
    """Return what `make` returns for at most `most`, or for half of it where memory holds no more.

    Raises:
        DatabaseError: memory does not even hold one; any other error of `make` at once.
    """
    while True:
        try:
            return await make(most)
        except DatabaseError as error:
            if error_code(error) != _MEMORY_LIMIT_EXCEEDED or most == 1:
                raise
            most //= 2


class Turns:
    """Whose turn it is, where something fails each time: it keeps nothing else from being made.

    What failed comes after all else (`failed` for the order), and what follows a failure is made one by one,
    so that what fails is alone in it.
    """

    def __init__(self) -> None:
        self.failed: set[Any] = set()
        self._tried: Sequence[Any] = ()
        self._alone = False

    def trying(self, chosen: Sequence[Any]) -> None:
        """Say what is made next; if all of it failed before, nothing else is left, and it begins anew."""
        if self.failed.issuperset(chosen):
            self.failed.clear()
        self._tried = chosen

    async def make(self, step: Callable[[int], Awaitable[int]], most: int) -> int:
        """Return what `step` returns for at most `most`, or fewer; see `in_smaller_steps`.

        Raises:
            whatever `step` raises, or ends it; what it said that it tries comes later then.
        """
        self._tried = ()
        try:
            made = await in_smaller_steps(step, 1 if self._alone else most)
        except BaseException:
            if len(self._tried) == 1 or self._alone:
                self.failed.update(self._tried)
            self._alone = True
            raise
        self._alone = False
        return made
