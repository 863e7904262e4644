"""Personal tokens for scripts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fixtures.server import Person, Server


async def make(person: Person, **fields: Any) -> dict[str, Any]:
    body = {"name": "script", "scopes": ["diary:read"]} | fields
    made = await person.client.post("/api/users/me/tokens", json=body)
    assert made.status_code == 201, made.text
    token: dict[str, Any] = made.json()
    return token


async def test_a_token_does_what_its_scopes_allow(server: Server, mina: Person) -> None:
    token = (await make(mina))["token"]
    async with server.client(token) as script:
        assert (await script.get("/api/log/food")).status_code == 200
        refused = await script.post("/api/log/food", json={})
        assert refused.status_code == 403
        assert "diary:write" in refused.json()["detail"]


async def test_a_token_is_shown_once(mina: Person) -> None:
    made = await make(mina)
    listed = await mina.client.get("/api/users/me/tokens")
    assert made["token"] not in listed.text
    assert made["token"].startswith(listed.json()[0]["prefix"])
    assert listed.json()[0]["lastUsedAt"] is None


async def test_tokens_are_listed_as_they_were_made(mina: Person, juno: Person) -> None:
    made = [await make(mina, name=name, scopes=["diary:read", "library:write"]) for name in ("first", "second")]
    await make(juno)
    shown = [{name: value for name, value in token.items() if name != "token"} for token in reversed(made)]
    assert (await mina.client.get("/api/users/me/tokens")).json() == shown


async def test_a_script_sees_the_sessions_and_has_none(server: Server, mina: Person) -> None:
    async with server.client((await make(mina, scopes=["account:read"]))["token"]) as script:
        sessions = (await script.get("/api/users/me/sessions")).json()
    assert sessions == [one | {"current": False} for one in (await mina.client.get("/api/users/me/sessions")).json()]
    assert set(sessions[0]) == {"id", "userAgent", "startedAt", "lastUsedAt", "expiresAt", "current"}


async def test_the_last_use_is_noted(server: Server, mina: Person) -> None:
    async with server.client((await make(mina))["token"]) as script:
        await script.get("/api/log/food")
    assert (await mina.client.get("/api/users/me/tokens")).json()[0]["lastUsedAt"] is not None


async def test_a_deleted_token_stops_at_once(server: Server, mina: Person, juno: Person) -> None:
    made = await make(mina)
    assert (await juno.client.delete(f"/api/users/me/tokens/{made['id']}")).status_code == 404
    async with server.client(made["token"]) as script:
        assert (await script.get("/api/log/food")).status_code == 200
        assert (await mina.client.delete(f"/api/users/me/tokens/{made['id']}")).status_code == 204
        assert (await script.get("/api/log/food")).status_code == 401


async def test_a_token_expires(server: Server, mina: Person) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    async with server.client((await make(mina, expiresAt=soon.isoformat()))["token"]) as script:
        assert (await script.get("/api/log/food")).status_code == 200
        server.clock.ahead = timedelta(hours=2)
        assert (await script.get("/api/log/food")).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["account:write"]},
        {"name": "x", "scopes": ["everything"]},
        {"name": "x", "scopes": ["diary:read"], "expiresAt": "2020-01-01T00:00:00Z"},
        {"name": "x", "scopes": ["diary:read"], "expiresAt": "2030-01-01T00:00:00"},
        {"name": "", "scopes": ["diary:read"]},
    ],
)
async def test_a_token_that_cannot_be_is_refused(mina: Person, body: dict[str, Any]) -> None:
    assert (await mina.client.post("/api/users/me/tokens", json=body)).status_code == 422
