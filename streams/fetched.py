"""What ingest hands to the agents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streams.ledger import Partition


@dataclass(frozen=True, slots=True)
class Fetched:
    """Records of one topic, as one fetch gave them, and the epoch they belong to.

    `judge_by` is the version of the policies that judged them before; empty where none is known to have.
    """

    epoch: int
    topic: str
    runs: Mapping[Partition, list[Any]]
    judge_by: str = ""
