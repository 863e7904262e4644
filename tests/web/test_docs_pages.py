"""The pages that show the API document load nothing but from the server itself."""

import re

import httpx2
import pytest

LOADED = re.compile(r'(?:src|href|spec-url)="([^"]+)"')


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_a_page_and_all_that_it_loads_come_from_here(anyone: httpx2.AsyncClient, path: str) -> None:
    page = await anyone.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    loaded = [url for url in LOADED.findall(page.text) if url != "data:,"]
    assert any(url.endswith(".js") for url in loaded)
    for url in loaded:
        assert "//" not in url
        assert not url.startswith("/"), "a proxy may serve this below a path of its own"
        asset = await anyone.get(f"/{url}")
        assert asset.status_code == 200, url
        assert len(asset.content) > 100


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_a_page_runs_no_script_but_the_server_s(anyone: httpx2.AsyncClient, path: str) -> None:
    page = await anyone.get(path)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "<script>" not in page.text
    assert not re.search(r"\son\w+=", page.text)


async def test_the_logo_of_redoc_is_here_too(anyone: httpx2.AsyncClient) -> None:
    assert "cdn.redoc" not in (await anyone.get("/redoc/redoc.standalone.js")).text
    assert (await anyone.get("/redoc/logo-mini.svg")).status_code == 200


async def test_nothing_else_is_served_beside_them(anyone: httpx2.AsyncClient) -> None:
    for path in ("/docs/", "/docs/unheard-of.js", "/docs/../problem.py", "/docs/%2e%2e/problem.py"):
        assert (await anyone.get(path)).status_code == 404, path


async def test_home_sends_a_browser_to_the_documentation(anyone: httpx2.AsyncClient) -> None:
    browser = await anyone.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (browser.status_code, browser.headers["location"]) == (303, "/docs")
    home = (await anyone.get("/")).json()
    assert home["name"] == "Daybook"
    for link in ("docs", "openapi", "ready"):
        assert (await anyone.get(home[link])).status_code == 200
