"""What a stolen access token is not enough for: the password, or a sign-in a moment ago, is asked for."""

from datetime import timedelta
from typing import Any

import pytest

from daybook.accounts.service.guessing import PER_ACCOUNT_AND_NETWORK
from daybook.accounts.service.sessions import CONFIRMED_FOR
from tests.fixtures.server import Person, Server

REQUESTS: dict[str, dict[str, Any]] = {
    "make an API token": {
        "method": "POST",
        "url": "/api/users/me/tokens",
        "json": {"name": "x", "scopes": ["diary:read"]},
    },
    "delete the account": {"method": "DELETE", "url": "/api/users/me", "json": {}},
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_it_needs_the_password_or_a_sign_in_of_the_last_minutes(
    server: Server, mina: Person, request_: dict[str, Any]
) -> None:
    server.clock.ahead = CONFIRMED_FOR + timedelta(seconds=1)
    refused = await mina.client.request(**request_)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/confirmation-needed")
    wrong = await mina.client.request(**request_ | {"json": request_["json"] | {"currentPassword": "guess guess"}})
    assert (wrong.status_code, wrong.json()["type"]) == (403, "/problems/wrong-password")
    right = await mina.client.request(**request_ | {"json": request_["json"] | {"currentPassword": mina.password}})
    assert right.is_success


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_signing_in_again_confirms_it(server: Server, mina: Person, request_: dict[str, Any]) -> None:
    server.clock.ahead = timedelta(days=1)
    signed_in = await mina.client.post("/api/users/login", json={"email": mina.email, "password": mina.password})
    async with server.client(signed_in.json()["accessToken"]) as client:
        assert (await client.request(**request_)).is_success


async def test_refreshing_does_not_confirm_it(server: Server, mina: Person) -> None:
    server.clock.ahead = CONFIRMED_FOR + timedelta(seconds=1)
    refreshed = await mina.client.post("/api/users/token/refresh", json={"refreshToken": mina.refresh_token})
    async with server.client(refreshed.json()["tokens"]["accessToken"]) as client:
        assert (await client.delete("/api/users/me")).status_code == 403


async def test_guesses_of_the_current_password_are_counted(mina: Person) -> None:
    change = {"password": "another horse", "currentPassword": "guess guess"}
    for _ in range(PER_ACCOUNT_AND_NETWORK):
        assert (await mina.client.patch("/api/users/me", json=change)).status_code == 403
    right = change | {"currentPassword": mina.password}
    assert (await mina.client.patch("/api/users/me", json=right)).status_code == 429


async def test_a_new_password_ends_api_tokens(server: Server, mina: Person, juno: Person) -> None:
    body = {"name": "x", "scopes": ["diary:read"]}
    tokens = [(await person.client.post("/api/users/me/tokens", json=body)).json()["token"] for person in (mina, juno)]
    change = {"password": "another horse", "currentPassword": mina.password}
    assert (await mina.client.patch("/api/users/me", json=change)).status_code == 200
    for token, status in zip(tokens, (401, 200), strict=True):
        async with server.client(token) as script:
            assert (await script.get("/api/log/food")).status_code == status
