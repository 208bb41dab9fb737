"""Fetching: which partitions are asked, for how much, and how long a few records wait for more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.turns import Turns

FETCH_RECORDS = 10_000
"""Records of one fetch, over all partitions: some 10 MB as columns, and more than one answer of a broker has
of a partition, so that no answer is judged in two pieces."""
TURN_RECORDS = 60_000
"""Records that a partition gives in its turn, where there is a backlog."""
SMALL_FETCH = 500
"""A fetch of fewer records waits a moment for more: judging has a cost however few they are."""
WAIT_MS = 200
"""How long a fetch waits where there is nothing."""
LINGER_SECONDS = (0.001, 0.1)
"""How long at the least and most."""
LINGER_SHARE = 0.3
"""Between them it is this share of the time that the last small fetch took to be judged: little where there
is power to spare, and where there is none batches grow until there is. Side by side at 1,000 searches/s on
two cores, with a broker that answers at once: 24 ms from search to webhook instead of 32 with a share of 1
and answers of 16 KB or 4 ms, for half as much of the processor again. At 20,000/s the alert is sooner too."""

Fetch = dict[TopicPartition, list[Any]]


class Fetcher:
    """Fetches from a consumer's partitions."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._turns: Turns[TopicPartition] = Turns(full=FETCH_RECORDS, enough=TURN_RECORDS)
        # Of each partition, the offset after the last that was fetched of it, while there is a backlog.
        self._next: dict[TopicPartition, int] = {}
        self._took = LINGER_SECONDS[0]

    @property
    def by_turns(self) -> bool:
        """Whether there is a backlog, which each partition gives in its turn."""
        return self._turns.begun

    async def fetch(self) -> Fetch:
        """Return the records that have come, at most `FETCH_RECORDS`; none after a while without any.

        aiokafka fetches one answer ahead and no more, so what it has at hand is as old as the last batch took
        to judge. A small answer is therefore joined by what comes within a moment.
        """
        turn = self._turns.next(self._lags()) if self._turns.begun else None
        fetched: Fetch = await self._consumer.getmany(
            *([turn] if turn else []), timeout_ms=WAIT_MS, max_records=FETCH_RECORDS
        )
        self._turns.fetched(self._consumer.assignment(), size(fetched))
        if self._turns.begun:
            self._next |= {partition: records[-1].offset + 1 for partition, records in fetched.items()}
        if turn:
            return fetched
        loop = asyncio.get_running_loop()
        least, most = LINGER_SECONDS
        until = loop.time() + min(max(least, LINGER_SHARE * self._took), most)
        while 0 < size(fetched) < SMALL_FETCH and (left := until - loop.time()) > 0:
            more = await self._consumer.getmany(timeout_ms=int(left * 1000) + 1, max_records=FETCH_RECORDS)
            for partition, records in more.items():
                fetched.setdefault(partition, []).extend(records)
        return fetched

    def _lags(self) -> dict[TopicPartition, int]:
        """How many records each partition still has to give, as of its broker's last answer.

        After a seek it is wrong until the partition gives something: then its turn comes later, no more.
        """
        ends = {partition: self._consumer.highwater(partition) for partition in self._consumer.assignment()}
        return {
            partition: max(0, end - self._next.get(partition, 0)) if end is not None else 0
            for partition, end in ends.items()
        }

    def judged(self, fetched: Fetch, seconds: float) -> None:
        """Say how long a fetch took to be judged."""
        if size(fetched) < SMALL_FETCH:
            self._took = seconds


def size(fetched: Mapping[Any, list[Any]]) -> int:
    """Return how many records a fetch has."""
    return sum(map(len, fetched.values()))
