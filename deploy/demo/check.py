"""The check: what was sent against what is stored, to the event."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from deploy.demo.encode import Malformed
from deploy.demo.expectation import SEARCH_FACTS, VIOLATION_FACTS, Expectation
from deploy.demo.play import Position
from deploy.demo.stored import Stored

EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that the books do not account for: what it is, how often, and the first few by name."""

    what: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        named = ", ".join(self.examples) + (", …" if self.count > len(self.examples) else "")
        return f"{self.count:,} {self.what}: {named}"


def check(
    expected: Expectation,
    stored: Stored,
    sent_to: Mapping[Position, int],
    told: Iterable[tuple[str, str]],
    dead: set[Position],
) -> list[Fault]:
    """Return every way in which what is stored differs from what was sent; [] where all is accounted for.

    `sent_to` has where each malformed value stands in Kafka and its row; `told` the event and rule of every
    finding that came over `fr.violations`, `dead` the positions that `fr.dead` speaks of.
    """
    return [
        *_searches(expected, stored.searches),
        *_violations(expected, stored.violations),
        *_outcomes(expected, stored.outcomes),
        *_dead_letters(expected.malformed, stored.dead_letters, sent_to),
        *_told(expected, told),
        *_fault("malformed records that fr.dead does not speak of", _places(sent_to.keys() - dead)),
        *_fault("records that fr.dead calls malformed and are not", _places(dead - sent_to.keys())),
    ]


def _searches(expected: Expectation, stored: pl.DataFrame) -> list[Fault]:
    facts = list(SEARCH_FACTS)
    faults = _sets("searches", expected.searches["event_id"], stored["event_id"])
    both = expected.searches.select(facts).join(stored.select(facts), on="event_id", suffix="_stored")
    for fact in facts[1:]:
        wrong = both.filter(pl.col(fact).ne_missing(pl.col(f"{fact}_stored")))
        faults += _fault(
            f"searches stored with another {fact}", wrong["event_id"].unique(maintain_order=True)
        )
    return faults


def _violations(expected: Expectation, stored: pl.DataFrame) -> list[Fault]:
    names = pl.format("{} of {}", "rule", "event_id")
    faults = _sets(
        "violations", expected.violations.select(names).to_series(), stored.select(names).to_series()
    )
    both = expected.violations.select(VIOLATION_FACTS).join(
        stored.select(VIOLATION_FACTS), on=["event_id", "rule"], suffix="_stored"
    )
    wrong = both.filter(pl.col("certainty") != pl.col("certainty_stored"))
    return faults + _fault("violations with another certainty", wrong.select(names).to_series())


def _outcomes(expected: Expectation, stored: pl.DataFrame) -> list[Fault]:
    return _sets("outcomes", expected.outcome_ids, stored["outcome_id"])


def _dead_letters(
    malformed: list[Malformed], stored: pl.DataFrame, sent_to: Mapping[Position, int]
) -> list[Fault]:
    """Each malformed value once, in its place, with its bytes; where it has an image, their hash alone."""
    rows = list(stored.iter_rows(named=True))
    places = [(row["kafka_topic"], row["kafka_partition"], row["kafka_offset"]) for row in rows]
    faults = _sets("dead letters", pl.Series(_places(sent_to)), pl.Series(_places(places)))
    changed, leaked = [], []
    for place, row in zip(places, rows, strict=True):
        if (ref := sent_to.get(place)) is None:
            continue
        value = malformed[ref].value or b""
        if malformed[ref].holds_image:
            if row["value"] or row["withheld"] != hashlib.sha256(value).hexdigest():
                leaked.append(place)
        elif row["value"] != value.hex().upper():
            changed.append(place)
    return [
        *faults,
        *_fault("dead letters without their original bytes", _places(changed)),
        *_fault("dead letters that keep an image, or not its hash", _places(leaked)),
    ]


def _told(expected: Expectation, told: Iterable[tuple[str, str]]) -> list[Fault]:
    wanted = set(expected.violations.select("event_id", "rule").rows())
    heard = set(told)
    missing, extra = sorted(wanted - heard), sorted(heard - wanted)
    return [
        *_fault(
            "violations that fr.violations did not carry", [f"{rule} of {event}" for event, rule in missing]
        ),
        *_fault("violations on fr.violations that are none", [f"{rule} of {event}" for event, rule in extra]),
    ]


def _sets(what: str, wanted: pl.Series, found: pl.Series) -> list[Fault]:
    wanted, found = wanted.rename("name"), found.rename("name")
    left, right = wanted.to_frame(), found.to_frame()
    twice = found.filter(found.is_duplicated()).unique(maintain_order=True)
    return [
        *_fault(f"{what} lost", left.join(right, on="name", how="anti", maintain_order="left")["name"]),
        *_fault(f"{what} counted twice", twice),
        *_fault(
            f"{what} that nobody sent", right.join(left, on="name", how="anti", maintain_order="left")["name"]
        ),
    ]


def _fault(what: str, names: pl.Series | list[str]) -> list[Fault]:
    if not len(names):
        return []
    return [Fault(what, len(names), tuple(str(name) for name in names[:EXAMPLES]))]


def _places(positions: Iterable[Position]) -> list[str]:
    return [f"{topic}/{partition}@{offset}" for topic, partition, offset in sorted(positions)]
