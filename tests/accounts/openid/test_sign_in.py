"""Signing in through OpenID Connect, over HTTP and with a real issuer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.settings import OpenIDProvider
from tests.fixtures.issuer import CLIENT_ID, Answer, Issuer
from tests.fixtures.server import Server, serve, settings_for, sign_up


@pytest.fixture
async def with_issuer(issuer: Issuer, database_url: str, tmp_path: Path, empty_database: None) -> AsyncIterator[Server]:
    """The application, knowing the local issuer as `local`."""
    provider = OpenIDProvider(issuer=issuer.url, audiences=[CLIENT_ID])
    async with serve(settings_for(database_url, tmp_path, oidc_providers={"local": provider})) as server:
        yield server


async def sign_in(server: Server, id_token: str, **fields: Any) -> Any:
    async with server.client() as client:
        return await client.post("/api/users/login", json={"provider": "local", "idToken": id_token} | fields)


async def test_the_first_sign_in_makes_an_account_and_the_next_finds_it(with_issuer: Server, issuer: Issuer) -> None:
    claims: dict[str, Any] = {"sub": "sub-1", "email": "mina@example.com", "email_verified": True, "name": "Mina"}
    first = await sign_in(with_issuer, issuer.id_token(**claims), timezone="Asia/Seoul")
    assert first.status_code == 200, first.text
    user = first.json()["user"]
    assert (user["email"], user["username"], user["timezone"]) == ("mina@example.com", "Mina", "Asia/Seoul")
    again = await sign_in(with_issuer, issuer.id_token(sub="sub-1", name="Renamed"))
    assert again.json()["user"]["id"] == user["id"]


async def test_first_sign_ins_at_once_make_one_account(
    with_issuer: Server, issuer: Issuer, engine: AsyncEngine
) -> None:
    token = issuer.id_token(sub="sub-1", email="mina@example.com", email_verified=True)
    answers = await asyncio.gather(*(sign_in(with_issuer, token) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["user"]["id"] for answer in answers}) == 1
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM users")) == 1


async def test_an_email_of_another_account_does_not_open_it(with_issuer: Server, issuer: Issuer) -> None:
    async with sign_up(with_issuer, email="mina@example.com") as mina:
        answer = await sign_in(with_issuer, issuer.id_token(sub="x", email="mina@example.com", email_verified=True))
        assert answer.status_code == 200
        assert answer.json()["user"]["id"] != mina.id
        assert answer.json()["user"]["email"] is None


async def test_a_token_for_somebody_else_signs_nobody_in(with_issuer: Server, issuer: Issuer) -> None:
    refused = await sign_in(with_issuer, issuer.id_token(aud="another client"))
    assert refused.status_code == 401
    assert refused.json()["type"] == "/problems/invalid-id-token"
    async with with_issuer.client() as client:
        unknown = await client.post("/api/users/login", json={"provider": "elsewhere", "idToken": "x"})
    assert unknown.status_code == 422


async def test_a_subject_is_a_persons_at_its_issuer_only(
    issuer: Issuer, database_url: str, tmp_path: Path, empty_database: None
) -> None:
    another = Issuer()
    providers = {
        "local": OpenIDProvider(issuer=issuer.url, audiences=[CLIENT_ID]),
        "another": OpenIDProvider(issuer=another.url, audiences=[CLIENT_ID]),
    }
    async with serve(settings_for(database_url, tmp_path, oidc_providers=providers)) as server:
        first = await sign_in(server, issuer.id_token(sub="sub-1"))
        second = await sign_in(server, another.id_token(sub="sub-1"), provider="another")
        again = await sign_in(server, issuer.id_token(sub="sub-1"))
    another.answer = Answer.DOWN
    assert [answer.status_code for answer in (first, second, again)] == [200, 200, 200]
    ids = [answer.json()["user"]["id"] for answer in (first, second, again)]
    assert ids[0] == ids[2] != ids[1]
