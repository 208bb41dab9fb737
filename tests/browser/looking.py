"""A page looked at as a person would: what is wrong with it, as sentences."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, Route

WIDTHS = (1280, 390)
"""A desk and a telephone, in pixels."""
PAPER = 680
"""A sheet of A4 without its margins, in pixels."""
Scheme = Literal["light", "dark"]
_AUDIT = (Path(__file__).parent / "audit.js").read_text()
_FOCUS = """() => {
    const at = document.activeElement;
    const style = getComputedStyle(at);
    return {
        name: at.tagName === 'A' ? at.getAttribute('href') : at.tagName.toLowerCase(),
        seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    };
}"""


@asynccontextmanager
async def opened(
    browser: Browser, url: str, width: int, *, scheme: Scheme = "light", served: bool = False
) -> AsyncIterator[tuple[Page, list[str]]]:
    """Open a page of its own context; the list gets what it asks of the network, and what it complains of.

    Nothing but the page itself is let through; unless it is `served`, it is opened offline.
    """
    context = await browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=not served
    )
    said: list[str] = []

    async def gate(route: Route) -> None:
        if route.request.url == url:
            await route.continue_()
            return
        said.append(f"asks the network for {route.request.url}")
        await route.abort()

    await context.route("**/*", gate)
    page = await context.new_page()
    page.on("console", lambda message: said.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    try:
        await page.goto(url)
        yield page, said
    finally:
        await context.close()


async def layout_faults(page: Page, *, paper: bool = False) -> list[str]:
    """Return what is cut off, spills, leaves the page or lies over other text."""
    found: list[str] = await page.evaluate(_AUDIT, {"paper": paper})
    return found


async def access_faults(page: Page) -> list[str]:
    """Return what axe-core finds: contrast below 4.5, no language or title, tables without heads, …."""
    result: Any = await Axe().run(page)
    return [
        f"{rule['id']}: {node['html'][:120]} {node['failureSummary']}"
        for rule in result.response["violations"]
        for node in rule["nodes"][:3]
    ]


async def keyboard_faults(page: Page) -> list[str]:
    """Press Tab through the page; return which links it does not reach, and where it cannot be seen."""
    links: list[str] = await page.eval_on_selector_all(
        "a[href]", "all => all.map(a => a.getAttribute('href'))"
    )
    faults: list[str] = []
    reached: list[str] = []
    while len(reached) < 200:
        await page.keyboard.press("Tab")
        at = await page.evaluate(_FOCUS)
        if at["name"] == "body" or at["name"] in reached:
            break
        reached.append(at["name"])
        if not at["seen"]:
            faults.append(f"the focus on {at['name']} cannot be seen")
    return faults + [f"Tab does not reach {link}" for link in links if link not in reached]
