"""Agencies that searches name and the register does not have, told to whoever keeps the register.

An alias that is missing there makes an agency its own outsider, so nobody may have to look for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import polars as pl
import structlog

MAX_NAMES = 1_000
"""How many names a worker remembers; what comes after is counted no more."""
MAX_LENGTH = 80
"""How many characters of a name are told."""

log = structlog.get_logger(__name__)


def count_strangers(searches: pl.DataFrame) -> Mapping[str, int]:
    """Return how often each name stands in enriched searches that no agency of the register has.

    Both who searched and for whom count; names come as they were written, cut to `MAX_LENGTH`.
    """
    counts: Counter[str] = Counter()
    for name, known in (("agency_id", "agency_known"), ("requesting_agency_id", "requesting_agency_known")):
        if searches[known].all():
            continue
        names = searches[name].filter(~searches[known].fill_null(value=True))
        counts.update(dict(names.str.slice(0, MAX_LENGTH).value_counts().iter_rows()))
    return counts


class Strangers:
    """What a worker has seen of such names since it started; each is logged once."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def note(self, names: Mapping[str, int]) -> None:
        """Count these, and log those that are new."""
        for name, count in names.items():
            if name not in self._counts:
                if len(self._counts) >= MAX_NAMES:
                    continue
                log.warning("no agency of the register has this name; add it or an alias", agency=name)
            self._counts[name] += count

    def most(self, count: int) -> dict[str, int]:
        """Return the names that came most often, with how often they came."""
        return dict(self._counts.most_common(count))
