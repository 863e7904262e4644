"""Saving links and publishing them, over HTTP."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx2

from tests.fixtures.server import Person


async def save(person: Person, count: int = 3, tags: tuple[str, ...] = (), **changes: Any) -> list[int]:
    """Save so many new links, and return their ids."""
    links = [
        {
            "url": f"https://example.com/{uuid4().hex}",
            "title": f"link {number}",
            "contentType": "post",
            "note": "nobody's business",
            "tags": list(tags),
        }
        | changes
        for number in range(count)
    ]
    saved = await person.client.post("/api/contents/bulk", json={"contents": links})
    assert saved.status_code == 200, saved.text
    return [one["id"] for one in saved.json()["results"]]


async def publish(person: Person, count: int = 3, **changes: Any) -> dict[str, Any]:
    """Publish so many new links, and return the article."""
    ids = await save(person, count)
    response = await person.client.post("/api/articles", json={"title": "Links", "contentIds": ids} | changes)
    assert response.status_code == 201, response.text
    article: dict[str, Any] = response.json()
    return article


async def pages(person: Person, url: str, **params: Any) -> list[dict[str, Any]]:
    """Return what all pages of a list hold, of which none is too long and only the last has no next."""
    items: list[dict[str, Any]] = []
    while True:
        response = await person.client.get(url, params=params)
        assert response.status_code == 200, response.text
        page = response.json()
        assert page["items"] or not items, "an empty page at the end"
        assert len(page["items"]) <= params.get("limit", 50)
        items += page["items"]
        if page["nextCursor"] is None:
            return items
        params["cursor"] = page["nextCursor"]


async def insist(
    client: httpx2.AsyncClient, method: str, url: str, body: Any = None, *, token: str | None = None
) -> httpx2.Response:
    """Ask again for as long as the server is too busy to answer; sooner than it says, for nobody else waits."""
    # A connection that was kept open may be closed by the server just when it is used again.
    headers = {"Connection": "close"} | ({"Authorization": f"Bearer {token}"} if token else {})
    while True:
        response = await client.request(method, url, json=body, headers=headers)
        if response.status_code != 503:
            return response
        await asyncio.sleep(0.2)
