"""Registering, reading, changing and deleting an account."""

import asyncio
from typing import Any

import httpx2
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.tracing import watch_statements
from tests.fixtures.server import Person, Server, sign_up

ACCOUNT: dict[str, Any] = {
    "email": "Mina@Example.com",
    "password": "correct horse battery",
    "username": "미나",
    "timezone": "Asia/Seoul",
}


async def test_a_registered_person_reads_their_account(anyone: httpx2.AsyncClient) -> None:
    registered = await anyone.post("/api/users", json=ACCOUNT | {"userKey": "device-1", "ageRange": "30-39"})

    assert registered.status_code == 201
    body = registered.json()
    assert (body["username"], body["userKey"], body["ageRange"], body["isPremium"]) == (
        "미나",
        "device-1",
        "30-39",
        False,
    )
    assert "password" not in registered.text

    signed_in = await anyone.post(
        "/api/users/login", json={"email": "mina@example.COM", "password": ACCOUNT["password"]}
    )
    token = signed_in.json()["accessToken"]
    me = await anyone.get("/api/users/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json() == body


@pytest.mark.parametrize(
    "second", [{"email": "mina@example.com", "userKey": "other"}, {"email": "other@example.com", "userKey": "device-1"}]
)
async def test_email_and_user_key_are_unique(anyone: httpx2.AsyncClient, second: dict[str, str]) -> None:
    await anyone.post("/api/users", json=ACCOUNT | {"userKey": "device-1"})
    refused = await anyone.post("/api/users", json=ACCOUNT | second)
    assert refused.status_code == 409
    assert ("user key" if second["userKey"] == "device-1" else "email") in refused.json()["detail"]


async def test_the_same_registration_at_once_makes_one_account(anyone: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(anyone.post("/api/users", json=ACCOUNT) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


@pytest.mark.parametrize(
    "change",
    [
        {"email": "not an address"},
        {"email": "nul\u0000@example.com"},
        {"password": "short"},
        {"password": "x" * 201},
        {"username": "  "},
        {"username": "\u0000"},
        {"timezone": "Seoul"},
        {"timezone": "../../etc/passwd"},
        {"timezone": None},
        {"nickname": "misspelt"},
    ],
)
async def test_an_account_that_cannot_be_is_refused(anyone: httpx2.AsyncClient, change: dict[str, Any]) -> None:
    refused = await anyone.post("/api/users", json=ACCOUNT | change)
    assert refused.status_code == 422
    assert refused.json()["errors"]
    assert ACCOUNT["password"] not in refused.text


async def test_a_profile_is_changed_by_what_is_named(mina: Person) -> None:
    before = (await mina.client.get("/api/users/me")).json()
    changed = await mina.client.patch(
        "/api/users/me", json={"username": "민아", "profileImage": "https://example.com/m.png"}
    )
    after = changed.json()
    assert changed.status_code == 200, changed.text
    assert after["updatedAt"] > before["updatedAt"]
    assert after == before | {
        "username": "민아",
        "profileImage": "https://example.com/m.png",
        "updatedAt": after["updatedAt"],
    }


@pytest.mark.parametrize(
    "change",
    [
        {"username": "민아"},
        {"timezone": "Europe/Lisbon"},
        {"profileImage": "https://example.com/m.png"},
        {"locale": "pt-PT"},
        {"gender": "female"},
        {"ageRange": "40-49"},
        {"profileImage": None},
        {"locale": None},
        {"gender": None},
        {"ageRange": None},
        {},
    ],
    ids=str,
)
async def test_a_change_leaves_everything_else_as_it_was(mina: Person, change: dict[str, Any]) -> None:
    known = {"profileImage": "https://example.com/1.png", "locale": "ko-KR", "gender": "other", "ageRange": "30-39"}
    before = (await mina.client.patch("/api/users/me", json=known)).json()
    assert before | known == before
    with watch_statements() as statements:
        changed = await mina.client.patch("/api/users/me", json=change)
    after = changed.json()
    assert after == before | change | {"updatedAt": after["updatedAt"]}
    assert (after["updatedAt"] > before["updatedAt"]) is bool(change)
    # Whether the session lives, the row, its change, and whether the database knows the time zone.
    assert len(statements) == 2 + bool(change) + ("timezone" in change)
    assert (await mina.client.get("/api/users/me")).json() == after


async def test_changes_at_the_same_time_are_all_kept_and_shown(mina: Person) -> None:
    changes = [{"username": "민아"}, {"timezone": "Europe/Lisbon"}, {"locale": "pt-PT"}, {"gender": "female"}]
    answers = await asyncio.gather(*(mina.client.patch("/api/users/me", json=change) for change in changes))
    assert {answer.status_code for answer in answers} == {200}
    after = (await mina.client.get("/api/users/me")).json()
    assert all(after | change == after for change in changes)
    assert after in [answer.json() for answer in answers]


@pytest.mark.parametrize(
    "change",
    [
        {"username": None},
        {"timezone": None},
        {"email": None, "currentPassword": "x"},
        {"password": None, "currentPassword": "x"},
        {"timezone": "Nowhere/Land"},
        {"profileImage": "javascript:alert(1)"},
        {"isPremium": True},
    ],
    ids=str,
)
async def test_a_profile_that_cannot_be_is_refused(mina: Person, change: dict[str, Any]) -> None:
    before = (await mina.client.get("/api/users/me")).json()
    refused = await mina.client.patch("/api/users/me", json=change)
    assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["body", next(iter(change))])
    assert (await mina.client.get("/api/users/me")).json() == before


@pytest.mark.parametrize("change", [{"password": "a new one!"}, {"email": "mina.new@example.com"}], ids=str)
async def test_email_and_password_are_not_changed_without_the_password(mina: Person, change: dict[str, Any]) -> None:
    for unconfirmed in (change, change | {"currentPassword": None}):
        assert (await mina.client.patch("/api/users/me", json=unconfirmed)).status_code == 422
    wrong = await mina.client.patch("/api/users/me", json=change | {"currentPassword": "guess guess"})
    assert (wrong.status_code, wrong.json()["type"]) == (403, "/problems/wrong-password")


async def test_a_deleted_account_is_neither_shown_nor_changed(mina: Person) -> None:
    await mina.client.delete("/api/users/me")
    change = {"email": "mina.new@example.com", "currentPassword": mina.password}
    for refused in (
        await mina.client.patch("/api/users/me", json=change),
        await mina.client.patch("/api/users/me", json={"username": "x"}),
        await mina.client.get("/api/users/me"),
    ):
        assert (refused.status_code, refused.json()["type"]) == (401, "/problems/unauthenticated")
        assert refused.json()["detail"] == "The account of this token has been deleted."


async def test_a_new_password_needs_the_old_one_and_ends_other_sessions(
    mina: Person, juno: Person, anyone: httpx2.AsyncClient
) -> None:
    credentials = {"email": mina.email, "password": mina.password}
    elsewhere = (await anyone.post("/api/users/login", json=credentials)).json()["refreshToken"]

    wrong = {"password": "another horse", "currentPassword": "guess guess"}
    assert (await mina.client.patch("/api/users/me", json=wrong)).status_code == 403
    right = {"password": "another horse", "currentPassword": mina.password}
    assert (await mina.client.patch("/api/users/me", json=right)).status_code == 200

    assert (await anyone.post("/api/users/login", json=credentials)).status_code == 401
    new = {"email": mina.email, "password": "another horse"}
    assert (await anyone.post("/api/users/login", json=new)).status_code == 200
    refreshed = {
        token: await anyone.post("/api/users/token/refresh", json={"refreshToken": token})
        for token in (elsewhere, mina.refresh_token, juno.refresh_token)
    }
    assert [answer.status_code for answer in refreshed.values()] == [401, 200, 200]


async def test_a_new_email_may_not_be_anothers(mina: Person, juno: Person) -> None:
    change = {"email": juno.email.upper(), "currentPassword": mina.password}
    assert (await mina.client.patch("/api/users/me", json=change)).status_code == 409
    change["email"] = "mina.new@example.com"
    assert (await mina.client.patch("/api/users/me", json=change)).json()["email"] == "mina.new@example.com"


async def test_a_deleted_account_takes_everything_along(server: Server, juno: Person, engine: AsyncEngine) -> None:
    async with sign_up(server) as person:
        await person.client.post("/api/log/food", json={"ingredients": [{"name": "egg", "color": "teal"}]})
        await person.client.post("/api/users/me/tokens", json={"name": "x", "scopes": ["diary:read"]})
        await juno.client.post("/api/log/food", json={})
        assert (await person.client.delete("/api/users/me")).status_code == 204
        assert (await person.client.get("/api/users/me")).status_code == 401
        refresh = await person.client.post("/api/users/token/refresh", json={"refreshToken": person.refresh_token})
        assert refresh.status_code == 401
    async with engine.connect() as connection:
        for table, left in {"users": 1, "food_logs": 1, "food_ingredients": 0, "sessions": 1, "api_tokens": 0}.items():
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == left, table
