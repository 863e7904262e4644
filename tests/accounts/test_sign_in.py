"""Signing in with a password, staying signed in, and signing out."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx2
import jwt
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.accounts.service.guessing import PER_ACCOUNT_AND_NETWORK, WINDOW
from tests.fixtures.server import Person, Server


async def refresh(client: httpx2.AsyncClient, token: str) -> httpx2.Response:
    return await client.post("/api/users/token/refresh", json={"refreshToken": token})


async def test_unknown_and_wrong_look_the_same(mina: Person, anyone: httpx2.AsyncClient) -> None:
    wrong = await anyone.post("/api/users/login", json={"email": mina.email, "password": "wrong"})
    unknown = await anyone.post("/api/users/login", json={"email": "nobody@example.com", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.headers["www-authenticate"] == "Bearer"


async def test_the_oauth2_form_works_for_the_docs_page(mina: Person, anyone: httpx2.AsyncClient) -> None:
    form = {"grant_type": "password", "username": mina.email, "password": mina.password}
    answer = await anyone.post("/api/users/token", data=form)
    assert set(answer.json()) == {"access_token", "refresh_token", "token_type", "expires_in"}
    token = answer.json()["access_token"]
    assert (await anyone.get("/api/users/me", headers={"Authorization": f"Bearer {token}"})).status_code == 200


async def test_guessing_is_stopped_however_many_guess_at_once(
    server: Server, mina: Person, anyone: httpx2.AsyncClient
) -> None:
    guesses: list[httpx2.Response] = []
    for wave in range(5):
        sent = [{"email": mina.email, "password": f"guess {wave}.{n}"} for n in range(12)]
        guesses += await asyncio.gather(*(anyone.post("/api/users/login", json=guess) for guess in sent))
    tried = [guess for guess in guesses if guess.status_code == 401]
    stopped = [guess for guess in guesses if guess.status_code == 429]
    assert len(tried) == PER_ACCOUNT_AND_NETWORK
    assert len(tried) + len(stopped) == 60
    assert 0 < int(stopped[0].headers["retry-after"]) <= WINDOW.total_seconds()

    right = {"email": mina.email, "password": mina.password}
    assert (await anyone.post("/api/users/login", json=right)).status_code == 429
    server.clock.ahead = WINDOW
    assert (await anyone.post("/api/users/login", json=right)).status_code == 200


async def test_signing_in_rightly_uses_up_nothing(
    mina: Person, anyone: httpx2.AsyncClient, engine: AsyncEngine
) -> None:
    failures = text("SELECT coalesce(sum(failures), 0) FROM sign_in_failures")
    async with engine.connect() as connection:
        before = await connection.scalar(failures)
    for _ in range(3):
        right = {"email": mina.email, "password": mina.password}
        assert (await anyone.post("/api/users/login", json=right)).status_code == 200
    async with engine.connect() as connection:
        assert await connection.scalar(failures) == before


async def test_an_access_token_expires(server: Server, mina: Person) -> None:
    server.clock.ahead = timedelta(minutes=14)
    assert (await mina.client.get("/api/users/me")).status_code == 200
    server.clock.ahead = timedelta(minutes=15)
    expired = await mina.client.get("/api/users/me")
    assert expired.status_code == 401
    assert "expired" in expired.json()["detail"]


@pytest.mark.parametrize(
    "token",
    [
        "",
        "garbage",
        "a.b.c",
        "dbk_unknown",
        jwt.encode({"iss": "daybook", "sub": "1", "sid": "x", "exp": 9e9}, "k" * 40),
        jwt.encode({"iss": "daybook", "sub": "1", "sid": "x", "exp": 9e9}, "", "none"),
    ],
)
async def test_a_made_up_token_is_refused(server: Server, token: str) -> None:
    async with server.client(token) as client:
        assert (await client.get("/api/users/me")).status_code == 401


@pytest.mark.parametrize("token", ["dbk_é", "é.é.é"])
async def test_a_token_need_not_be_ascii_to_be_refused(anyone: httpx2.AsyncClient, token: str) -> None:
    headers = [(b"Authorization", b"Bearer " + token.encode("latin-1"))]
    assert (await anyone.get("/api/users/me", headers=headers)).status_code == 401


async def test_a_refresh_hands_out_the_next_token(server: Server, mina: Person, anyone: httpx2.AsyncClient) -> None:
    answer = await refresh(anyone, mina.refresh_token)
    assert answer.status_code == 200
    assert set(answer.json()) == {"tokens"}
    tokens = answer.json()["tokens"]
    assert set(tokens) == {"accessToken", "refreshToken"}
    assert tokens["refreshToken"] != mina.refresh_token
    async with server.client(tokens["accessToken"]) as client:
        assert (await client.get("/api/users/me")).json()["id"] == mina.id


async def test_a_client_that_lost_the_answer_gets_it_again(mina: Person, anyone: httpx2.AsyncClient) -> None:
    first, again = [await refresh(anyone, mina.refresh_token) for _ in range(2)]
    assert again.json()["tokens"]["refreshToken"] == first.json()["tokens"]["refreshToken"]
    assert (await refresh(anyone, first.json()["tokens"]["refreshToken"])).status_code == 200


async def test_many_refreshes_at_once_make_one_successor(
    mina: Person, anyone: httpx2.AsyncClient, engine: AsyncEngine
) -> None:
    answers = await asyncio.gather(*(refresh(anyone, mina.refresh_token) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["tokens"]["refreshToken"] for answer in answers}) == 1
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM sessions")) == 2


async def test_a_token_that_comes_again_later_ends_the_sign_in(
    server: Server, mina: Person, anyone: httpx2.AsyncClient
) -> None:
    successor = (await refresh(anyone, mina.refresh_token)).json()["tokens"]["refreshToken"]
    server.clock.ahead = timedelta(minutes=1)
    stolen = await refresh(anyone, mina.refresh_token)
    assert stolen.status_code == 401
    assert "ended" in stolen.json()["detail"]
    assert (await refresh(anyone, successor)).status_code == 401


async def test_a_refresh_token_expires(server: Server, mina: Person, anyone: httpx2.AsyncClient) -> None:
    server.clock.ahead = timedelta(days=60)
    assert (await refresh(anyone, mina.refresh_token)).status_code == 401


async def test_sessions_are_listed_and_ended(mina: Person, juno: Person, anyone: httpx2.AsyncClient) -> None:
    elsewhere = await anyone.post(
        "/api/users/login",
        json={"email": mina.email, "password": mina.password},
        headers={"User-Agent": "phone"},
    )
    sessions = (await mina.client.get("/api/users/me/sessions")).json()
    assert sessions[0]["userAgent"] == "phone"
    assert [one["current"] for one in sessions] == [False, True]

    assert (await juno.client.delete(f"/api/users/me/sessions/{sessions[0]['id']}")).status_code == 404
    assert (await mina.client.delete(f"/api/users/me/sessions/{sessions[0]['id']}")).status_code == 204
    assert (await refresh(anyone, elsewhere.json()["refreshToken"])).status_code == 401
    assert len((await mina.client.get("/api/users/me/sessions")).json()) == 1


@pytest.mark.parametrize("body", [None, {"refreshToken": "dbr_unknown"}])
async def test_logging_out_ends_the_session(
    mina: Person, anyone: httpx2.AsyncClient, body: dict[str, Any] | None
) -> None:
    assert (await mina.client.post("/api/users/logout", json=body)).status_code == 204
    assert (await refresh(anyone, mina.refresh_token)).status_code == 401


async def test_logging_out_does_not_end_anothers_session(mina: Person, juno: Person) -> None:
    body = {"refreshToken": juno.refresh_token}
    assert (await mina.client.post("/api/users/logout", json=body)).status_code == 204
    assert (await refresh(juno.client, juno.refresh_token)).status_code == 200
