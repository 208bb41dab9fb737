"""A real Chromium for tests: Debian's, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright


def chromium_missing() -> str | None:
    """Why there is no Chromium to be had on this machine; None where there is."""
    if shutil.which("chromium") is None:
        return "chromium is not installed; tests/install-packages.sh installs it as root on Debian"
    return None


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """Run Chromium without a window, and end it; see `chromium_missing`."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"))
        try:
            yield browser
        finally:
            await browser.close()
