"""What every answer says, and what a path answers."""

import asyncio
from pathlib import Path

import httpx2
import pytest

from tests.fixtures.server import Person, Server, serve, settings_for


@pytest.mark.parametrize("path", ["/healthz", "/api/users/me", "/api/nothing", "/docs", "/api/log/food/today"])
async def test_no_answer_is_taken_for_another_type(anyone: httpx2.AsyncClient, path: str) -> None:
    assert (await anyone.get(path)).headers["x-content-type-options"] == "nosniff"


async def test_what_is_private_is_not_stored_on_its_way(mina: Person, anyone: httpx2.AsyncClient) -> None:
    for path in ("/api/users/me", "/api/log/food/today", "/api/log/food?limit=0"):
        assert (await mina.client.get(path)).headers["cache-control"] == "no-store"
    signed_in = await anyone.post("/api/users/login", json={"email": mina.email, "password": mina.password})
    assert signed_in.headers["cache-control"] == "no-store"
    assert "cache-control" not in (await anyone.get("/healthz")).headers


async def test_browsers_are_sent_to_https_when_the_operator_says_so(database_url: str, tmp_path: Path) -> None:
    async with serve(settings_for(database_url, tmp_path, https_only=True)) as server, server.client() as client:
        assert (await client.get("/healthz")).headers["strict-transport-security"] == "max-age=31536000"


async def test_without_that_it_is_not_said(anyone: httpx2.AsyncClient) -> None:
    assert "strict-transport-security" not in (await anyone.get("/healthz")).headers


@pytest.mark.parametrize("hosts", [b"", b"Host: a\r\nHost: a\r\n", b"Host: a\r\nHost: b\r\n"])
async def test_a_request_names_one_host(server: Server, hosts: bytes) -> None:
    reader, writer = await asyncio.open_connection(*server.url.removeprefix("http://").split(":"))
    writer.write(b"GET /healthz HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/contents", {"GET", "HEAD", "POST"}),
        ("PATCH", "/api/contents", {"GET", "HEAD", "POST"}),
        ("PATCH", "/api/contents/bulk", {"POST"}),
        ("PUT", "/api/contents/bulk", {"POST"}),
        ("PUT", "/api/log/food/today", {"GET", "HEAD"}),
        ("DELETE", "/api/contents/lookup", {"GET", "HEAD"}),
        ("POST", "/api/contents/7", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("DELETE", "/api/log/food/today", {"GET", "HEAD"}),
        ("PATCH", "/api/log/food/photo", {"POST"}),
        ("PUT", "/api/users/me", {"GET", "HEAD", "PATCH", "DELETE"}),
        ("GET", "/api/articles/7/vote", {"PUT", "DELETE"}),
        ("POST", "/healthz", {"GET", "HEAD"}),
    ],
)
async def test_a_method_that_a_path_does_not_answer(mina: Person, method: str, path: str, allowed: set[str]) -> None:
    answer = await mina.client.request(method, path, json={})
    assert answer.status_code == 405, answer.text
    assert set(answer.headers["allow"].split(", ")) == allowed
    assert answer.json()["type"] == "/problems/method-not-allowed"


async def test_a_slash_at_the_end_is_another_path(mina: Person) -> None:
    answer = await mina.client.get("/api/contents/")
    assert answer.status_code == 404
    assert "location" not in answer.headers
