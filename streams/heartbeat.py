"""A worker's sign of life for `frwatch status`: one small file, written every second."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from mode import Service

from schemas.settings import Settings
from streams.ingest import Ingest
from streams.policy_feed import PolicyFeed
from streams.sign import SECONDS, Sign
from streams.strangers import Strangers

NAMES = 20
"""How many of the agencies that no register has are told."""


class Heartbeat(Service):
    """Writes `HOME/workers/PID.json` and removes it at the end.

    It has `pid`, `started_at` and `updated_at` (ISO 8601, UTC), `policies` (the version in force), `refused`
    (why the policies published last are not, else null), `ready` (whether the group has given it its
    partitions), `partitions` (numbers by topic), `unknown_agencies` (how often the names came, since the
    start, that no agency of the register has; the most frequent ones) and `canaries` (how many, since then).
    """

    def __init__(
        self,
        settings: Settings,
        in_force: Callable[[], str],
        feed: PolicyFeed,
        ingest: Ingest,
        strangers: Strangers,
        canaries: Callable[[], int],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._sign = Sign(settings.home, "workers")
        self._in_force = in_force
        self._feed = feed
        self._ingest = ingest
        self._strangers = strangers
        self._canaries = canaries
        self._started_at = datetime.now(UTC).isoformat()

    async def on_stop(self) -> None:
        """Take the sign away."""
        self._sign.take_away()

    @Service.timer(SECONDS)
    async def _beat(self) -> None:
        self.write()

    def write(self) -> None:
        """Write the file anew."""
        partitions: dict[str, list[int]] = defaultdict(list)
        for partition in sorted(self._ingest.ledger.partitions):
            partitions[partition.topic].append(partition.number)
        self._sign.write(
            started_at=self._started_at,
            policies=self._in_force(),
            refused=self._feed.refused.reason if self._feed.refused else None,
            unknown_agencies=self._strangers.most(NAMES),
            canaries=self._canaries(),
            ready=self._ingest.ready,
            partitions=partitions,
        )
