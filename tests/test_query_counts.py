"""No list runs more statements for more rows: twice as many, and the count stays."""

from collections.abc import Awaitable, Callable
from typing import Any, get_origin

import pytest
from fastapi.routing import iter_route_contexts

from daybook.app import create_app
from daybook.settings import Settings
from daybook.tracing import assert_constant_queries
from daybook.web.page import Page
from tests.fixtures.pictures import jpeg
from tests.fixtures.server import Person

FEW, MANY = 2, 4

Make = Callable[[Person, int], Awaitable[Any]]


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
    "/api/users/me/sessions": sign_in_again,
    "/api/users/me/tokens": make_api_token,
}


@pytest.mark.parametrize("path", LISTS)
async def test_twice_the_rows_are_as_many_statements(mina: Person, juno: Person, path: str) -> None:
    for person, rows in ((mina, FEW), (juno, MANY)):
        for number in range(rows):
            await LISTS[path](person, number)

    async def read(person: Person) -> None:
        answer = (await person.client.get(path)).json()
        rows = answer if isinstance(answer, list) else answer["items"]
        assert len(rows) == (FEW if person is mina else MANY)

    await assert_constant_queries(read, mina, juno)


def test_every_list_is_counted() -> None:
    """Of the diary and of accounts; the filter goes when the others have their lines above."""
    app = create_app(Settings(_env_file=None))
    lists = {
        str(context.path)
        for context in iter_route_contexts(app.routes)
        if "GET" in (context.methods or ()) and is_list(getattr(context, "response_model", None))
    }
    assert {path for path in lists if path.startswith(("/api/log", "/api/analy", "/api/users"))} == set(LISTS)


def is_list(model: Any) -> bool:
    """Whether a route answers with a bare array or with a page."""
    generic = getattr(model, "__pydantic_generic_metadata__", {})
    return get_origin(model) is list or generic.get("origin") is Page
