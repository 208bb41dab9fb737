"""Every report, on the played scenario, looked at in a real Chromium on a desk, a telephone and paper."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
from playwright.async_api import Browser

from deploy.cli import main
from deploy.demo.scenario import Scenario
from sinks.reports.shelf import REPORTS
from tests.browser.looking import (
    PAPER,
    WIDTHS,
    access_faults,
    keyboard_faults,
    layout_faults,
    opened,
)
from tests.support.browser import chromium_missing
from tests.support.worker import Stack

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(chromium_missing() is not None, reason=chromium_missing() or ""),
]
Pages = Callable[[str], str]
PERIOD = ["--from", "2020-10-01", "--to", "2021-01-01"]
"""A quarter, with the ban in it: Massachusetts lists each search of one."""


@pytest.fixture(scope="module")
def pages(played: tuple[Stack, Scenario], tmp_path_factory: pytest.TempPathFactory) -> Pages:
    """The address of a report, as the command writes it; `name-suppressed` withholds small counts."""
    folder = tmp_path_factory.mktemp("pages")

    @cache
    def written(page: str) -> str:
        name, suppressed, _ = page.partition("-suppressed")
        file = folder / f"{page}.html"
        command = ["report", name, *PERIOD, "--format", "html", "--output", str(file)]
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in played[0].environment().items():
                patch.setenv(variable, value)
            with pytest.raises(SystemExit) as ended:
                main([*command, *(["--suppress"] if suppressed else [])])
        assert ended.value.code == 0
        return file.as_uri()

    return written


FAST = ("lapd", "transparency", "transparency-suppressed")
PAGES = [
    name
    if name in FAST
    else pytest.param(name, marks=pytest.mark.slow)  # some seconds each, all of them a minute
    for name in (*REPORTS, "maryland-suppressed", "transparency-suppressed")
]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
async def test_a_report_is_whole_offline_and_can_be_read(
    browser: Browser, pages: Pages, name: str, width: int
) -> None:
    async with opened(browser, pages(name), width) as (page, said):
        assert await layout_faults(page) == []
        assert await access_faults(page) == []
        assert said == []
        assert await page.get_attribute("html", "lang") == "en"
        assert await page.title() == REPORTS[name.removesuffix("-suppressed")].title


@pytest.mark.parametrize("name", PAGES)
async def test_a_report_is_legible_in_the_dark(browser: Browser, pages: Pages, name: str) -> None:
    async with opened(browser, pages(name), 1280, scheme="dark") as (page, _):
        paper = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert sum(int(part) for part in paper.removeprefix("rgb(").removesuffix(")").split(",")) < 150
        assert await access_faults(page) == []


@pytest.mark.parametrize("name", PAGES)
async def test_a_report_fits_on_paper(browser: Browser, pages: Pages, name: str) -> None:
    async with opened(browser, pages(name), PAPER, scheme="dark") as (page, _):
        await page.emulate_media(media="print")
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert await layout_faults(page, paper=True) == []
        assert (await page.pdf(format="A4")).startswith(b"%PDF")


@pytest.mark.parametrize("width", WIDTHS)
async def test_the_keyboard_reaches_every_part(browser: Browser, pages: Pages, width: int) -> None:
    async with opened(browser, pages("transparency"), width) as (page, _):
        assert await keyboard_faults(page) == []
