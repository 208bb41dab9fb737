"""A worker's sign of life for `frwatch status`: one small file, written every second."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from mode import Service

from schemas.settings import Settings
from streams.ingest import Ingest
from streams.policy_feed import PolicyFeed
from streams.strangers import Strangers

SECONDS = 1.0
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
        self._file = settings.home / "workers" / f"{os.getpid()}.json"
        self._in_force = in_force
        self._feed = feed
        self._ingest = ingest
        self._strangers = strangers
        self._canaries = canaries
        self._started_at = datetime.now(UTC).isoformat()

    async def on_stop(self) -> None:
        """Take the sign away."""
        self._file.unlink(missing_ok=True)

    @Service.timer(SECONDS)
    async def _beat(self) -> None:
        self.write()

    def write(self) -> None:
        """Write the file anew; a reader sees the old one or the new one, never a part."""
        partitions: dict[str, list[int]] = defaultdict(list)
        for partition in sorted(self._ingest.ledger.partitions):
            partitions[partition.topic].append(partition.number)
        sign = {
            "pid": os.getpid(),
            "started_at": self._started_at,
            "updated_at": datetime.now(UTC).isoformat(),
            "policies": self._in_force(),
            "refused": self._feed.refused.reason if self._feed.refused else None,
            "unknown_agencies": self._strangers.most(NAMES),
            "canaries": self._canaries(),
            "ready": self._ingest.ready,
            "partitions": partitions,
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".tmp")
        draft.write_text(json.dumps(sign))
        draft.replace(self._file)
