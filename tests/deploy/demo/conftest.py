from __future__ import annotations

import hashlib

import polars as pl
import pytest

from deploy.demo.expectation import Expectation, expect
from deploy.demo.play import Position
from deploy.demo.scenario import MIN_EVENTS, Scenario, make_scenario
from deploy.demo.stored import Stored


@pytest.fixture(scope="session")
def scenario() -> Scenario:
    return make_scenario(MIN_EVENTS + 2_000, seed=11)


@pytest.fixture(scope="session")
def expected(scenario: Scenario) -> Expectation:
    return expect(scenario)


@pytest.fixture(scope="session")
def sent_to(expected: Expectation) -> dict[Position, int]:
    """Where the malformed values might stand in Kafka."""
    return {(f"fr.{bad.topic}", ref % 4, 100 + ref): ref for ref, bad in enumerate(expected.malformed)}


@pytest.fixture(scope="session")
def stored(expected: Expectation, sent_to: dict[Position, int]) -> Stored:
    """Tables that hold exactly what was sent."""
    letters = []
    for (topic, partition, offset), ref in sent_to.items():
        bad = expected.malformed[ref]
        value = bad.value or b""
        letters.append(
            {
                "kafka_topic": topic,
                "kafka_partition": partition,
                "kafka_offset": offset,
                "value": "" if bad.holds_image else value.hex().upper(),
                "withheld": hashlib.sha256(value).hexdigest() if bad.holds_image else "",
            }
        )
    return Stored(
        expected.searches,
        expected.violations,
        expected.outcome_ids.to_frame(),
        pl.DataFrame(letters),
    )
