"""The page that a running collector serves about itself, looked at in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.async_api import Browser

from deploy.demo.scenario import Scenario
from tests.browser.looking import PAPER, WIDTHS, access_faults, keyboard_faults, layout_faults, opened
from tests.support.browser import chromium_missing
from tests.support.collector import Collector
from tests.support.process import stop
from tests.support.worker import Stack

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(chromium_missing() is not None, reason=chromium_missing() or ""),
]


@pytest.fixture(scope="module")
def address(played: tuple[Stack, Scenario]) -> Iterator[str]:
    collector = Collector(played[0])
    process = collector.start()
    yield f"{collector.url}/docs"
    stop(process)


@pytest.mark.parametrize("width", WIDTHS)
async def test_the_page_is_whole_asks_for_nothing_and_can_be_read(
    browser: Browser, address: str, width: int
) -> None:
    async with opened(browser, address, width, served=True) as (page, said):
        assert await layout_faults(page) == []
        assert await access_faults(page) == []
        assert await keyboard_faults(page) == []
        assert said == []


async def test_the_page_is_legible_in_the_dark_and_fits_on_paper(browser: Browser, address: str) -> None:
    async with opened(browser, address, PAPER, scheme="dark", served=True) as (page, _):
        assert await access_faults(page) == []
        await page.emulate_media(media="print")
        assert await layout_faults(page, paper=True) == []
