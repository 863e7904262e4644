"""No list runs more statements for more rows: twice as many, and the count stays."""

from collections.abc import Awaitable, Callable
from typing import Any, get_origin

import pytest
from fastapi.routing import iter_route_contexts

from daybook.app import create_app
from daybook.settings import Settings
from daybook.tracing import assert_constant_queries
from daybook.web.page import Page
from tests.community.publishing import publish
from tests.fixtures.pictures import jpeg
from tests.fixtures.server import Person

FEW, MANY = 2, 4

Make = Callable[[Person, int], Awaitable[Any]]
"""Makes a row; what the list's path has to be filled in with, if it returns anything."""


async def log_meal(person: Person, number: int) -> None:
    """A meal with as many ingredients and tags as its number."""
    several = range(number + 1)
    ingredients = [{"name": f"ingredient {one}", "color": "green"} for one in several]
    await made(person, "/api/log/food", {"ingredients": ingredients, "tags": [f"tag {one}" for one in several]})


async def log_exercise(person: Person, number: int) -> None:
    await made(person, "/api/log/exercise", {"exerciseType": f"walk {number}"})


async def analyse(person: Person, number: int) -> None:
    photo = {"photo": ("x.jpg", jpeg((64, 64 + number)), "image/jpeg")}
    assert (await person.client.post("/api/analyze/food", files=photo)).status_code == 200


async def sign_in_again(person: Person, number: int) -> None:
    if number:  # signing up was the first time
        await made(person, "/api/users/login", {"email": person.email, "password": person.password}, status=200)


async def make_api_token(person: Person, number: int) -> None:
    await made(person, "/api/users/me/tokens", {"name": f"script {number}", "scopes": ["diary:read"]})


async def save_link(person: Person, number: int) -> dict[str, int]:
    """A bookmark with one tag for all and some of its own, and either kind of metadata."""
    tags = ["kept", *(f"tag {one}" for one in range(number))]
    kind = {"contentType": "post", "body": "text"} if number % 2 else {"contentType": "video", "videoLength": 60}
    link = {"url": f"https://example.com/{number}", "title": "link", "bookmark": True, "tags": tags, **kind}
    await made(person, "/api/contents", link)
    tag = next(one for one in (await person.client.get("/api/tags")).json()["items"] if one["tagname"] == "kept")
    return {"user_id": person.id, "tag_id": tag["id"]}


async def make_tag(person: Person, number: int) -> dict[str, int]:
    await made(person, "/api/tags", {"tagname": f"tag {number}"})
    return {"user_id": person.id}


async def import_file(person: Person, number: int) -> None:
    file = {"file": ("links.json", f'{{"contents": [{{"url": "https://example.com/{number}"}}]}}', "application/json")}
    assert (await person.client.post("/api/contents/import", files=file)).status_code == 202


async def publish_links(person: Person, number: int) -> None:
    await publish(person, 1, topics=[f"{person.id} {one}" for one in range(number + 1)])


async def comment(person: Person, number: int) -> dict[str, int]:
    """All on one article."""
    mine = (await person.client.get("/api/articles", params={"author": person.id})).json()["items"]
    article = mine[0] if mine else await publish(person, 1)
    await made(person, f"/api/articles/{article['id']}/comments", {"body": f"comment {number}"})
    return {"article_id": article["id"]}


async def made(person: Person, path: str, body: dict[str, Any], status: int = 201) -> None:
    """Post, and make sure of the answer."""
    answer = await person.client.post(path, json=body)
    assert answer.status_code == status, answer.text


LISTS: dict[str, Make] = {
    "/api/log/food": log_meal,
    "/api/log/food/today": log_meal,
    "/api/log/exercise": log_exercise,
    "/api/log/exercise/today": log_exercise,
    "/api/analyses": analyse,
    "/api/contents": save_link,
    "/api/contents/user/{user_id}/all": save_link,
    "/api/contents/bookmarks/user/{user_id}": save_link,
    "/api/tags/{tag_id}/contents/all": save_link,
    "/api/imports": import_file,
    "/api/tags": make_tag,
    "/api/tags/user/{user_id}": make_tag,
    "/api/articles": publish_links,
    "/api/articles/topics": publish_links,
    "/api/articles/{article_id}/comments": comment,
    "/api/users/me/sessions": sign_in_again,
    "/api/users/me/tokens": make_api_token,
}


@pytest.mark.parametrize("path", LISTS)
async def test_twice_the_rows_are_as_many_statements(mina: Person, juno: Person, path: str) -> None:
    urls: dict[Person, str] = {}
    for person, rows in ((mina, FEW), (juno, MANY)):
        for number in range(rows):
            urls[person] = path.format(**(await LISTS[path](person, number) or {}))

    async def read(person: Person) -> None:
        expected = FEW if person is mina else MANY
        answer = (await person.client.get(urls[person], params={"limit": expected})).json()
        rows = answer if isinstance(answer, list) else answer["items"]
        assert len(rows) == expected

    await assert_constant_queries(read, mina, juno)


def test_every_list_is_counted() -> None:
    app = create_app(Settings(_env_file=None))
    lists = {
        str(context.path)
        for context in iter_route_contexts(app.routes)
        if "GET" in (context.methods or ()) and is_list(getattr(context, "response_model", None))
    }
    assert lists == LISTS.keys()


def is_list(model: Any) -> bool:
    """Whether a route answers with a bare array or with a page."""
    generic = getattr(model, "__pydantic_generic_metadata__", {})
    return get_origin(model) is list or generic.get("origin") is Page
