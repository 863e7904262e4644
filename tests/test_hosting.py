"""Daybook behind the proxies of docs/hosting.md, with the files in deploy/, over TLS, where they are installed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from daybook.web.protocol import BoundedProtocol
from tests.fixtures.proxies import proxied
from tests.fixtures.server import Server, sign_up

PROXIES = pytest.mark.parametrize("proxy", ["nginx", "caddy"])


def address(server: Server) -> str:
    return server.url.removeprefix("http://")


@PROXIES
async def test_a_person_uses_daybook_through_a_proxy(server: Server, proxy: str, tmp_path: Path) -> None:
    async with proxied(proxy, address(server), tmp_path) as client, sign_up(server) as mina:
        client.headers["Authorization"] = f"Bearer {mina.access_token}"
        for _ in range(40):  # over one connection, which stays open on both sides
            assert (await client.get("/api/log/food/today")).status_code == 200
        head = await client.head("/healthz")
        assert (head.status_code, head.content) == (200, b"")
        file = b"[" + b",".join(b'{"url": "https://example.com/%d"}' % number for number in range(200)) + b"]"
        file += b" " * 20_000_000  # larger than either keeps in memory
        sent = await client.post("/api/contents/import", files={"file": ("x.json", file, "application/json")})
        assert sent.status_code == 202, sent.text
        events = await client.get(f"/api/imports/{sent.json()['id']}/events")
        assert "event: done" in events.text
        too_large = await client.post("/api/contents", content=b" " * 2_000_000)
        assert too_large.status_code == 413


def small_application(received: asyncio.Event) -> FastAPI:
    """What tells how a request arrived, and sends a second event only when the first one has been `received`."""
    app = FastAPI()

    @app.get("/arrived")
    async def arrived(request: Request) -> dict[str, str | None]:
        names = ("host", "x-forwarded-for", "x-forwarded-proto")
        return {name: ",".join(request.headers.getlist(name)) or None for name in names} | {
            "client": request.client.host if request.client else None,
            "scheme": request.url.scheme,
        }

    @app.get("/events", response_class=EventSourceResponse)
    async def events() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(raw_data="first")
        await asyncio.wait_for(received.wait(), 20)
        yield ServerSentEvent(raw_data="second")

    return app


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve an application as `daybook serve` does, and yield its host:port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, http=BoundedProtocol, log_config=None, access_log=False)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await running


@PROXIES
async def test_a_proxy_says_who_asks_and_holds_no_event_back(proxy: str, tmp_path: Path) -> None:
    received = asyncio.Event()
    async with served(small_application(received)) as upstream, proxied(proxy, upstream, tmp_path) as client:
        spoofed = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "http"}
        shown = (await client.get("/arrived", headers=spoofed)).json()
        assert (shown["x-forwarded-for"], shown["client"]) == ("127.0.0.1", "127.0.0.1")
        assert (shown["x-forwarded-proto"], shown["scheme"]) == ("https", "https")
        assert shown["host"].partition(":")[0] == "localhost"
        assert await _lines(client, received) == ["data: first", "data: second"]


async def _lines(client: httpx2.AsyncClient, received: asyncio.Event) -> list[str]:
    lines = []
    async with client.stream("GET", "/events") as events:
        async for line in events.aiter_lines():
            if line.startswith("data:"):
                lines.append(line)
                received.set()
    return lines
