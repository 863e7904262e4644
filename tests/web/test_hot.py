"""Hot operations answer as FastAPI would, byte for byte; and those of the application that have to be are hot."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, Form, Header, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.types import Message

from daybook.api import SIGNED_IN as ROUTERS
from daybook.errors import Unauthenticated
from daybook.web.hot import HotRoute, hot, serve_hot_operations
from daybook.web.problem import answer_errors
from daybook.web.schema import Schema, Text


class Thing(Schema):
    name: Text
    number: int = 1
    parts: list[str] = []


class Sought(Schema):
    limit: Annotated[int, Field(ge=1, le=9)] = 5
    word: Annotated[Text | None, Field(alias="theWord", max_length=4)] = None


class Named(Schema):
    name: Text


async def caller(request: Request, x_who: Annotated[str | None, Header(max_length=5)] = None) -> str:
    if "authorization" not in request.headers:
        raise Unauthenticated("Sign in first.")
    return x_who or "nobody"


Caller = Annotated[str, Depends(caller)]
router = APIRouter(prefix="/api/things")


def told(**values: Any) -> Response:
    return Response(json.dumps(values), media_type="application/json")


@router.get("")
@hot
async def list_things(who: Caller, request: Request, query: Annotated[Sought, Query()]) -> Response:
    return told(who=who, limit=query.limit, word=query.word, path=request.url.path)


@router.get("/named")
@hot
async def named(who: Caller, query: Annotated[Named, Query()]) -> Response:
    return told(who=who, name=query.name)


@router.get("/{number}")
@hot
async def one(number: Annotated[int, Field(ge=1)], who: Caller) -> Response:
    if number == 13:
        raise HTTPException(418, "Not this one.", headers={"X-Why": "unlucky"})
    return told(number=number, who=who)


@router.get("/second")
async def second(who: Caller) -> Response:
    return told(second=who)


@router.post("")
@hot
async def make(new: Thing, who: Caller) -> Response:
    return Response(new.model_dump_json(), 201, media_type="application/json", headers={"X-Who": who})


@router.delete("/{number}")
async def delete(number: int) -> dict[str, int]:
    return {"number": number}


def application(*, served_hot: bool) -> FastAPI:
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
    app.include_router(router)
    answer_errors(app)
    if served_hot:
        serve_hot_operations(app, [router])
    return app


APPLICATION, HOT = application(served_hot=False), application(served_hot=True)
SIGNED_IN = {"Authorization": "Bearer x"}
JSON = {"Content-Type": "application/json", **SIGNED_IN}


async def answer(app: FastAPI, method: str, url: str, **request: Any) -> tuple[Any, ...]:
    transport = httpx2.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
        response = await client.request(method, url, **request)
    return response.status_code, response.headers.multi_items(), response.content


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/things"),
        ("GET", "/api/things?limit=3&theWord=%EA%B9%80%EC%B9%98"),
        ("GET", "/api/things?limit=3&unknown=1"),
        ("GET", "/api/things?limit=0&theWord=toolong"),
        ("GET", "/api/things?limit="),
        ("GET", "/api/things?limit=1&limit=2"),
        ("GET", "/api/things?limit=1&limit=x"),
        ("GET", "/api/things?theWord=%00"),
        ("GET", "/api/things?theWord=%ff"),
        ("GET", "/api/things?word=abc"),
        ("GET", "/api/things?&&"),
        ("GET", "/api/things/named"),
        ("GET", "/api/things/named?name=x"),
        ("GET", "/api/things/second"),
        ("GET", "/api/things/7"),
        ("GET", "/api/things/0"),
        ("GET", "/api/things/13"),
        ("GET", "/api/things/7?unknown=1"),
        ("GET", "/api/things/x%2Fy"),
        ("GET", "/api/things/7/"),
        ("DELETE", "/api/things/7"),
        ("DELETE", "/api/things/named"),
        ("HEAD", "/api/things/none"),
        ("PUT", "/api/things/7"),
        ("PATCH", "/api/things"),
        ("GET", "/api/nothing"),
    ],
)
@pytest.mark.parametrize("headers", [SIGNED_IN, {}, {**SIGNED_IN, "X-Who": "mina"}, {"X-Who": "too long"}])
async def test_requests_are_answered_as_fastapi_does(method: str, path: str, headers: dict[str, str]) -> None:
    expected = await answer(APPLICATION, method, path, headers=headers)
    assert await answer(HOT, method, path, headers=headers) == expected


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "\xea\xb9\x80\xec\xb9\x98", "number": 2, "parts": ["a"]}',
        b'{"name": "twice", "name": "as said last"}',
        '{"name": "김치"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"name": "with a byte order mark"}',
        b'{"name": "x", "number": NaN}',
        b'{"name": "x", "number": 2.0}',
        b'{"name": "x", "number": "2"}',
        b'{"name": "x", "number": 123456789012345678901234567890}',
        rb'{"name": "\ud800"}',
        b'{"name": "\xff"}',
        b'{"nom": "x"}',
        b'{"name": "x"',
        b"[" * 5_000,
        b'"text"',
        b"null",
        b"",
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        JSON,
        {**JSON, "Content-Type": "application/json; charset=utf-8"},
        {**JSON, "Content-Type": "application/merge-patch+json"},
        {**JSON, "Content-Type": "text/plain"},
        {**JSON, "X-Who": "too long"},
        SIGNED_IN,
    ],
)
async def test_bodies_are_read_as_fastapi_does(body: bytes, headers: dict[str, str]) -> None:
    expected = await answer(APPLICATION, "POST", "/api/things", content=body, headers=headers)
    assert await answer(HOT, "POST", "/api/things", content=body, headers=headers) == expected


@pytest.mark.parametrize(
    "arriving",
    [
        [(b'{"name":', True), (b' "x"}', False)],
        [(b'{"name":', True), (b' "x"', False)],
        [(b'{"name":', True), None],
        [None],
    ],
)
async def test_a_body_may_arrive_in_pieces_or_not_at_all(arriving: list[tuple[bytes, bool] | None]) -> None:
    answers = []
    for app in (APPLICATION, HOT):
        messages: list[Message] = [
            {"type": "http.disconnect"}
            if one is None
            else {"type": "http.request", "body": one[0], "more_body": one[1]}
            for one in arriving
        ]
        sent: list[Message] = []

        async def receive(messages: list[Message] = messages) -> Message:
            return messages.pop(0) if messages else await asyncio.Event().wait()  # type: ignore[return-value]  # for ever

        async def send(message: Message, sent: list[Message] = sent) -> None:
            sent.append(message)

        headers = [(name.lower().encode(), value.encode()) for name, value in JSON.items()]
        scope = {"type": "http", "method": "POST", "path": "/api/things", "query_string": b"", "headers": headers}
        await asyncio.wait_for(app(scope, receive, send), 5)
        answers.append(sent)
    assert answers[0] == answers[1]


async def test_who_is_not_signed_in_is_told_so_before_the_body_is_read() -> None:
    status, _, _ = await answer(HOT, "POST", "/api/things", content=b"{", headers={"Content-Type": "application/json"})
    assert status == 401


async def test_dependency_overrides_reach_hot_operations() -> None:
    app = application(served_hot=True)
    app.dependency_overrides[caller] = lambda: "overridden"
    assert await answer(app, "GET", "/api/things/7") == await answer(app, "GET", "/api/things/7", headers=SIGNED_IN)
    _, _, body = await answer(app, "GET", "/api/things/7")
    assert json.loads(body) == {"number": 7, "who": "overridden"}
    app.dependency_overrides.clear()
    status, _, _ = await answer(app, "GET", "/api/things/7")
    assert status == 401


def test_the_document_is_the_same() -> None:
    assert HOT.openapi() == APPLICATION.openapi()


class Several(Schema):
    tags: list[str] = []


async def several(query: Annotated[Several, Query()]) -> Response: ...  # type: ignore[empty-body]  # never called
async def a_form(name: Annotated[str, Form()] = "") -> Response: ...  # type: ignore[empty-body]  # as above
async def a_parameter(limit: Annotated[int, Query()] = 1) -> Response: ...  # type: ignore[empty-body]  # as above
async def a_schema(number: int) -> Thing: ...  # type: ignore[empty-body]  # as above
def not_async(number: int) -> Response: ...  # type: ignore[empty-body]  # as above


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (several, "takes several values"),
        (a_form, "'name' is none of them"),
        (a_parameter, "'limit' is none of them"),
        (a_schema, "has to return a Response"),
        (not_async, "is not async"),
    ],
)
def test_what_a_hot_operation_cannot_be_is_refused_when_it_is_declared(
    handler: Callable[..., Awaitable[Response]], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        hot(handler)


def test_the_path_and_the_handler_name_the_same_parameters() -> None:
    other = APIRouter()
    other.get("/{id}")(one)
    with pytest.raises(TypeError, match="differ in id, number"):
        serve_hot_operations(FastAPI(), [other])


@pytest.mark.parametrize(
    "operation",
    [
        "POST /api/log/food",
        "GET /api/log/food",
        "GET /api/log/food/today",
        "GET /api/log/food/{log_id}",
        "POST /api/log/exercise",
        "GET /api/log/exercise",
        "GET /api/log/exercise/today",
        "GET /api/log/exercise/{log_id}",
        "GET /api/analyses",
        "GET /api/contents",
        "GET /api/contents/{content_id}",
        "GET /api/contents/user/{user_id}/all",
        "GET /api/contents/bookmarks/user/{user_id}",
        "GET /api/tags",
        "GET /api/tags/user/{user_id}",
        "GET /api/tags/{tag_id}/contents/all",
        "GET /api/articles",
        "GET /api/articles/{article_id}",
    ],
)
def test_what_clients_ask_most_is_hot(operation: str) -> None:
    app = FastAPI()
    serve_hot_operations(app, ROUTERS)
    served = {
        f"{method} {route.path}"
        for route in app.routes
        if isinstance(route, HotRoute)
        for method in route.methods or ()
    }
    assert operation in served


def test_hot_operations_are_fastapi_operations_too() -> None:
    app = FastAPI()
    serve_hot_operations(app, ROUTERS)
    declared = {route.path for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)}
    assert {route.path for route in app.routes if isinstance(route, HotRoute)} <= declared
