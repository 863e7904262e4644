"""Plain routes answer as FastAPI would, byte for byte; and the hot ones are plain."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, Form, Header, Query, Request, Response
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Message

from daybook.app import create_app
from daybook.errors import Unauthenticated
from daybook.settings import Settings
from daybook.web.plain_routes import PlainRoutes, answer_plain_routes
from daybook.web.problem import answer_errors
from daybook.web.schema import Schema, Text


class Thing(Schema):
    name: Text
    number: int = 1
    parts: list[str] = []


async def caller(request: Request, x_who: Annotated[str | None, Header(max_length=5)] = None) -> str:
    if "authorization" not in request.headers:
        raise Unauthenticated("Sign in first.")
    return x_who or "nobody"


async def opened() -> AsyncIterator[str]:
    yield "opened"


Caller = Annotated[str, Depends(caller)]
router = APIRouter(prefix="/things")


def told(**values: Any) -> Response:
    return Response(json.dumps(values), media_type="application/json")


@router.get("")
async def list_things(
    who: Caller,
    request: Request,
    limit: Annotated[int, Field(ge=1, le=9)] = 5,
    word: Annotated[Text | None, Query(alias="theWord", max_length=4)] = None,
    many: Annotated[list[str] | None, Query()] = None,
) -> Response:
    return told(who=who, limit=limit, word=word, many=many, path=request.url.path)


@router.get("/first")
async def first(who: Caller) -> Response:
    return told(first=who)


@router.get("/{number}")
async def one(number: int, who: Caller) -> Response:
    if number == 13:
        raise HTTPException(418, "Not this one.", headers={"X-Why": "unlucky"})
    return told(number=number, who=who)


@router.get("/second")
async def second(who: Caller) -> Response:
    return told(second=who)


@router.get("/{number}/opened")
async def with_yield(number: int, what: Annotated[str, Depends(opened)]) -> Response:
    return told(number=number, what=what)


@router.post("")
async def make(new: Thing, who: Caller) -> Response:
    return Response(new.model_dump_json(), 201, media_type="application/json", headers={"X-Who": who})


@router.post("/form")
async def form(name: Annotated[str, Form()]) -> Response:
    return told(name=name)


@router.get("/{number}/twice")
async def twice(who: Caller, again: Caller) -> Response:
    return told(who=who, again=again)


@router.get("/{number}/guarded", dependencies=[Depends(caller)])
async def guarded(number: int) -> Response:
    return told(number=number)


@router.get("/{number:int}/converted")
async def converted(number: int) -> Response:
    return told(number=number)


@router.delete("/{number}")
async def delete(number: int) -> dict[str, int]:
    return {"number": number}


def application(*, plain: bool) -> FastAPI:
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
    app.include_router(router, prefix="/api")
    answer_errors(app)
    if plain:
        answer_plain_routes(app)
    return app


APPLICATION, PLAIN = application(plain=False), application(plain=True)
SIGNED_IN = {"Authorization": "Bearer x"}
JSON = {"Content-Type": "application/json", **SIGNED_IN}


def answers_plainly(app: FastAPI, method: str, path: str) -> bool:
    routes = app.routes[0]
    assert isinstance(routes, PlainRoutes)
    return routes.matches({"type": "http", "method": method, "path": path})[0] is Match.FULL


async def answer(app: FastAPI, method: str, url: str, **request: Any) -> tuple[Any, ...]:
    transport = httpx2.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
        response = await client.request(method, url, **request)
    return response.status_code, response.headers.multi_items(), response.content


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/things"),
        ("GET", "/api/things?limit=3&theWord=%EA%B9%80%EC%B9%98&unknown=1"),
        ("GET", "/api/things?limit=0&theWord=toolong"),
        ("GET", "/api/things?limit="),
        ("GET", "/api/things?many=a&many=b"),
        ("GET", "/api/things?theWord=%00"),
        ("GET", "/api/things/first"),
        ("GET", "/api/things/second"),
        ("GET", "/api/things/7"),
        ("GET", "/api/things/13"),
        ("GET", "/api/things/x%2Fy"),
        ("GET", "/api/things/7/"),
        ("GET", "/api/things/7/opened"),
        ("GET", "/api/things/7/twice"),
        ("GET", "/api/things/7/guarded"),
        ("GET", "/api/things/7/converted"),
        ("DELETE", "/api/things/7"),
        ("DELETE", "/api/things/first"),
        ("HEAD", "/api/things"),
        ("PUT", "/api/things/7"),
        ("GET", "/api/nothing"),
    ],
)
@pytest.mark.parametrize("headers", [SIGNED_IN, {}, {**SIGNED_IN, "X-Who": "mina"}, {"X-Who": "too long"}])
async def test_requests_are_answered_as_fastapi_does(method: str, path: str, headers: dict[str, str]) -> None:
    expected = await answer(APPLICATION, method, path, headers=headers)
    assert await answer(PLAIN, method, path, headers=headers) == expected


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
        {},
        {**JSON, "Content-Type": "application/json; charset=utf-8"},
        {**JSON, "Content-Type": "application/merge-patch+json"},
        {**JSON, "Content-Type": "text/plain"},
        {**JSON, "X-Who": "too long"},
        SIGNED_IN,
    ],
)
async def test_bodies_are_read_as_fastapi_does(body: bytes, headers: dict[str, str]) -> None:
    expected = await answer(APPLICATION, "POST", "/api/things", content=body, headers=headers)
    assert await answer(PLAIN, "POST", "/api/things", content=body, headers=headers) == expected


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
    for app in (APPLICATION, PLAIN):
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


def test_what_is_plain() -> None:
    plain = ["GET /api/things", "GET /api/things/first", "GET /api/things/7", "POST /api/things"]
    others = [
        "GET /api/things/second",
        "POST /api/things/form",
        "DELETE /api/things/7",
        *(f"GET /api/things/7/{name}" for name in ("opened", "twice", "guarded", "converted")),
    ]
    assert [one for one in (*plain, *others) if answers_plainly(PLAIN, *one.split())] == plain


@pytest.mark.parametrize(
    "route",
    [
        "POST /api/log/food",
        "GET /api/log/food",
        "GET /api/log/food/today",
        "GET /api/log/food/01920000-0000-7000-8000-000000000000",
        "POST /api/log/exercise",
        "GET /api/log/exercise",
        "GET /api/log/exercise/today",
        "GET /api/log/exercise/01920000-0000-7000-8000-000000000000",
        "GET /api/analyses",
        "GET /api/contents",
        "GET /api/tags",
    ],
)
def test_the_hot_routes_are_plain(route: str) -> None:
    assert answers_plainly(create_app(Settings(_env_file=None)), *route.split())


def test_the_document_is_the_same() -> None:
    assert PLAIN.openapi() == APPLICATION.openapi()
