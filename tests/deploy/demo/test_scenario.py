"""The scenario is what it says, and the shipped rules make of it what the story expects."""

from __future__ import annotations

import datetime as dt
import io
import uuid

import fastavro
import polars as pl
import pytest

from deploy.demo.cast import BAN, event_ids
from deploy.demo.expectation import expect
from deploy.demo.scenario import MALFORMED, MIN_EVENTS, OUTCOME, RESENT, SEARCH, Scenario, make_scenario
from schemas.contracts import contract
from schemas.errors import WrongUse
from schemas.settings import Settings
from schemas.wire import SINGLE_OBJECT_HEAD
from streams.decode import Decoded, decode
from streams.rules import load_rules
from streams.values import Values


def test_the_same_seed_gives_the_same_bytes_and_another_gives_others() -> None:
    first, again, other = (make_scenario(MIN_EVENTS, seed) for seed in (1, 1, 2))
    assert list(first.messages()) == list(again.messages())
    assert next(first.messages()).value != next(other.messages()).value


def test_the_number_of_distinct_searches_is_what_was_asked_for(scenario: Scenario) -> None:
    ids = scenario.searches["event_id"]
    assert len(ids) == ids.n_unique() == MIN_EVENTS + 2_000
    assert {uuid.UUID(each).version for each in ids[:50]} == {4}


def test_too_few_events_are_refused() -> None:
    with pytest.raises(WrongUse, match="too few"):
        make_scenario(MIN_EVENTS - 1, 1)


def test_a_resent_search_comes_later_with_the_same_bytes(scenario: Scenario) -> None:
    first: dict[int, bytes | None] = {}
    resent = 0
    for message in scenario.messages():
        if message.kind == SEARCH:
            first[message.ref] = message.value
        elif message.kind == RESENT:
            assert first[message.ref] == message.value
            resent += 1
    assert resent == scenario.count(RESENT) >= 40


def test_messages_can_be_taken_in_stretches(scenario: Scenario) -> None:
    whole = list(scenario.messages())
    assert [*scenario.messages(0, 1_000), *scenario.messages(1_000)] == whole
    assert len(whole) == len(scenario.order)


def test_searches_come_in_the_order_of_their_time(scenario: Scenario) -> None:
    values = [message.value for message in scenario.messages() if message.kind == SEARCH]
    times = [_occurred_at(value) for value in values if value]
    assert times == sorted(times)


def test_the_475_searches_by_27_people_lie_before_the_ban(scenario: Scenario) -> None:
    commercial = scenario.searches.filter(pl.col("part") == "commercial-before")
    assert (commercial.height, commercial["officer_id"].n_unique()) == (475, 27)
    assert max(commercial["occurred_at"].to_list()) < dt.datetime(2020, 3, 16, 8, tzinfo=dt.UTC)
    assert dt.datetime(2020, 11, 13, 8, tzinfo=dt.UTC) == BAN


def test_the_repeated_searches_differ_in_id_and_time_only(scenario: Scenario) -> None:
    pairs = scenario.searches.filter(pl.col("pair").is_not_null()).sort("pair", "occurred_at")
    before, after = pairs.filter(pl.col("occurred_at") < BAN), pairs.filter(pl.col("occurred_at") >= BAN)
    assert before.height == after.height == 38 + 40
    same = pl.exclude("event_id", "occurred_at", "part")
    assert before.select(same).equals(after.select(same))
    commercial = after.filter(pl.col("part") == "commercial-after")
    assert (commercial.height, commercial["officer_id"].n_unique()) == (38, 9)


def test_a_search_stands_on_either_side_of_the_midnight_that_counts(scenario: Scenario) -> None:
    times = scenario.searches.filter(pl.col("pair").is_not_null())["occurred_at"].to_list()
    assert {BAN, BAN - dt.timedelta(microseconds=1)} <= set(times)


@pytest.mark.parametrize(("events", "seed"), [(MIN_EVENTS, 3), (30_000, 2020)])
def test_the_shipped_rules_find_what_the_story_expects(events: int, seed: int) -> None:
    """Decode, enrich and judge without a broker; whatever differs would fail every run of the demo."""
    scenario = make_scenario(events, seed)
    decoded = _decode(scenario, SEARCH)
    assert not decoded.bad
    rules = load_rules(Settings(pseudonym_key="k" * 32))  # type: ignore[arg-type]
    searches, violations = rules.apply(decoded.frame, dt.datetime.now(dt.UTC))
    expected = expect(scenario)
    facts = ["agency_id", "provider_id", "provider_class", "outside_agency_id", "broken_rules"]
    assert _sorted(_ids(searches).select("event_id", *facts)).equals(
        _sorted(expected.searches.select("event_id", *facts))
    )
    found = _ids(violations).select(
        "event_id", rule=pl.format("{}/{}", "policy_id", "rule_id"), certainty="certainty"
    )
    assert _sorted(found).equals(_sorted(expected.violations))
    assert set(expected.violations["rule"]) == {
        "lapd-fr/commercial-service",
        "lapd-fr/outside-agency",
        "lapd-fr/training-certificate",
        "lapd-fr/authorised-system",
        "statewide/unlisted-service",
    }


def test_every_malformed_value_is_refused_and_only_images_are_withheld(scenario: Scenario) -> None:
    for topic, shape in (("searches", "search"), ("outcomes", "outcome")):
        sent = [bad for bad in scenario.malformed if bad.topic == topic]
        decoded = decode(Values([bad.value for bad in sent]), contract(shape), {7: "no schema registry"})
        assert decoded.frame.height == 0
        withheld = {bad.row: bad.withheld for bad in decoded.bad}
        assert [withheld[row] for row in range(len(sent))] == [bad.holds_image for bad in sent]
    assert len({bad.kind for bad in scenario.malformed}) == 11


def test_outcomes_speak_of_searches_that_were_sent(scenario: Scenario) -> None:
    decoded = decode(Values(_values(scenario, OUTCOME)), contract("outcome"), {})
    assert decoded.frame.height == scenario.outcomes.height == scenario.count(OUTCOME)
    named = scenario.outcomes.filter(pl.col("event_id").is_not_null())
    assert set(named["event_id"]) <= set(scenario.searches["event_id"])
    unnamed = scenario.outcomes.filter(pl.col("event_id").is_null())
    assert unnamed.height >= 5
    assert unnamed["case_number"].null_count() == 0
    assert expect(scenario).commercial_arrests >= 17


def test_no_message_is_counted_under_two_kinds(scenario: Scenario) -> None:
    assert scenario.count(MALFORMED) == len(scenario.malformed)
    assert len(scenario.order) == sum(scenario.count(kind) for kind in range(5))


def test_event_ids_are_uuids_of_version_4() -> None:
    import numpy as np

    assert [str(uuid.UUID(each)) for each in event_ids(np.random.default_rng(1), 3)] == event_ids(
        np.random.default_rng(1), 3
    )


def _values(scenario: Scenario, kind: int) -> list[bytes | None]:
    return [message.value for message in scenario.messages() if message.kind == kind]


def _decode(scenario: Scenario, kind: int) -> Decoded:
    return decode(Values(_values(scenario, kind)), contract("search"), {})


def _occurred_at(value: bytes) -> dt.datetime:
    schema = contract("search").current.parsed
    record = fastavro.schemaless_reader(io.BytesIO(value[SINGLE_OBJECT_HEAD:]), schema, None)
    assert isinstance(record, dict)
    at = record["occurred_at"]
    assert isinstance(at, dt.datetime)
    return at


def _ids(frame: pl.DataFrame) -> pl.DataFrame:
    texts = [str(uuid.UUID(bytes=each)) for each in frame["event_id"]]
    return frame.with_columns(event_id=pl.Series(texts))


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort(frame.columns[0], frame.columns[1])
