from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from streams.enrich import Enricher
from streams.rule_sql import Refused, compile_condition
from tests.streams.searches import KEY, agencies, catalogue, searches

EVENTS: list[dict[str, Any]] = [
    {"provider": "Clearview", "case_number": "17", "candidates": 3, "galleries": ["mug shots"]},
    {"provider": None, "case_number": None, "candidates": None},
]


@pytest.mark.parametrize(
    ("sql", "holds"),
    [
        ("provider_class = 'commercial'", [True, False]),
        ("outside_agency", [False, False]),
        ("NOT outside_agency", [True, True]),
        ("provider IS NULL", [False, True]),
        ("provider LIKE 'Clear%'", [True, None]),
        ("provider IN ('Clearview', 'PimEyes')", [True, None]),
        ("candidates BETWEEN 1 AND 5", [True, None]),
        ("COALESCE(TRIM(training_cert), '') = ''", [True, True]),
        ("CASE WHEN candidates > 2 THEN TRUE ELSE FALSE END", [True, False]),
        ("ARRAY_CONTAINS(galleries, 'mug shots')", [True, False]),
        ("occurred_at < DATE '2021-07-01'", [True, True]),
        ("TRY_CAST(case_number AS INT) > 10", [True, None]),
        ("provider_class = 'now'", [False, False]),
        ("TRUE", [True, True]),
    ],
)
def test_conditions_are_sql_over_one_search(sql: str, holds: list[bool | None]) -> None:
    frame = Enricher(catalogue(), agencies(), KEY).enrich(searches(EVENTS))
    found = frame.select(pl.col("evidence"), compile_condition(sql).expr.alias("holds"))
    assert found["holds"].to_list() == holds


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("provider_class = = 'x'", "does not parse"),
        ("provider_class = 'x", "does not parse"),
        ("provider_class = 'x'; DROP TABLE searches", "does not parse"),
        ("nonsense(provider) = 1", "does not parse"),
        (
            "provider_klass = 'x'",
            "there is no column provider_klass (is it provider_class?); there are account, agency_id",
        ),
        ("officer_id = '7'", "there is no column officer_id"),
        ("broken_rules IS NULL", "there is no column broken_rules"),
        ("kafka_offset > 3", "there is no column kafka_offset"),
        ("provider_class", "is String, not boolean"),
        ("candidates + 1", "not boolean"),
        ("provider > 1", "fails on values"),
        ("CAST(case_number AS INT) > 10", "TRY_CAST gives null where CAST fails"),
        ("provider ~ '('", "fails on values"),
        ("occurred_at < now()", "clock of the machine"),
        ("occurred_at < CURRENT_TIMESTAMP", "clock of the machine"),
        ("SUM(candidates) > 100", "more than its own search"),
        ("COUNT(*) > 1", "more than its own search"),
        ("FIRST(provider) = provider", "more than its own search"),
        ("ROW_NUMBER() OVER (ORDER BY provider) = 1", "more than its own search"),
        ("MAX(candidates) OVER (PARTITION BY agency_id) > 1", "more than its own search"),
        ("(SELECT 1) = 1", ""),
        ("provider IN (SELECT provider FROM searches)", ""),
        ("EXISTS (SELECT 1)", ""),
        ('"^.*$" = 1', ""),
        ("*", "does not parse"),
        ("", "does not parse"),
    ],
)
def test_what_is_no_condition_is_refused_with_the_reason(sql: str, reason: str) -> None:
    with pytest.raises(Refused) as error:
        compile_condition(sql)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_a_condition_knows_which_columns_it_reads() -> None:
    condition = compile_condition("candidates > 3 AND (provider IS NULL OR candidates < 1)")
    assert condition.columns == ("candidates", "provider")


def test_no_condition_depends_on_when_it_was_compiled() -> None:
    frame = searches([{"occurred_at": datetime(2299, 1, 1, tzinfo=UTC)}])
    first, second = (compile_condition("occurred_at > DATE '2100-01-01'").expr for _ in range(2))
    assert frame.select(first).equals(frame.select(second))
