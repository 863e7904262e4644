"""Whatever goes wrong, a client is told as application/problem+json."""

from collections.abc import Iterator
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import StringConstraints

from daybook.settings import Settings
from daybook.web.problem import MEDIA_TYPE, answer_errors
from daybook.web.schema import Schema
from tests.fixtures.server import Person


def problem(response: httpx2.Response) -> dict[str, Any]:
    """Return the problem of this answer, having checked its form."""
    assert response.headers["content-type"] == MEDIA_TYPE
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code
    assert {"type", "title", "status", "detail"} <= set(body)
    return body


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing/here", 404),
        ("PUT", "/api/users", 405),
        ("GET", "/api/log/food/%00", 401),
        ("GET", "/problems/unheard-of", 404),
    ],
)
async def test_what_the_framework_refuses(anyone: httpx2.AsyncClient, method: str, path: str, status: int) -> None:
    response = await anyone.request(method, path)
    assert response.status_code == status
    problem(response)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"\xff\xfe", 400),
        (b"[]", 422),
        (b'"text"', 422),
        (b"", 422),
        (b"x" * 1_000_001, 413),
    ],
)
async def test_bodies_that_cannot_be_read(mina: Person, body: bytes, status: int) -> None:
    response = await mina.client.post("/api/log/food", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status
    problem(response)


@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("value", ["CANARY\x00", "CANARY" + "x" * 300, "\x00CANARY"], ids=["NUL", "long", "NUL first"])
async def test_a_form_that_cannot_be_is_refused_without_its_values(
    anyone: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture, field: str, value: str
) -> None:
    form = {"username": "mina@example.com", "password": "correct horse battery"} | {field: value}
    refused = await anyone.post("/api/users/token", data=form)
    assert (refused.status_code, problem(refused)["errors"][0]["loc"]) == (422, ["body", field])
    assert "CANARY" not in refused.text + caplog.text


class _Small(Schema):
    password: Annotated[str, StringConstraints(max_length=5)]


async def test_a_value_that_a_handler_refuses_is_422_and_not_repeated(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", "daybook.web.problem")
    app = FastAPI()
    answer_errors(app)

    @app.get("/")
    async def handler() -> None:
        _Small(password="CANARY")

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
        refused = await client.get("/")
    assert (refused.status_code, problem(refused)["errors"][0]["loc"]) == (422, ["body", "password"])
    assert "CANARY" not in refused.text + caplog.text
    assert "_Small" in caplog.text


def test_no_schema_repeats_its_input_in_errors() -> None:
    def all_of(schema: type[Schema]) -> Iterator[type[Schema]]:
        yield schema
        for subclass in schema.__subclasses__():
            yield from all_of(subclass)

    assert Settings.model_config.get("hide_input_in_errors")
    for schema in all_of(Schema):
        assert schema.model_config.get("hide_input_in_errors"), schema


async def test_an_undeclared_body_is_counted_while_it_arrives(mina: Person) -> None:
    async def endless() -> Any:
        for _ in range(40):
            yield b" " * 50_000

    response = await mina.client.post("/api/log/food", content=endless(), headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    problem(response)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "301"},
        {"limit": "x"},
        {"limit": str(10**30)},
        {"from": "yesterday"},
        {"from": "99999-01-01"},
        {"cursor": "\x00"},
        {"cursor": "x" * 501},
    ],
)
async def test_queries_that_cannot_be_used(mina: Person, query: dict[str, str]) -> None:
    response = await mina.client.get("/api/log/food", params=query)
    assert response.status_code == 422
    assert problem(response)["errors"][0]["loc"] == ["query", next(iter(query))]


@pytest.mark.parametrize("token_id", ["0", "-1", str(2**63), "x", "1" * 5000, "%00"])
async def test_ids_that_cannot_be(mina: Person, token_id: str) -> None:
    response = await mina.client.delete(f"/api/users/me/tokens/{token_id}")
    assert response.status_code == 422
    problem(response)


async def test_what_was_sent_is_not_repeated(anyone: httpx2.AsyncClient) -> None:
    response = await anyone.post("/api/users", json={"email": "x", "password": "hunter2", "username": "x"})
    assert "hunter2" not in response.text


async def test_a_problems_type_explains_itself(anyone: httpx2.AsyncClient) -> None:
    refused = problem(await anyone.get("/api/users/me"))
    explained = (await anyone.get(refused["type"])).json()
    assert (explained["type"], explained["status"]) == ("/problems/unauthenticated", 401)
    assert explained["meaning"]


async def test_every_answer_has_a_request_id(anyone: httpx2.AsyncClient) -> None:
    given = {"X-Request-ID": "0123456789abcdef0123456789abcdef"}
    assert (await anyone.get("/nothing", headers=given)).headers["X-Request-ID"] == given["X-Request-ID"]
    for made_up in ({}, {"X-Request-ID": "made up"}, {"X-Request-ID": "x" * 10_000}):
        assert len((await anyone.get("/healthz", headers=made_up)).headers["X-Request-ID"]) == 32
