"""The page as a person meets it, in a headless Chromium; the screenshot in the docs is made here."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from sqlalchemy import select, text
from sqlalchemy.orm import selectinload

from tests.tracing.conftest import Traced, serve
from tests.tracing.models import JOINED, LAZY, MENDED

playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")

CHROMIUM = Path("/usr/bin/chromium")
# Only `make screenshot` names it: a test run leaves the work tree as it was.
SCREENSHOT = os.environ.get("TRACING_SCREENSHOT")
HOSTILE = "<img src=x onerror=document.title='owned'>"

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason=f"{CHROMIUM} is not installed")


def shown_app(traced: Traced) -> FastAPI:
    """Some routes with something to show."""
    app = traced.app()

    @app.get("/api/contents")
    async def list_contents() -> None:
        async with traced.sessions() as session:
            await session.scalars(select(JOINED.content))

    @app.get("/api/users/{user_id}/contents")
    async def list_contents_of_user(user_id: int) -> None:
        async with traced.sessions() as session:
            for user in (await session.scalars(select(LAZY.user).limit(4))).all():
                await user.awaitable_attrs.contents

    @app.get("/api/tags")
    async def list_tags() -> None:
        async with traced.sessions() as session:
            await session.scalars(select(MENDED.content).options(selectinload(MENDED.content.tags)))

    @app.post("/api/report")
    async def make_report() -> None:
        async def slow(seconds: float) -> None:
            async with traced.sessions() as session:
                await session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})

        async with traced.sessions.begin() as session:
            await session.execute(select(MENDED.user).where(MENDED.user.id == 1))
            await asyncio.sleep(0.55)
            await session.execute(text("UPDATE tags SET name = name WHERE id = 1"))
        await asyncio.gather(slow(0.1), slow(0.15))

    @app.get("/hostile")
    async def hostile() -> None:
        async with traced.sessions() as session:
            await session.execute(text(f"""SELECT 1 AS "{HOSTILE}" """))

    return app


@pytest.fixture
async def client(traced: Traced) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the application, that has asked for a few pages."""
    async with serve(shown_app(traced)) as client:
        for _ in range(2):
            for method, path in (("GET", "/api/contents"), ("GET", "/api/users/7/contents"), ("GET", "/api/tags")):
                await client.request(method, path)
            await client.post("/api/report")
        yield client


@pytest.fixture
async def page(client: httpx2.AsyncClient) -> AsyncIterator[Any]:
    """The overview, opened; whatever the browser complains of fails the test."""
    complaints: list[str] = []
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="light")
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        await page.goto(f"{client.base_url}/_debug/sql".replace("//_", "/_"))
        await page.wait_for_selector("table")
        yield page
        await browser.close()
    assert complaints == []


async def test_the_overview_tells_the_worst_first_and_lives(page: Any, client: httpx2.AsyncClient) -> None:
    assert "POST /api/report" in " ".join((await page.locator("tbody tr").first.inner_text()).split())
    assert await page.locator(".requests li").count() == 8
    await client.get("/nowhere")
    await page.locator(".requests .route", has_text="/nowhere").wait_for(timeout=3000)


async def test_a_request_is_a_timeline_with_its_findings_and_plans(page: Any, tmp_path: Path) -> None:
    await page.locator("a.request", has_text="/api/report").first.click()
    await page.locator(".timeline").wait_for()
    assert await page.locator(".lane .label").all_inner_texts() == [
        "request",
        "connection 1",
        "connection 2",
        "event loop",
    ]
    assert await page.locator(".timeline button.sql").count() == 4
    await page.screenshot(path=SCREENSHOT or tmp_path / "tracing.png")
    await page.locator("a.request", has_text="/api/contents").first.click()
    finding = page.locator(".finding")
    assert "lazyload(Content.comments)" in await finding.inner_text()
    await finding.get_by_role("button", name="statement 1").click()
    await page.get_by_role("button", name="Explain", exact=True).click()
    await page.locator(".plan").wait_for()
    assert "Hash Join" in await page.locator(".plan").inner_text()


async def test_all_of_it_is_reached_by_the_keyboard(page: Any) -> None:
    await page.keyboard.press("/")
    await page.keyboard.type("n+1")
    assert await page.locator(".requests li:visible").count() == 2
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.locator(".timeline").wait_for()
    await page.locator(".timeline button.sql").first.focus()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Enter")
    assert await page.locator("#s2").get_attribute("open") is not None
    assert await page.evaluate("document.activeElement.tagName") == "SUMMARY"


async def test_what_is_hostile_is_shown_and_not_run(page: Any, client: httpx2.AsyncClient) -> None:
    await client.get("/hostile")
    await page.locator("a.request", has_text="/hostile").click()
    await page.locator(".statement summary").click()
    assert HOSTILE in await page.locator("pre.code").inner_text()
    assert await page.locator("main img").count() == 0
    assert "owned" not in await page.title()


async def test_it_is_readable_in_the_dark_and_on_a_narrow_screen(page: Any) -> None:
    await page.emulate_media(color_scheme="dark")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 19, 24)"
    await page.set_viewport_size({"width": 400, "height": 800})
    await page.locator("a.request").first.click()
    await page.locator(".timeline").wait_for()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 400
