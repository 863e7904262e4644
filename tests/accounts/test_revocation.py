"""What has been revoked stays out, whatever was under way at the moment of the revocation."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.accounts.models import RefreshToken
from daybook.accounts.tokens import digest
from tests.fixtures.server import Person, Server, sign_up

ROUNDS = 100
AT_ONCE = 10


class Thief:
    """A client that has stolen a refresh token, and refreshes as fast as it can until it is refused."""

    def __init__(self, client: httpx2.AsyncClient, family: UUID, token: str) -> None:
        self.client = client
        self.family = family
        self.token = token
        self.access_token = ""
        self.ready = asyncio.Event()
        self.stopped = False

    async def refresh(self) -> int:
        """Exchange the token once, and return the status."""
        answer = await self.client.post("/api/users/token/refresh", json={"refreshToken": self.token})
        if answer.status_code == 200:
            self.access_token, self.token = answer.json()["tokens"].values()
        return answer.status_code

    async def run(self) -> None:
        """Refresh until refused, or stopped."""
        while not self.stopped and await self.refresh() == 200:
            self.ready.set()

    async def survives(self, revocation: Callable[["Thief"], Awaitable[None]]) -> bool:
        """Return whether the thief still refreshes once the answer of the revocation is here."""
        running = asyncio.create_task(self.run())
        await self.ready.wait()
        await revocation(self)
        self.stopped = True
        await running
        return await self.refresh() == 200


async def thieves(engine: AsyncEngine, client: httpx2.AsyncClient, person: Person, count: int) -> list[Thief]:
    """Return thieves, each in a session of this person's of its own."""
    now = datetime.now(UTC)
    found = [Thief(client, uuid4(), f"dbr_{secrets.token_urlsafe(32)}") for _ in range(count)]
    rows = [
        {
            "user_id": person.id,
            "family": thief.family,
            "token_hash": digest(thief.token),
            "started_at": now,
            "issued_at": now,
            "expires_at": now + timedelta(days=1),
        }
        for thief in found
    ]
    async with engine.begin() as connection:
        await connection.execute(insert(RefreshToken), rows)
    return found


@pytest.mark.parametrize("way", ["end the session", "log out"])
async def test_a_client_that_refreshes_in_a_loop_does_not_survive(
    mina: Person, anyone: httpx2.AsyncClient, engine: AsyncEngine, way: str
) -> None:
    async def revoke(thief: Thief) -> None:
        if way == "end the session":
            answer = await mina.client.delete(f"/api/users/me/sessions/{thief.family}")
        else:
            headers = {"Authorization": f"Bearer {thief.access_token}"}
            answer = await anyone.post("/api/users/logout", headers=headers)
        assert answer.status_code == 204

    survivors = 0
    for _ in range(ROUNDS // AT_ONCE):
        found = await thieves(engine, anyone, mina, AT_ONCE)
        survivors += sum(await asyncio.gather(*(thief.survives(revoke) for thief in found)))
    assert survivors == 0


async def test_a_client_that_refreshes_in_a_loop_does_not_survive_a_new_password(
    server: Server, anyone: httpx2.AsyncClient, engine: AsyncEngine
) -> None:
    async def survivors_of(person: Person) -> int:
        change = {"currentPassword": person.password, "password": "another horse"}
        revocation = asyncio.Event()

        async def revoke(_: Thief) -> None:
            await revocation.wait()

        found = await thieves(engine, anyone, person, AT_ONCE)
        running = [asyncio.create_task(thief.survives(revoke)) for thief in found]
        await asyncio.gather(*(thief.ready.wait() for thief in found))
        assert (await person.client.patch("/api/users/me", json=change)).status_code == 200
        revocation.set()
        return sum(await asyncio.gather(*running))

    for _ in range(ROUNDS // AT_ONCE):
        async with sign_up(server) as person:
            assert await survivors_of(person) == 0


async def _waiting(engine: AsyncEngine, count: int) -> None:
    """Return when so many statements wait for a lock."""
    waiting = "wait_event_type = 'Lock' AND datname = current_database()"
    query = text(f"SELECT count(*) FROM pg_stat_activity WHERE {waiting}")
    async with engine.connect() as connection:
        while await connection.scalar(query) != count:
            await connection.rollback()
            await asyncio.sleep(0.01)


async def test_a_sign_in_with_the_old_password_does_not_outlive_a_new_one(
    mina: Person, anyone: httpx2.AsyncClient, engine: AsyncEngine
) -> None:
    change = {"currentPassword": mina.password, "password": "another horse"}
    old = {"email": mina.email, "password": mina.password}
    async with engine.begin() as connection:
        await connection.execute(text("SELECT FROM users FOR UPDATE"))
        changing = asyncio.create_task(mina.client.patch("/api/users/me", json=change))
        await _waiting(engine, 1)  # the old password was right
        signing_in = asyncio.create_task(anyone.post("/api/users/login", json=old))
        await _waiting(engine, 2)  # and here as well
    assert (await changing).status_code == 200
    assert (await signing_in).status_code == 401


async def test_two_new_passwords_at_once_are_one(mina: Person, engine: AsyncEngine) -> None:
    changes = [{"currentPassword": mina.password, "password": f"another horse {number}"} for number in range(2)]
    async with engine.begin() as connection:
        await connection.execute(text("SELECT FROM users FOR UPDATE"))
        running = [asyncio.create_task(mina.client.patch("/api/users/me", json=change)) for change in changes]
        await _waiting(engine, 2)  # the old password was right for both
    assert sorted([answer.status_code for answer in await asyncio.gather(*running)]) == [200, 403]


async def test_an_api_token_does_not_outlive_the_session_that_asks_for_it(mina: Person, engine: AsyncEngine) -> None:
    own = (await mina.client.get("/api/users/me/sessions")).json()[0]["id"]
    async with engine.begin() as connection:
        await connection.execute(text("SELECT FROM users FOR UPDATE"))
        creating = asyncio.create_task(
            mina.client.post("/api/users/me/tokens", json={"name": "x", "scopes": ["diary:read"]})
        )
        await _waiting(engine, 1)  # the session was alive when the request came
        assert (await mina.client.delete(f"/api/users/me/sessions/{own}")).status_code == 204
    assert (await creating).json()["type"] == "/problems/session-ended"
