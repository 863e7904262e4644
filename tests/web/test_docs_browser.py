"""The documentation as a person meets it, in a headless Chromium that reaches nothing but the server."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.server import Person, Server

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed")


@pytest.fixture
async def page(server: Server) -> AsyncIterator[Any]:
    """An empty page; whatever it asks of elsewhere, or complains of (of the policy, say), fails the test."""
    complaints: list[str] = []
    local = (server.url, "data:", "blob:")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(base_url=server.url, viewport={"width": 1280, "height": 1000})
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: None if request.url.startswith(local) else complaints.append(request.url))
        yield page
        await browser.close()
    assert complaints == []


async def test_swagger_ui_signs_in_and_tries_an_operation(page: Any, mina: Person) -> None:
    await page.goto("/")
    assert page.url.endswith("/docs")
    await page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".modal-ux")
    await dialog.get_by_label("username").fill(mina.email)
    await dialog.get_by_label("password").fill(mina.password)
    await dialog.get_by_role("button", name="Apply given OAuth2 credentials").click()
    await dialog.get_by_role("button", name="Close").last.click()
    first = page.locator(".opblock").first
    await first.click()
    await first.get_by_role("button", name="Try it out").click()
    await first.get_by_role("button", name="Execute").click()
    status = first.locator(".live-responses-table .response-col_status").last
    await status.wait_for()
    assert (await status.inner_text()).split()[0] in {"200", "201"}


async def test_redoc_shows_every_operation_and_searches(page: Any) -> None:
    await page.goto("/redoc")
    await page.locator("h1", has_text="Daybook").wait_for()
    assert await page.locator('[data-section-id*="/operation/"]').count() >= 70
    await page.get_by_placeholder("Search").fill("refresh")
    await page.locator('[data-role="search:results"] li').first.wait_for()
