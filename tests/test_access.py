"""Who may call what: every route of the application, against everybody who may not.

A new route fails `test_every_route_is_in_the_table` until it has its line here. A refused request is one that has
changed nothing, whatever it answers: every table is compared before and after.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.accounts.caller import GRANTABLE_SCOPES, Scope
from daybook.app import create_app
from daybook.settings import Settings
from daybook.tables import metadata
from tests.fixtures.pictures import jpeg
from tests.fixtures.server import Person, Server

PUBLIC = {
    "GET /",
    "GET /healthz",
    "GET /readyz",
    "GET /problems/{code}",
    "POST /api/users",
    "POST /api/users/login",
    "POST /api/users/token",
    "POST /api/users/token/refresh",
}


@dataclass(frozen=True)
class Case:
    """What a route asks of its caller, and a request that it would otherwise answer."""

    scope: Scope
    body: Any = None
    another_owns: str | None = None
    """The key in `belongings` of the id in the path."""
    also: Scope | None = None
    """The scope for what the answer shows, or what is copied to where others see it."""


LINK = {"url": "https://example.com/", "title": "x", "contentType": "post", "tags": ["x"]}

ROUTES = {
    "POST /api/users/logout": Case(Scope.ACCOUNT_WRITE),
    "GET /api/users/me": Case(Scope.ACCOUNT_READ),
    "PATCH /api/users/me": Case(Scope.ACCOUNT_WRITE, {"username": "x"}),
    "DELETE /api/users/me": Case(Scope.ACCOUNT_WRITE),
    "GET /api/users/me/sessions": Case(Scope.ACCOUNT_READ),
    "DELETE /api/users/me/sessions/{session_id}": Case(Scope.ACCOUNT_WRITE, another_owns="session"),
    "GET /api/users/me/tokens": Case(Scope.ACCOUNT_READ),
    "POST /api/users/me/tokens": Case(Scope.ACCOUNT_WRITE, {"name": "x", "scopes": ["diary:read"]}),
    "DELETE /api/users/me/tokens/{token_id}": Case(Scope.ACCOUNT_WRITE, another_owns="api token"),
    "POST /api/log/food": Case(Scope.DIARY_WRITE, {}),
    "POST /api/log/food/photo": Case(Scope.DIARY_WRITE),
    "GET /api/log/food": Case(Scope.DIARY_READ),
    "GET /api/log/food/today": Case(Scope.DIARY_READ),
    "GET /api/log/food/{log_id}": Case(Scope.DIARY_READ, another_owns="food"),
    "PATCH /api/log/food/{log_id}": Case(Scope.DIARY_WRITE, {"note": "x"}, another_owns="food", also=Scope.DIARY_READ),
    "DELETE /api/log/food/{log_id}": Case(Scope.DIARY_WRITE, another_owns="food"),
    "POST /api/log/exercise": Case(Scope.DIARY_WRITE, {"exerciseType": "x"}),
    "GET /api/log/exercise": Case(Scope.DIARY_READ),
    "GET /api/log/exercise/today": Case(Scope.DIARY_READ),
    "GET /api/log/exercise/{log_id}": Case(Scope.DIARY_READ, another_owns="exercise"),
    "PATCH /api/log/exercise/{log_id}": Case(
        Scope.DIARY_WRITE, {"note": "x"}, another_owns="exercise", also=Scope.DIARY_READ
    ),
    "DELETE /api/log/exercise/{log_id}": Case(Scope.DIARY_WRITE, another_owns="exercise"),
    "POST /api/analyze/food": Case(Scope.DIARY_WRITE),
    "POST /api/analyze/exercise": Case(Scope.DIARY_WRITE),
    "GET /api/analyses": Case(Scope.DIARY_READ),
    "GET /api/photos/{photo_id}": Case(Scope.DIARY_READ, another_owns="photo"),
    "GET /api/tags": Case(Scope.LIBRARY_READ),
    "GET /api/tags/user/{user_id}": Case(Scope.LIBRARY_READ, another_owns="user"),
    "POST /api/tags": Case(Scope.LIBRARY_WRITE, {"tagname": "x"}),
    "PATCH /api/tags/{tag_id}": Case(Scope.LIBRARY_WRITE, {"color": 1}, another_owns="tag", also=Scope.LIBRARY_READ),
    "DELETE /api/tags/{tag_id}": Case(Scope.LIBRARY_WRITE, another_owns="tag"),
    "POST /api/tags/{tag_id}/merge": Case(Scope.LIBRARY_WRITE, {"into": 1}, also=Scope.LIBRARY_READ),
    "GET /api/tags/{tag_id}/contents/all": Case(Scope.LIBRARY_READ, another_owns="tag"),
    "GET /api/contents": Case(Scope.LIBRARY_READ),
    "GET /api/contents/user/{user_id}/all": Case(Scope.LIBRARY_READ, another_owns="user"),
    "GET /api/contents/bookmarks/user/{user_id}": Case(Scope.LIBRARY_READ, another_owns="user"),
    "POST /api/contents/import": Case(Scope.LIBRARY_WRITE),
    "GET /api/contents/export": Case(Scope.LIBRARY_READ),
    "GET /api/imports": Case(Scope.LIBRARY_READ),
    "GET /api/imports/{import_id}": Case(Scope.LIBRARY_READ, another_owns="import"),
    "GET /api/imports/{import_id}/events": Case(Scope.LIBRARY_READ, another_owns="import"),
    "DELETE /api/imports/{import_id}": Case(Scope.LIBRARY_WRITE, another_owns="import"),
    "GET /api/contents/lookup": Case(Scope.LIBRARY_READ),
    "POST /api/contents": Case(Scope.LIBRARY_WRITE, LINK),
    "POST /api/contents/bulk": Case(Scope.LIBRARY_WRITE, {"contents": []}),
    "POST /api/contents/preview": Case(Scope.LIBRARY_WRITE, {"url": "https://example.com"}),
    "GET /api/contents/{content_id}": Case(Scope.LIBRARY_READ, another_owns="content"),
    "PATCH /api/contents/{content_id}": Case(
        Scope.LIBRARY_WRITE, {"note": "x"}, another_owns="content", also=Scope.LIBRARY_READ
    ),
    "DELETE /api/contents/{content_id}": Case(Scope.LIBRARY_WRITE, another_owns="content"),
    "PUT /api/contents/{content_id}/bookmark": Case(Scope.LIBRARY_WRITE, another_owns="content"),
    "DELETE /api/contents/{content_id}/bookmark": Case(Scope.LIBRARY_WRITE, another_owns="content"),
    # Articles are for everybody who is signed in; changing one is for its author.
    "POST /api/articles": Case(Scope.COMMUNITY_WRITE, {"title": "x", "body": "", "tagId": 1}, also=Scope.LIBRARY_READ),
    "GET /api/articles": Case(Scope.COMMUNITY_READ),
    "GET /api/articles/topics": Case(Scope.COMMUNITY_READ),
    "GET /api/articles/{article_id}": Case(Scope.COMMUNITY_READ),
    "PATCH /api/articles/{article_id}": Case(
        Scope.COMMUNITY_WRITE, {"title": "x"}, another_owns="article", also=Scope.COMMUNITY_READ
    ),
    "DELETE /api/articles/{article_id}": Case(Scope.COMMUNITY_WRITE, another_owns="article"),
    "PUT /api/articles/{article_id}/vote": Case(Scope.COMMUNITY_WRITE),
    "DELETE /api/articles/{article_id}/vote": Case(Scope.COMMUNITY_WRITE),
    "POST /api/articles/{article_id}/download": Case(Scope.LIBRARY_WRITE, {}, also=Scope.COMMUNITY_READ),
    "GET /api/articles/{article_id}/comments": Case(Scope.COMMUNITY_READ),
    "POST /api/articles/{article_id}/comments": Case(Scope.COMMUNITY_WRITE, {"body": "x"}),
    "PATCH /api/comments/{comment_id}": Case(
        Scope.COMMUNITY_WRITE, {"body": "x"}, another_owns="comment", also=Scope.COMMUNITY_READ
    ),
    "DELETE /api/comments/{comment_id}": Case(Scope.COMMUNITY_WRITE, another_owns="comment"),
    "PUT /api/comments/{comment_id}/vote": Case(Scope.COMMUNITY_WRITE, {"value": "up"}),
    "DELETE /api/comments/{comment_id}/vote": Case(Scope.COMMUNITY_WRITE),
}
BIG_IDS = {"token_id", "user_id", "tag_id", "content_id", "article_id", "comment_id"}
OWNED = [route for route, case in ROUTES.items() if case.another_owns]


def routes_of(app: FastAPI) -> set[str]:
    """Return every route that the OpenAPI document shows, as METHOD path."""
    return {f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods}


async def belongings(person: Person) -> dict[str, Any]:
    """Make one of everything that has an id, and return the ids."""
    client = person.client
    photo = {"photo": ("x.jpg", jpeg((64, 64)), "image/jpeg")}
    analysis = (await client.post("/api/analyze/food", files=photo)).json()
    content = (await client.post("/api/contents", json=LINK)).json()
    file = {"file": ("x.json", b"[]", "application/json")}
    article = (
        await client.post("/api/articles", json={"title": "x", "body": "", "contentIds": [content["id"]]})
    ).json()
    comment = await client.post(f"/api/articles/{article['id']}/comments", json={"body": "x"})
    return {
        "user": person.id,
        "article": article["id"],
        "comment": comment.json()["id"],
        "import": (await client.post("/api/contents/import", files=file)).json()["id"],
        "content": content["id"],
        "tag": (await client.post("/api/tags", json={"tagname": "x"})).json()["id"],
        "food": (await client.post("/api/log/food", json={})).json()["id"],
        "exercise": (await client.post("/api/log/exercise", json={"exerciseType": "walk"})).json()["id"],
        "api token": (await client.post("/api/users/me/tokens", json={"name": "x", "scopes": ["diary:read"]})).json()[
            "id"
        ],
        "session": (await client.get("/api/users/me/sessions")).json()[0]["id"],
        "photo": analysis["photoId"],
    }


def request_of(route: str, item: Any = "01920000-0000-7000-8000-000000000000") -> dict[str, Any]:
    """Return a request of this route, its id filled in."""
    method, path = route.split()
    before, _, after = path.partition("{")
    name, _, rest = after.partition("}")
    if name in BIG_IDS and isinstance(item, str):
        item = 1
    url = before + (str(item) + rest if after else "")
    request = {"method": method, "url": url}
    case = ROUTES[route]
    return request if case.body is None else request | {"json": case.body}


def test_every_route_is_in_the_table() -> None:
    assert routes_of(create_app(Settings(_env_file=None))) == PUBLIC | set(ROUTES)


@asynccontextmanager
async def nothing_changes(engine: AsyncEngine) -> AsyncIterator[None]:
    """Fail when a row of any table is not as it was, once the block is done."""
    async with engine.connect() as connection:
        # The imports of `belongings` are read in the background.
        while await connection.scalar(text("SELECT count(*) FROM imports WHERE finished_at IS NULL")):  # noqa: ASYNC110 - it is a row
            await asyncio.sleep(0.02)
    before = await all_rows(engine)
    yield
    assert await all_rows(engine) == before


async def all_rows(engine: AsyncEngine) -> dict[str, Any]:
    """Return every row of every table, but for when an API token was last used."""
    each = " UNION ALL ".join(
        f"SELECT '{name}', (SELECT jsonb_agg(to_jsonb(t) - 'last_used_at' ORDER BY t::text) FROM {name} t)"
        for name in metadata.tables
    )
    async with engine.connect() as connection:
        return {row[0]: row[1] for row in await connection.execute(text(each))}


async def own_request(person: Person, route: str) -> dict[str, Any]:
    """Return a request of this route that its owner could send: the id in the path is of something of theirs."""
    owned = ROUTES[route].another_owns
    return request_of(route, (await belongings(person))[owned]) if owned else request_of(route)


def test_the_page_on_security_counts_as_this_does() -> None:
    page = (Path(__file__).parents[1] / "SECURITY.md").read_text()
    assert f"each of the {len(ROUTES)} protected operations" in page
    assert f"{len(OWNED)} operations and {len(IN_BODY)} bodies" in page


@pytest.mark.parametrize("route", ROUTES)
async def test_no_token_is_401(server: Server, mina: Person, engine: AsyncEngine, route: str) -> None:
    async with server.client() as nobody, nothing_changes(engine):
        refused = await nobody.request(**request_of(route))
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("route", "scope"), [(route, scope) for route, case in ROUTES.items() for scope in (case.scope, case.also) if scope]
)
async def test_a_token_without_the_scope_is_403(
    server: Server, mina: Person, engine: AsyncEngine, route: str, scope: Scope
) -> None:
    request = await own_request(mina, route)
    scopes = sorted(GRANTABLE_SCOPES - {scope})
    made = await mina.client.post("/api/users/me/tokens", json={"name": "x", "scopes": scopes})
    async with server.client(made.json()["token"]) as script, nothing_changes(engine):
        refused = await script.request(**request)
    assert refused.status_code == 403, refused.text
    assert refused.json()["type"] == "/problems/forbidden"


@pytest.mark.parametrize("route", [route for route, case in ROUTES.items() if case.scope is Scope.ACCOUNT_WRITE])
async def test_a_session_that_has_ended_changes_no_account(mina: Person, route: str) -> None:
    session = (await mina.client.get("/api/users/me/sessions")).json()[0]["id"]
    assert (await mina.client.delete(f"/api/users/me/sessions/{session}")).status_code == 204
    refused = await mina.client.request(**request_of(route))
    assert (refused.status_code, refused.json()["type"]) == (401, "/problems/session-ended")


@pytest.mark.parametrize("route", OWNED)
async def test_another_persons_row_is_404(mina: Person, juno: Person, engine: AsyncEngine, route: str) -> None:
    request = await own_request(juno, route)
    async with nothing_changes(engine):
        refused = await mina.client.request(**request)
    assert refused.status_code == 404, refused.text
    allowed = await juno.client.request(**request)
    assert allowed.status_code in {200, 204}, allowed.text


IN_BODY: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "POST /api/tags/{tag_id}/merge": ("tag", lambda owned: {"into": owned["tag"]}),
    "POST /api/articles": ("", lambda owned: {"title": "x", "body": "", "contentIds": [owned["content"]]}),
    "POST /api/articles of a tag": ("", lambda owned: {"title": "x", "body": "", "tagId": owned["tag"]}),
    "POST /api/log/food": ("", lambda owned: {"photoId": owned["photo"]}),
}
"""Requests that name something in their body: what the id in the path is of, and the body."""


@pytest.mark.parametrize("name", IN_BODY)
async def test_another_persons_row_in_a_body_is_404(mina: Person, juno: Person, engine: AsyncEngine, name: str) -> None:
    in_path, body = IN_BODY[name]
    own, another = await belongings(mina), await belongings(juno)
    request = request_of(name.partition(" of ")[0], own.get(in_path, 0)) | {"json": body(another)}
    async with nothing_changes(engine):
        refused = await mina.client.request(**request)
    assert refused.status_code == 404, refused.text


@pytest.mark.parametrize(
    "path",
    [
        "/api/log/food",
        "/api/log/food?tag=x",
        "/api/log/food/today",
        "/api/log/exercise",
        "/api/log/exercise/today",
        "/api/analyses",
        "/api/tags",
        "/api/contents",
        "/api/contents?q=x",
        "/api/contents?tag=x",
        "/api/contents/lookup?url=https://example.com/",
        "/api/contents/export",
        "/api/imports",
        "/api/users/me/sessions",
        "/api/users/me/tokens",
    ],
)
async def test_lists_hold_nothing_of_another(mina: Person, juno: Person, path: str) -> None:
    without = (await mina.client.get(path)).text
    await belongings(juno)
    assert (await mina.client.get(path)).text == without


async def test_an_article_shows_the_votes_and_downloads_of_its_reader(mina: Person, juno: Person) -> None:
    article = f"/api/articles/{(await belongings(juno))['article']}"
    assert (await juno.client.put(f"{article}/vote")).status_code == 200
    assert (await juno.client.post(f"{article}/download", json={})).status_code == 200
    shown = (await mina.client.get(article)).json()
    assert (shown["voted"], shown["downloaded"]) == (False, False)
    shown = (await juno.client.get(article)).json()
    assert (shown["voted"], shown["downloaded"]) == (True, True)
