"""What came of the searches, said later: mostly by the search's id, some by agency and case only."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

from deploy.demo.cast import event_ids

OUTCOME: dict[str, pl.DataType] = {
    "outcome_id": pl.String(),
    "event_id": pl.String(),
    "agency_id": pl.String(),
    "case_number": pl.String(),
    "recorded_at": pl.Datetime("us", "UTC"),
    "kind": pl.String(),
    "age_band": pl.String(),
    "race": pl.String(),
    "gender": pl.String(),
    "note": pl.String(),
}
"""The columns of the outcomes: those of outcome.avsc, the ids as text."""

ROUTINE_SHARE = 0.12
_ROUTINE = {"NO_LEAD": 0.55, "LEAD": 0.27, "IDENTIFICATION": 0.1, "ARREST": 0.06, "CHARGE": 0.02}
_COMMERCIAL = {"NO_LEAD": 120, "LEAD": 70, "IDENTIFICATION": 25, "ARREST": 12}
_BY_CASE = 5
"""Arrests after commercial searches that are told by agency and case only."""


def make_outcomes(rng: np.random.Generator, searches: pl.DataFrame) -> pl.DataFrame:
    """Return the outcomes with the columns of `OUTCOME`, in the order of `recorded_at`.

    An outcome without `event_id` speaks of every search of its case. Who was arrested is not in them.
    """
    commercial = searches.filter(pl.col("part") == "commercial-before")
    shuffled = commercial[rng.permutation(commercial.height)]
    cased = shuffled.filter(pl.col("case_number").is_not_null())
    by_case = cased[:_BY_CASE]
    told = shuffled.join(by_case, on="event_id", how="anti", maintain_order="left")
    kinds = [kind for kind, count in _COMMERCIAL.items() for _ in range(count)]
    routine = searches.filter(pl.col("part") == "routine")
    some = routine[np.flatnonzero(rng.random(routine.height) < ROUTINE_SHARE)]
    routine_kinds = rng.choice(list(_ROUTINE), some.height, p=list(_ROUTINE.values())).tolist()
    parts = [
        _about(rng, told[: len(kinds)], kinds),
        _about(rng, by_case, ["ARREST"] * by_case.height, by_case_only=True),
        # A charge follows some of the arrests: one search, two outcomes.
        _about(rng, told[len(kinds) - 9 : len(kinds)], ["CHARGE"] * 9),
        _about(rng, some, routine_kinds, share_by_case=0.08),
    ]
    made = pl.concat(parts)
    return made.with_columns(outcome_id=pl.Series(event_ids(rng, made.height))).sort(
        "recorded_at", "outcome_id"
    )


def _about(
    rng: np.random.Generator,
    searches: pl.DataFrame,
    kinds: list[str],
    *,
    by_case_only: bool = False,
    share_by_case: float = 0.0,
) -> pl.DataFrame:
    hours = rng.exponential(20 * 24, searches.height) + 2
    without = pl.Series(rng.random(searches.height) < share_by_case) | pl.lit(by_case_only)
    return searches.select(
        outcome_id=pl.lit(None, pl.String),
        event_id=pl.when(without & pl.col("case_number").is_not_null()).then(None).otherwise("event_id"),
        agency_id="true_agency",
        case_number="case_number",
        recorded_at=pl.col("occurred_at")
        + pl.Series([timedelta(hours=float(hour)) for hour in hours], dtype=pl.Duration("us")),
        kind=pl.Series(kinds, dtype=pl.String),
        age_band=pl.lit(None, pl.String),
        race=pl.lit(None, pl.String),
        gender=pl.lit(None, pl.String),
        note=pl.lit(None, pl.String),
    )
