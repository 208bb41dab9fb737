"""Canaries among searches: found as they were decoded, kept out of every table, and told on as violations."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from schemas import canary
from schemas.moments import micros_of
from streams.columns import DECODED
from streams.judge import VIOLATION, violation_id


@dataclass(frozen=True, slots=True)
class Canaries:
    """Which rows of a batch are canaries, and their violations: one each, as the topic has them."""

    rows: npt.NDArray[np.int64]
    violations: pl.DataFrame
    places: pl.DataFrame = field(repr=False)

    def leave(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows with a Kafka position, without those that canaries gave."""
        return rows.join(self.places, on=self.places.columns, how="anti", maintain_order="left")


def find_canaries(events: pl.DataFrame, key: bytes, detected_at: datetime) -> Canaries | None:
    """Return the canaries among decoded searches with their Kafka position; None where there are none."""
    suspects = events["agency_id"] == canary.AGENCY
    if not suspects.any():
        return None
    found: list[int] = []
    violations: list[dict[str, Any]] = []
    for row in suspects.arg_true().to_list():
        search = events.select(list(DECODED)).row(row, named=True)
        source = canary.source_of(search, micros_of(search["occurred_at"]), key)
        if source is not None:
            found.append(row)
            violations.append(_violation(search, source, detected_at))
    if not found:
        return None
    places = events[found].select("kafka_partition", "kafka_offset")
    return Canaries(
        np.array(found, np.int64), pl.DataFrame(violations, schema=VIOLATION, orient="row"), places
    )


def _violation(search: dict[str, Any], source: str, detected_at: datetime) -> dict[str, Any]:
    return {
        "violation_id": violation_id(search["event_id"], f"{canary.POLICY}/{canary.RULE}"),
        "event_id": search["event_id"],
        "occurred_at": search["occurred_at"],
        "detected_at": detected_at,
        "agency_id": canary.AGENCY,
        "officer": None,
        "policy_id": canary.POLICY,
        "policy_version": "",
        "rule_id": canary.RULE,
        "severity": "INFO",
        "certainty": "CONFIRMED",
        "provider_id": None,
        "requesting_agency_id": None,
        "case_number": None,
        "title": source,
        "evidence": {},
    }
