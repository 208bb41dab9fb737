"""Who and what plays in the scenario: ten agencies, their invented officers, the services they use.

Agencies and services are real; every officer, case, date and count is invented, but for the two totals
`COMMERCIAL_SEARCHES` and `COMMERCIAL_PEOPLE`, which the reporting of November 2020 gave ("nearly 475",
"more than 25").
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
BAN = datetime(2020, 11, 13, tzinfo=LOS_ANGELES).astimezone(UTC)
"""The first moment of 13 November 2020 in Los Angeles: from here on the LAPD's directive binds."""
FIRST, LAST = datetime(2019, 1, 1, 8, tzinfo=UTC), datetime(2022, 1, 1, 8, tzinfo=UTC)
"""The three years of the scenario, the second excluded."""

COMMERCIAL_SEARCHES, COMMERCIAL_PEOPLE = 475, 27


@dataclass(frozen=True, slots=True)
class Troupe:
    """An agency: its id in the register, how its records write it, its officers, its share of searches."""

    agency: str
    written: str
    officers: int
    share: float


TROUPES = (
    Troupe("lapd", "lapd", 330, 0.24),
    Troupe("lasd", "lasd", 410, 0.27),
    Troupe("lbpd", "LBPD", 85, 0.12),
    Troupe("glendale-pd", "glendale-pd", 40, 0.07),
    Troupe("pasadena-pd", "Pasadena Police", 36, 0.06),
    Troupe("burbank-pd", "burbank-pd", 28, 0.05),
    Troupe("santa-monica-pd", "SMPD", 34, 0.06),
    Troupe("torrance-pd", "torrance-pd", 30, 0.05),
    Troupe("inglewood-pd", "inglewood-pd", 26, 0.04),
    Troupe("pomona-pd", "Pomona Police", 24, 0.04),
)

CRIMES = (
    "robbery",
    "burglary",
    "fraud",
    "assault",
    "homicide",
    "vehicle theft",
    "missing person",
    "narcotics",
)
PROBES = ("cctv", "phone", "body camera", "doorbell", "booking desk")

FACTS: dict[str, pl.DataType] = {
    "part": pl.String(),
    "true_agency": pl.String(),
    "true_provider": pl.String(),
    "true_class": pl.String(),
    "true_outside": pl.String(),
    "pair": pl.Int32(),
}
"""What the scenario knows of a search beyond its record: which part of the story it is, the register's id of
the agency, the catalogue's id and class of the service, the agency it was run for where that is another, and
the number that a search of before the ban shares with its repetition after it."""


def officer(troupe: Troupe, number: int) -> str:
    """Return an officer's invented id, such as `P12345`; no two agencies share one."""
    return f"P{10_000 + 1_000 * TROUPES.index(troupe) + number}"


def event_ids(rng: np.random.Generator, count: int) -> list[str]:
    """Return as many random UUIDs (version 4), the same for the same generator."""
    octets = np.frombuffer(rng.bytes(16 * count), np.uint8).reshape(count, 16).copy()
    octets[:, 6] = octets[:, 6] & 0x0F | 0x40
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    text = octets.tobytes().hex()
    each = (text[start : start + 32] for start in range(0, 32 * count, 32))
    return [f"{hex_[:8]}-{hex_[8:12]}-{hex_[12:16]}-{hex_[16:20]}-{hex_[20:]}" for hex_ in each]


def moments(rng: np.random.Generator, count: int, first: datetime, last: datetime) -> list[datetime]:
    """Return times in UTC from `first` until before `last`, mostly by day in Los Angeles."""
    span = int((last - first) / timedelta(days=1))
    days = rng.integers(0, max(span, 1), count)
    hours = rng.choice(24, count, p=_HOURS)
    micros = rng.integers(0, 3_600_000_000, count)
    # Pacific Standard Time all year is near enough for an invented hour.
    start = first.astimezone(UTC).replace(hour=8, minute=0, second=0, microsecond=0)
    found = [
        start + timedelta(days=int(day), hours=int(hour), microseconds=int(micro))
        for day, hour, micro in zip(days, hours, micros, strict=True)
    ]
    return [min(max(moment, first), last - timedelta(microseconds=1)) for moment in found]


_BY_HOUR = np.array(
    [2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 11, 9, 11, 12, 12, 11, 9, 7, 6, 5, 4, 4, 3], dtype=float
)
_HOURS = _BY_HOUR / _BY_HOUR.sum()
