"""Reports at their extremes: no row, one, five hundred, the longest names, counts that are withheld."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from sinks.reports.cells import LONG
from sinks.reports.model import Column, Definition, Question, Report, Scope, Table
from sinks.reports.render_html import to_html
from tests.browser.looking import PAPER, WIDTHS, access_faults, layout_faults, opened
from tests.support.browser import chromium_missing

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(chromium_missing() is not None, reason=chromium_missing() or ""),
]
LONGEST = (
    "Metropolitan Interagency Regional Auto Theft and Organized Retail Crime Task Force of the Counties of "
    "San Bernardino, Riverside and Los Angeles, Rancho Cucamonga Detachment"
)
UNBROKEN = "urn:x-frwatch:" + "0123456789abcdef" * 5
WORDS = ("name", "Agency", "agency"), ("unit", "Unit", "text"), ("rule", "Rule", "text")
Row = tuple[Any, ...]


def report(*tables: Table) -> str:
    definition = Definition(
        name="extreme",
        title=f"Face recognition by the {LONGEST}",
        statute=f"A statute § {UNBROKEN}",
        due="each week",
        audience="public",
        intro="An introduction. " * 5,
        questions=tuple(table.question for table in tables),
    )
    scope = Scope(date(2019, 1, 1), date(2022, 1, 1), "America/Los_Angeles", "longest", suppress=True)
    return to_html(Report(definition, scope, None, 12_345_678, tables, {"longest": LONGEST}))


def periods(labels: list[str], values: list[int | None]) -> Table:
    columns = (Column("period", "Month", "text"), Column("searches", "Searches"))
    question = Question("periods", "Searches by period", columns, "", chart="periods", charted="searches")
    return Table(question, tuple(zip(labels, values, strict=True)))


def bars(rows: list[Row], totals: Row = ()) -> Table:
    columns = (
        Column("name", "Agency", "agency"),
        Column("searches", "Searches"),
        Column("acted", "Led to action"),
    )
    question = Question("bars", "By agency", columns, "", chart="bars", charted="searches")
    return Table(question, tuple(rows), totals)


def figures(*values: int | None) -> Table:
    columns = (Column("what", "What", "text"), Column("value", "Number"))
    question = Question("figures", "In short", columns, "", chart="figures", charted="value")
    return Table(question, tuple((f"{LONGEST[:60]}, number {at}", value) for at, value in enumerate(values)))


def wide(rows: int) -> Table:
    words = tuple(Column(name, title, kind) for name, title, kind in WORDS)  # type: ignore[arg-type]
    numbers = tuple(Column(f"n{at}", f"Searches without certificate {at}") for at in range(6))
    row = ("longest", UNBROKEN, "outside-requests/requested-by-commercial-service", *(12_345_678,) * 6)
    return Table(Question("wide", "By agency, unit and rule", (*words, *numbers), ""), (row,) * rows)


def days(count: int) -> list[str]:
    return [(date(2019, 1, 1) + timedelta(number)).isoformat() for number in range(count)]


MONTHS = [f"{2019 + at // 12}-{at % 12 + 1:02}" for at in range(36)]
PAGES = {
    "no row": [periods([], []), bars([]), wide(0)],
    "one row": [figures(1), periods(["2020-01"], [1]), bars([("longest", 1, 0)]), wide(1)],
    "two months": [periods(["2020-01", "2020-02"], [0, 0])],
    "four months": [periods(MONTHS[:4], [1, 22, 333, 4_444])],
    "five months": [periods(MONTHS[:5], [1, 22, 333, 4_444, 55_555])],
    "a week": [periods(days(7), [3, None, None, 0, 12_345_678, 1, 2])],
    "all withheld": [periods(days(90), [None] * 90)],
    "five hundred days": [periods(days(500), [number % 97 for number in range(500)])],
    "withheld": [
        figures(None, None),
        periods(MONTHS, [None, *range(10, 44), None]),
        bars([("longest", None, None), ("lapd", 10, None)], ("all", None, None)),
    ],
    "millions": [
        figures(*(98_765_432,) * 5),
        periods(MONTHS, [12_345_678] * 36),
        bars([(UNBROKEN, 12_345_678, 1)]),
    ],
    "five hundred rows": [wide(500)],
}


def among(*fast: Any) -> list[Any]:
    """All pages; those that are not named are slow, for together they take minutes on a busy machine."""
    return [name if name in fast else pytest.param(name, marks=pytest.mark.slow) for name in PAGES]


@pytest.mark.parametrize(
    "width", [*WIDTHS, *(pytest.param(width, marks=pytest.mark.slow) for width in (800, 320))]
)
@pytest.mark.parametrize("name", among("no row", "one row", "withheld", "millions", "five hundred days"))
async def test_nothing_is_cut_off_or_lies_over_another(
    browser: Browser, tmp_path: Path, name: str, width: int
) -> None:
    async with opened(browser, saved(tmp_path, PAGES[name]), width) as (page, said):
        assert await layout_faults(page) == []
        assert said == []
        await page.emulate_media(media="print")
        await page.set_viewport_size({"width": PAPER, "height": 900})
        assert await layout_faults(page, paper=True) == []


@pytest.mark.parametrize("name", among("withheld"))
async def test_all_is_legible_and_has_its_names(browser: Browser, tmp_path: Path, name: str) -> None:
    for scheme in ("light", "dark"):
        async with opened(browser, saved(tmp_path, PAGES[name]), 390, scheme=scheme) as (page, _):
            assert await access_faults(page) == []


async def test_a_table_that_is_too_long_says_how_much_it_leaves_out(browser: Browser, tmp_path: Path) -> None:
    async with opened(browser, saved(tmp_path, [wide(LONG + 1_234)]), 1280) as (page, _):
        assert await page.locator("tbody tr").count() == LONG
        said = await page.locator("section .note").inner_text()
        assert said == "1,234 more lines are left out here; --format csv --table wide has all."


def saved(folder: Path, tables: list[Table]) -> str:
    file = folder / "page.html"
    file.write_text(report(*tables))
    return file.as_uri()
