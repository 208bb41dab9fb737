"""The routine of the scenario: LACRIS searches by ten agencies, made as columns."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from deploy.demo.cast import BAN, CRIMES, FACTS, FIRST, LAST, PROBES, TROUPES, event_ids, officer
from streams.columns import DECODED

Objects = npt.NDArray[np.object_]
UNCERTIFIED = 0.03
"""The share of the LAPD's routine searches after the ban that name no certificate of training."""

SEARCH: dict[str, pl.DataType] = {
    name: pl.String() if name == "event_id" else dtype
    for name, dtype in DECODED.items()
    if name != "attributes"
} | FACTS
"""The columns of the scenario's searches: those of the record (`event_id` as text), then `cast.FACTS`."""


def routine_searches(rng: np.random.Generator, count: int) -> pl.DataFrame:
    """Return `count` searches of 2019 to 2021 with the columns of `SEARCH`, in no order.

    Agencies other than the LAPD also search for others, as the county's rules allow.
    """
    at = rng.choice(len(TROUPES), count, p=[troupe.share for troupe in TROUPES])
    occurred = _times(rng, count)
    year = 19 + ((occurred - np.datetime64("2019-01-01T08", "us")) // np.timedelta64(365, "D")).astype(int)
    officers = _officers(rng, at)
    lapd = at == 0
    after = occurred >= np.datetime64(BAN.replace(tzinfo=None), "us")
    certified = np.where(lapd & after, rng.random(count) >= UNCERTIFIED, rng.random(count) < 0.8)
    asks = ~lapd & (rng.random(count) < 0.02)
    # Never itself: the next but one of the list, and never a parent, for none is in it.
    asking = (at + rng.integers(1, len(TROUPES), count)) % len(TROUPES)
    ids = np.array([troupe.agency for troupe in TROUPES], dtype=object)
    written = np.array([troupe.written for troupe in TROUPES], dtype=object)
    outside = np.where(asks, ids[asking], None)
    numbers = pl.DataFrame(
        {
            "year": year.clip(19, 21),
            "case": rng.integers(1, 1_000_000, count),
            "has_case": rng.random(count) < 0.96,
            "cert": rng.integers(0, 400, count),
            "certified": certified,
            "ip": rng.integers(2, 65_000, count),
        }
    )
    texts = numbers.select(
        case_number=pl.when("has_case").then(
            pl.format("{}-{}", "year", pl.col("case").cast(pl.String).str.zfill(6))
        ),
        training_cert=pl.when("certified").then(
            pl.format("LACRIS-20{}-{}", "year", pl.col("cert").cast(pl.String).str.zfill(4))
        ),
        client_ip=pl.format("10.40.{}.{}", pl.col("ip") // 256, pl.col("ip") % 256),
    )
    hashes = rng.bytes(16 * count).hex()
    columns = {
        "event_id": event_ids(rng, count),
        "occurred_at": pl.Series(occurred).dt.replace_time_zone("UTC"),
        "evidence": _all("SEARCH", count),
        "source": _all("lacris-web", count),
        "source_version": _all("4.2", count),
        "agency_id": _text(written[at]),
        "officer_id": _text(officers),
        "unit": _pick(rng, ("detectives", "patrol", "crime analysis", None), count),
        "requesting_agency_id": _text(outside),
        "provider": _all("LACRIS", count),
        "account": _all("agency", count),
        "galleries": pl.Series([["LACRIS"]], dtype=pl.List(pl.String)).new_from_index(0, count),
        "case_number": texts["case_number"],
        "crime_type": _pick(rng, CRIMES, count),
        "purpose": _all("investigation", count),
        "probe_hash": [hashes[i : i + 32] for i in range(0, 32 * count, 32)],
        "probe_kind": _pick(rng, PROBES, count),
        "candidates": pl.Series(rng.integers(0, 25, count), dtype=pl.Int32),
        "top_score": pl.Series(rng.random(count).round(3), dtype=pl.Float32),
        "training_cert": texts["training_cert"],
        "client_ip": texts["client_ip"],
        "user_agent": _all("lacris-web/4.2", count),
        "part": _all("routine", count),
        "true_agency": _text(ids[at]),
        "true_provider": _all("lacris", count),
        "true_class": _all("government", count),
        "true_outside": _text(outside),
    }
    return fill(columns, count)


def fill(columns: dict[str, object], count: int) -> pl.DataFrame:
    """Return the columns as a frame of `SEARCH`; what is missing is null, and galleries are empty."""
    empty = {"galleries": pl.Series([[]], dtype=pl.List(pl.String)).new_from_index(0, count)}
    nulls = {name: pl.Series([None], dtype=dtype).new_from_index(0, count) for name, dtype in SEARCH.items()}
    return pl.DataFrame({**nulls, **empty, **columns}, schema_overrides=SEARCH).select(list(SEARCH))


def _times(rng: np.random.Generator, count: int) -> npt.NDArray[np.datetime64]:
    days = rng.integers(0, (LAST - FIRST) // timedelta(days=1), count)
    seconds = np.clip(rng.normal(13.5 * 3600, 4.5 * 3600, count), 0, 86_399)
    micros = days * 86_400_000_000 + (seconds * 1_000_000).astype(np.int64)
    return np.datetime64(FIRST.replace(tzinfo=None), "us") + micros.astype("timedelta64[us]")


def _officers(rng: np.random.Generator, at: npt.NDArray[np.int64]) -> Objects:
    """Few officers search much and many little: squaring a uniform number leans to the low ones."""
    names = [[officer(troupe, number) for number in range(troupe.officers)] for troupe in TROUPES]
    found = np.empty(len(at), dtype=object)
    for index, staff in enumerate(names):
        mine = at == index
        picks = (rng.random(int(mine.sum())) ** 2 * len(staff)).astype(int)
        found[mine] = np.array(staff, dtype=object)[picks]
    return found


def _all(value: str, count: int) -> pl.Series:
    return pl.Series([value], dtype=pl.String).new_from_index(0, count)


def _pick(rng: np.random.Generator, values: tuple[str | None, ...], count: int) -> pl.Series:
    return _text(np.array(values, dtype=object)[rng.integers(0, len(values), count)])


def _text(values: Any) -> pl.Series:
    return pl.Series(values.tolist(), dtype=pl.String)
