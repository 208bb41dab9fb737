"""The scenario: every record of the demo, in the order of sending. The same seed gives the same bytes.

It is a scenario, not a record: only the sizes of the commercial part, 475 searches by 27 people, follow the
reporting of November 2020; how they spread over people, days, cases and outcomes is invented.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from deploy.demo.cast import event_ids
from deploy.demo.encode import Malformed, encode_outcomes, encode_searches, malformed_values
from deploy.demo.outcomes import make_outcomes
from deploy.demo.routine import routine_searches
from deploy.demo.story import story_searches
from schemas.errors import WrongUse

MIN_EVENTS = 2_000
"""The story alone has some 890 searches; below this there would be no routine to hide in."""
SEARCH, RESENT, OUTCOME, OUTCOME_RESENT, MALFORMED = range(5)
"""Kinds of message."""
_SLICE = 8_192


class Message(NamedTuple):
    """A Kafka record to be sent: `topic` without its prefix; `ref` is the row of what its kind says."""

    kind: int
    ref: int
    topic: str
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True, eq=False)
class Scenario:
    """`searches` (columns of `routine.SEARCH`) are distinct and in the order of time, as are `outcomes`.

    `order` has a row for each message: `kind`, `ref`, and `position`, the number of searches sent before.
    """

    seed: int
    searches: pl.DataFrame
    outcomes: pl.DataFrame
    malformed: list[Malformed]
    order: pl.DataFrame

    def count(self, kind: int) -> int:
        """How many messages are of a kind."""
        return int((self.order["kind"] == kind).sum())

    def messages(self, first: int = 0, last: int | None = None) -> Iterator[Message]:
        """Yield the messages from number `first` until before `last`; a resent one has the same bytes."""
        last = len(self.order) if last is None else last
        for start in range(first, last, _SLICE):
            yield from self._encode(self.order[start : min(start + _SLICE, last)])

    def _encode(self, part: pl.DataFrame) -> Iterator[Message]:
        kinds, refs = part["kind"].to_list(), part["ref"].to_list()
        is_search = part["kind"].is_in([SEARCH, RESENT])
        is_outcome = part["kind"].is_in([OUTCOME, OUTCOME_RESENT])
        searches = encode_searches(self.searches[part.filter(is_search)["ref"]])
        outcomes = encode_outcomes(self.outcomes[part.filter(is_outcome)["ref"]])
        for kind, ref in zip(kinds, refs, strict=True):
            if kind == MALFORMED:
                bad = self.malformed[ref]
                yield Message(kind, ref, bad.topic, bad.key, bad.value)
            elif kind in (SEARCH, RESENT):
                yield Message(kind, ref, "searches", *next(searches))
            else:
                yield Message(kind, ref, "outcomes", *next(outcomes))


def make_scenario(events: int, seed: int) -> Scenario:
    """Return a scenario of exactly `events` distinct searches.

    One in a hundred is sent again, half of them soon and half at any later time; one in 700 more is damaged.

    Raises:
        WrongUse: `events` is below `MIN_EVENTS`.
    """
    if events < MIN_EVENTS:
        raise WrongUse(f"--events {events} is too few: the story alone needs {MIN_EVENTS}; ask for more")
    rng = np.random.default_rng(seed)
    story = story_searches(rng)
    routine = routine_searches(rng, events - story.height)
    searches = pl.concat([routine, story]).sort("occurred_at", "event_id")
    outcomes = make_outcomes(rng, searches)
    whose = rng.choice(events, max(44, events // 750), replace=False)
    damaged = searches[np.sort(whose)].with_columns(event_id=pl.Series(event_ids(rng, len(whose))))
    spoilt = outcomes[:20].with_columns(outcome_id=pl.Series(event_ids(rng, 20)))
    malformed = malformed_values(rng, damaged, spoilt)
    return Scenario(seed, searches, outcomes, malformed, _order(rng, searches, outcomes, len(malformed)))


def _order(
    rng: np.random.Generator, searches: pl.DataFrame, outcomes: pl.DataFrame, malformed: int
) -> pl.DataFrame:
    events = searches.height
    copies = rng.choice(events, max(40, events // 100), replace=False)
    soon = rng.integers(1, 400, len(copies))
    late = rng.integers(copies, events)
    resent = np.where(np.arange(len(copies)) % 2 == 0, np.minimum(copies + soon, events), late)
    known = searches["occurred_at"].search_sorted(outcomes["recorded_at"]).to_numpy()
    again = rng.choice(outcomes.height, max(10, outcomes.height // 200), replace=False)
    parts = [
        _part(SEARCH, np.arange(events), np.arange(events)),
        _part(RESENT, copies, resent),
        _part(OUTCOME, np.arange(outcomes.height), known),
        _part(OUTCOME_RESENT, again, np.minimum(known[again] + 50, events)),
        _part(MALFORMED, np.arange(malformed), np.sort(rng.integers(0, events, malformed))),
    ]
    return pl.concat(parts).sort("position", "kind", "ref", maintain_order=True)


def _part(kind: int, refs: npt.NDArray[np.int64], positions: npt.NDArray[np.int64]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "kind": pl.Series([kind], dtype=pl.UInt8).new_from_index(0, len(refs)),
            "ref": pl.Series(refs, dtype=pl.Int64),
            "position": pl.Series(positions, dtype=pl.Int64),
        }
    )
