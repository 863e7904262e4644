"""HEAD answers as GET does, without a body, and leaves nothing running."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from daybook.web.head import HeadAsGet
from tests.fixtures.server import Person, serve, settings_for, sign_up
from tests.library.imports.test_service import import_file, links, send
from tests.test_access import ROUTES, belongings, request_of

VARYING = {"date", "x-request-id", "server-timing", "x-sql-trace", "transfer-encoding"}
"""What differs between two answers, or is only said of a body that is sent."""
PUBLIC = ("/healthz", "/readyz", "/openapi.json", "/problems/not-found", "/problems/unheard-of", "/nothing/here")


def comparable(response: httpx2.Response) -> tuple[int, dict[str, str]]:
    return response.status_code, {name: value for name, value in response.headers.items() if name not in VARYING}


async def assert_head_is_get(client: httpx2.AsyncClient, url: str, **options: Any) -> httpx2.Response:
    got = await client.get(url, **options)
    head = await client.head(url, **options)
    assert comparable(head) == comparable(got)
    assert head.content == b""
    return head


@pytest.mark.parametrize("path", PUBLIC)
async def test_public_routes(anyone: httpx2.AsyncClient, path: str) -> None:
    await assert_head_is_get(anyone, path)


async def test_every_route_that_answers_get(mina: Person) -> None:
    owned = await belongings(mina)
    for route, case in ROUTES.items():
        if route.startswith("GET "):
            options = {"params": {"url": "https://example.com/"}} if route.endswith("/lookup") else {}
            url = request_of(route, owned[case.another_owns or "article"])["url"]
            answered = await assert_head_is_get(mina.client, url, **options)
            assert answered.status_code == 200, route


async def test_refusals(mina: Person, anyone: httpx2.AsyncClient) -> None:
    assert (await assert_head_is_get(anyone, "/api/log/food")).status_code == 401
    assert (await assert_head_is_get(mina.client, "/api/contents/1")).status_code == 404
    assert (await assert_head_is_get(mina.client, "/api/log/food", params={"limit": 0})).status_code == 422
    assert (await mina.client.head("/api/log/food/no-id")).status_code == 422
    assert (await mina.client.head("/api/log/food/photo")).status_code == 405  # it is a path of its own, to POST to
    assert (await mina.client.head("/api/users/login")).status_code == 405
    assert (await mina.client.put("/api/imports")).headers["allow"] == "GET, HEAD"


async def test_links_and_entity_tags(mina: Person) -> None:
    photo = (await belongings(mina))["photo"]
    await mina.client.post("/api/log/food", json={})
    page = await assert_head_is_get(mina.client, "/api/log/food/today", params={"limit": 1})
    assert "next" in page.links
    assert int(page.headers["content-length"]) > 2
    kept = await assert_head_is_get(mina.client, f"/api/photos/{photo}")
    not_changed = {"If-None-Match": kept.headers["etag"]}
    assert (await assert_head_is_get(mina.client, f"/api/photos/{photo}", headers=not_changed)).status_code == 304


async def test_streams_do_not_run_on_nor_keep_a_connection(
    database_url: str, tmp_path: Path, empty_database: None
) -> None:
    settings = settings_for(database_url, tmp_path, pool_size=2, pool_overflow=0)
    async with serve(settings) as server, sign_up(server) as person:
        await import_file(person, links(2000))
        export = await person.client.get("/api/contents/export")
        assert len(export.content) > 300_000
        following = (await send(person, links(20_000)))["id"]
        started = time.monotonic()
        for _ in range(5):
            assert (await person.client.head("/api/contents/export")).status_code == 200
            assert (await person.client.head(f"/api/imports/{following}/events")).status_code == 200
        assert time.monotonic() - started < 5
        assert (await person.client.get(f"/api/imports/{following}")).json()["status"] in {"waiting", "running"}
        assert (await person.client.get("/api/contents/export")).content == export.content
        await person.client.delete(f"/api/imports/{following}")


async def test_what_streams_without_end_is_ended_and_what_fails_fails() -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"more"
                await asyncio.sleep(0.001)
        finally:
            closed.set()

    async def stream(_request: Request) -> StreamingResponse:
        return StreamingResponse(endless())

    async def failing(_request: Request) -> StreamingResponse:
        raise TimeoutError("of the application itself")

    app = Starlette(routes=[Route("/stream", stream), Route("/failing", failing)], middleware=[Middleware(HeadAsGet)])
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        gc.disable()
        try:
            async with asyncio.timeout(2):
                assert (await client.head("/stream")).content == b""
                await closed.wait()
        finally:
            gc.enable()
        with pytest.raises(TimeoutError, match="of the application itself"):
            await client.head("/failing")
