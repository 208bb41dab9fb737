"""Canaries go the whole way and leave no trace in the tables; and nothing can hide behind one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from schemas.canary import AGENCY, ATTRIBUTE, POLICY, CanaryKey, canary
from schemas.contracts import contract
from schemas.errors import WrongUse
from schemas.policies import parse_policies
from schemas.settings import Settings
from schemas.wire import encode
from schemas.yaml_file import Source
from streams.ledger import Partition
from streams.pipeline import Batch, Judged, Record, judge_searches
from streams.rules import load_rules

KEY = "k" * 32
RULES = load_rules(Settings(pseudonym_key=SecretStr(KEY)))
NOW = datetime(2026, 11, 25, tzinfo=UTC)


@dataclass(frozen=True)
class Given:
    value: bytes
    offset: int
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def made(**fields: Any) -> dict[str, Any]:
    key = CanaryKey.of_all(KEY.encode())
    return canary(uuid4(), 1_700_000_000_123_457, "lacris-web", key) | fields


def search(**fields: Any) -> dict[str, Any]:
    given = {
        "event_id": str(uuid4()),
        "occurred_at": 1_700_000_000_000_000,
        "source": "s",
        "agency_id": "lapd",
    }
    return given | {"provider": "Clearview AI", "training_cert": "T"} | fields


def judged(*searches: Mapping[str, Any]) -> Judged:
    records: Sequence[Record] = [
        Given(encode(contract("search"), dict(each)), 10 + at) for at, each in enumerate(searches)
    ]
    return judge_searches(Batch.of({Partition("fr.searches", 0): records}), RULES, {}, {}, NOW)


def stored(result: Judged, table: str) -> int:
    return sum(chunk.tables[table].height for chunk in result.chunks if table in chunk.tables)


def test_a_canary_is_told_and_kept_out_of_every_table() -> None:
    result = judged(search(), made(), search(), made())
    assert (result.canaries, stored(result, "searches"), stored(result, "violations")) == (2, 2, 2)
    assert result.violations["policy_id"].to_list() == ["lapd-fr", "lapd-fr", POLICY, POLICY]
    assert result.violations["title"].to_list()[2:] == ["lacris-web"] * 2
    assert AGENCY not in result.strangers
    (chunk,) = result.chunks
    assert chunk.offsets.tolist() == [10, 11, 12, 13], "its offset is committed with the others"
    assert chunk.tables["searches"]["kafka_offset"].to_list() == [10, 12]
    assert chunk.tables["violations"]["kafka_offset"].to_list() == [10, 12]


def test_a_batch_of_canaries_alone_gives_no_rows() -> None:
    result = judged(made())
    assert (result.canaries, stored(result, "searches"), result.violations.height) == (1, 0, 1)


@pytest.mark.parametrize(
    "fields",
    [
        {"officer_id": "P1"},
        {"provider": "Clearview AI"},
        {"endpoint": "https://app.clearview.ai"},
        {"galleries": ["scraped"]},
        {"case_number": ""},
        {"candidates": 0},
        {"evidence": "ACCESS"},
        {"agency_id": "lapd"},
        {"source": "lacris-web"},
        {"source": "frwatch-canary/other"},
        {"event_id": str(UUID(int=1))},
        {"occurred_at": 1_700_000_000_123_456},
        {"attributes": {}},
        {"attributes": {ATTRIBUTE: "0" * 64}},
        {"attributes": {ATTRIBUTE: "\N{SNOWMAN}"}},
    ],
)
def test_what_says_more_than_a_canary_or_is_not_signed_is_a_search(fields: dict[str, Any]) -> None:
    result = judged(made(**fields))
    assert (result.canaries, stored(result, "searches")) == (0, 1)


def test_an_attribute_beside_the_signature_makes_it_a_search() -> None:
    true = made()
    result = judged(true | {"attributes": {**true["attributes"], "note": "x"}})
    assert (result.canaries, stored(result, "searches")) == (0, 1)


def test_a_search_with_the_id_of_a_canary_is_not_hidden_by_it() -> None:
    true = made()
    result = judged(true, search(event_id=true["event_id"]))
    assert (result.canaries, stored(result, "searches"), stored(result, "violations")) == (1, 1, 1)


def test_no_policy_can_take_the_name_of_canaries() -> None:
    text = "policy: frwatch-canary\ntitle: t\nagencies: '*'\neffective: {from: 2000-01-01}\n"
    rules = "rules: [{id: canary, title: t, severity: LOW, when: outside_agency}]"
    with pytest.raises(WrongUse, match="is that of canaries"):
        parse_policies([Source("p.yaml", text + rules)], RULES.agencies)


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_another_key_signs_nothing(other: bytes) -> None:
    forged = canary(uuid4(), 1_700_000_000_000_000, "lacris-web", CanaryKey.of_all(other))
    assert judged(forged).canaries == (1 if other == KEY.encode() else 0)


def test_a_canary_of_a_clock_that_stands_before_1970_is_one() -> None:
    early = canary(uuid4(), -1, "lacris-web", CanaryKey.of_all(KEY.encode()))
    assert judged(early).canaries == 1
