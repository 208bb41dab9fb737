"""The result of a demo: the answers from SQL, the speed, and what the check found."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.demo.check import Fault
from deploy.demo.expectation import Expectation
from deploy.demo.findings import Answer
from deploy.demo.play import Sent
from deploy.demo.scenario import Scenario
from deploy.demo.watch import Seen

QUESTIONS = (
    "before_ban",
    "before_ban_officers",
    "before_ban_cases",
    "before_ban_outcomes",
    "same_searches",
    "findings",
    "after_ban_officers",
    "books",
    "dead_letters",
)


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast findings were told: milliseconds from the producer to `fr.violations`.

    Over `findings` of the stretch that was sent at `rate` events a second. `bulk` is events a second at which
    the rest was sent and stored, end to end.
    """

    rate: int
    findings: int
    p50: float
    p99: float
    worst: float
    bulk: float


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """All that the demo has to say; `faults` is empty where every event is accounted for."""

    scenario: Scenario
    expected: Expectation
    answers: Mapping[str, Answer]
    speed: Speed
    faults: Sequence[Fault]
    seconds: float

    def books(self) -> list[dict[str, Any]]:
        """What was sent, sent again, stored and distinct, by table."""
        sent = {
            "searches": (self.scenario.searches.height, self.expected.resent),
            "violations": (self.expected.violations.height, 0),
            "outcomes": (self.scenario.outcomes.height, self.expected.outcomes_resent),
            "dead_letters": (len(self.scenario.malformed), 0),
        }
        stored = {row["what"]: row for row in self.answers["books"].records()}
        return [
            {
                "what": what,
                "expected": expected,
                "sent_again": again,
                "stored": int(stored[what]["stored"]),
                "distinct": int(stored[what]["distinct"]),
            }
            for what, (expected, again) in sent.items()
        ]

    def as_json(self) -> dict[str, Any]:
        """The result for programs: numbers, and the rows of each query."""
        speed = self.speed
        return {
            "ok": not self.faults,
            "faults": [
                {"what": each.what, "count": each.count, "examples": each.examples} for each in self.faults
            ],
            "seed": self.scenario.seed,
            "messages": len(self.scenario.order),
            "seconds": round(self.seconds, 1),
            "books": self.books(),
            "milliseconds_to_violation": {
                "events_per_second": speed.rate,
                "findings": speed.findings,
                "p50": round(speed.p50, 1),
                "p99": round(speed.p99, 1),
                "max": round(speed.worst, 1),
            },
            "bulk_events_per_second": round(speed.bulk),
            "answers": {name: answer.records() for name, answer in self.answers.items() if name != "books"},
        }


def measure(sent: Sent, seen: Iterable[Seen], since: float, rate: int, bulk: float) -> Speed:
    """Return the speed over the findings whose search was sent at or after `since` (seconds since 1970)."""
    waits = sorted(
        (each.received_at - at) * 1_000 for each in seen if (at := sent.at.get(each.event_id)) and at >= since
    )
    return Speed(rate, len(waits), _share(waits, 0.5), _share(waits, 0.99), _share(waits, 1.0), bulk)


def _share(ordered: Sequence[float], share: float) -> float:
    """The value that at least this share of the values does not exceed; NaN where there are none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def contradictions(expected: Expectation, answers: Mapping[str, Answer]) -> list[Fault]:
    """Return where the story told by SQL is not the story that was sent."""
    before = answers["before_ban"].records()[0]
    story = {
        "searches": expected.commercial_searches,
        "people": expected.commercial_people,
        "led_to_arrests": expected.commercial_arrests,
        "break_a_rule": 0,
    }
    return [
        Fault(f"wrong answer before_ban.{name}", 1, (f"{before[name]} in place of {value}",))
        for name, value in story.items()
        if int(before[name]) != value
    ]
