"""A chart's axes tell the truth: of time, of values, and of what is withheld."""

from __future__ import annotations

import pytest

from sinks.reports.chart import SINGLE, chart_of


def test_a_month_without_searches_has_its_place_and_no_bar() -> None:
    chart = chart_of(["2019-11", "2020-02"], [4, 2])
    assert [bar.label for bar in chart.bars] == ["2019-11: 4", "2019-12: 0", "2020-01: 0", "2020-02: 2"]
    assert [bar.height for bar in chart.bars] == [100, 0, 0, 50]


def test_what_is_withheld_is_no_zero() -> None:
    chart = chart_of(["2020-01-30", "2020-02-01"], [None, 20])
    assert [bar.height for bar in chart.bars] == [None, 0, 100]
    assert chart.withheld
    assert chart.highest == "20 in 2020-02-01"


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (0, ("1", "0")),
        (1, ("1", "0")),
        (7, ("8", "6", "4", "2", "0")),
        (1_249, ("1,500", "1,000", "500", "0")),
        (1_000_000, ("1,000,000", "500,000", "0")),
    ],
)
def test_the_axis_of_values_has_round_numbers(most: int, ticks: tuple[str, ...]) -> None:
    assert chart_of(["2020-01"], [most]).ticks == ticks


def test_labels_stand_in_equal_steps_below_their_periods() -> None:
    three_years = [f"{year}-{month:02}" for year in (2019, 2020, 2021) for month in range(1, 13)]
    chart = chart_of(three_years, [1] * 36)
    assert [mark.label for mark in chart.marks] == ["2019-01", "2020-01", "2021-01"]
    assert [mark.anchor for mark in chart.marks] == ["start", "middle", "middle"]
    assert chart.marks[1].at == pytest.approx(100 * 12.5 / 36, abs=0.01)


def test_many_periods_are_one_outline_and_withheld_ones_still_told_apart() -> None:
    days = [f"2020-{month:02}-{day:02}" for month in (1, 3) for day in range(1, 32)]
    chart = chart_of(days, [None, *[10] * (len(days) - 1)])
    assert len(days) > SINGLE
    assert [bar.label for bar in chart.bars] == ["2020-01-01: withheld"]
    assert chart.outline.startswith("M0 100V100H1V0H2")


def test_labels_that_are_no_dates_are_drawn_as_they_come() -> None:
    assert [bar.label for bar in chart_of(["2020-Q1", "2020-Q2", "2020-Q3"], [1, 2, 3]).bars] == [
        "2020-Q1: 1",
        "2020-Q2: 2",
        "2020-Q3: 3",
    ]
