"""Fetching: which partitions are asked, for how much, and how long a few records wait for more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.turns import Turns

FETCH_RECORDS = 6_000
"""Records of one fetch, over all partitions: some 6 MB as columns."""
TURN_RECORDS = 30_000
"""Records that a partition gives in its turn, where there is a backlog."""
SMALL_FETCH = 500
"""A fetch of fewer records waits a moment for more: judging has a cost however few they are."""
LINGER_SECONDS = (0.001, 0.1)
"""How long at the least and most. Between them it is as long as the last small fetch took to be judged:
little where there is power to spare, and where there is none batches grow until there is."""

Fetch = dict[TopicPartition, list[Any]]


class Fetcher:
    """Fetches from a consumer's partitions."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._turns: Turns[TopicPartition] = Turns(full=FETCH_RECORDS, enough=TURN_RECORDS, few=SMALL_FETCH)
        self._took = LINGER_SECONDS[0]

    @property
    def by_turns(self) -> bool:
        """Whether there is a backlog, of which each partition has its turn."""
        return self._turns.begun

    async def fetch(self) -> Fetch:
        """Return the records that have come, at most `FETCH_RECORDS`; none after a while without any.

        aiokafka fetches one answer ahead and no more, so what it has at hand is as old as the last batch took
        to judge. A small answer is therefore joined by what comes within a moment.
        """
        assigned = self._consumer.assignment()
        turn = self._turns.next(assigned)
        fetched: Fetch = await self._consumer.getmany(
            *turn, timeout_ms=20 if turn else 200, max_records=FETCH_RECORDS
        )
        self._turns.fetched(assigned, size(fetched))
        if turn:
            return fetched
        loop = asyncio.get_running_loop()
        least, most = LINGER_SECONDS
        until = loop.time() + min(max(least, self._took), most)
        while 0 < size(fetched) < SMALL_FETCH and (left := until - loop.time()) > 0:
            more = await self._consumer.getmany(timeout_ms=int(left * 1000) + 1, max_records=FETCH_RECORDS)
            for partition, records in more.items():
                fetched.setdefault(partition, []).extend(records)
        return fetched

    def judged(self, fetched: Fetch, seconds: float) -> None:
        """Say how long a fetch took to be judged."""
        if size(fetched) < SMALL_FETCH:
            self._took = seconds


def size(fetched: Mapping[Any, list[Any]]) -> int:
    """Return how many records a fetch has."""
    return sum(map(len, fetched.values()))
