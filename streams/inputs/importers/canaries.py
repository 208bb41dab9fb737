"""Canaries of an import: searches that nobody ran, so that an import which has ended is noticed."""

from __future__ import annotations

import time
import uuid

from schemas.canary import CanaryKey, canary
from streams.inputs.importers.send import Sender

EVERY_SECONDS = 600.0
"""How often an import that follows its files sends one."""


class Canaries:
    """Sends canaries of the source `import/NAME`, where NAME is what the import's events name as theirs."""

    def __init__(self, name: str, key: CanaryKey, sender: Sender) -> None:
        self._source = f"import/{name}"
        self._key = key.of(self._source)
        self._sender = sender
        self._next = 0.0

    def send_due(self) -> None:
        """Send one, unless the last is younger than `EVERY_SECONDS`.

        Raises:
            NotThere: Kafka did not take it; the next call tries again.
        """
        if time.monotonic() < self._next:
            return
        made = canary(uuid.uuid4(), time.time_ns() // 1000, self._source, self._key)
        self._sender.send([made | {"officer_id": None}])
        self._next = time.monotonic() + EVERY_SECONDS
