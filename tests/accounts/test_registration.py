"""Who may create an account, how many at once, and what all of them together may cost."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.accounts.passwords import MOST_AT_ONCE, Passwords
from daybook.accounts.service.guessing import REGISTRATIONS_PER_NETWORK
from daybook.accounts.service.registration import INVITED_FOR
from daybook.app import invite
from daybook.errors import Unavailable
from daybook.settings import Environment, Registration, Settings
from tests.fixtures.server import serve, settings_for, sign_up

ACCOUNT: dict[str, Any] = {
    "email": "mina@example.com",
    "password": "correct horse battery",
    "username": "Mina",
    "timezone": "Asia/Seoul",
}


@pytest.mark.parametrize(("environment", "registration"), [("development", "open"), ("production", "invite")])
def test_production_is_by_invitation_unless_it_says_otherwise(environment: str, registration: str) -> None:
    settings = Settings(
        _env_file=None,
        environment=Environment(environment),
        secret_key=SecretStr("k" * 40),
        database_url="postgresql://localhost/x",
        offline_analyzer=True,
    )
    assert settings.who_may_register == registration


async def test_nobody_registers_where_registration_is_closed(
    database_url: str, tmp_path: Path, empty_database: None
) -> None:
    settings = settings_for(database_url, tmp_path, registration=Registration.CLOSED)
    invitation = await invite(settings)
    async with serve(settings) as server, server.client() as anyone:
        refused = await anyone.post("/api/users", json=ACCOUNT | {"invitation": invitation})
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/registration-closed")


async def test_an_invitation_is_good_for_one_account(database_url: str, tmp_path: Path, empty_database: None) -> None:
    settings = settings_for(database_url, tmp_path, registration=Registration.INVITE)
    invitation, outdated = [await invite(settings) for _ in range(2)]
    async with serve(settings) as server, server.client() as anyone:
        for refused_one in ({}, {"invitation": None}, {"invitation": "dbi_guess"}):
            refused = await anyone.post("/api/users", json=ACCOUNT | refused_one)
            assert (refused.status_code, refused.json()["type"]) == (403, "/problems/invitation-needed")
        async with sign_up(server, email="juno@example.com", invitation=invitation) as juno:
            assert (await juno.client.get("/api/users/me")).status_code == 200
        used = await anyone.post("/api/users", json=ACCOUNT | {"invitation": invitation})
        assert used.json()["type"] == "/problems/invitation-needed"
        server.clock.ahead = INVITED_FOR
        late = await anyone.post("/api/users", json=ACCOUNT | {"invitation": outdated})
        assert late.json()["type"] == "/problems/invitation-needed"


async def test_a_registration_that_fails_leaves_the_invitation(
    database_url: str, tmp_path: Path, empty_database: None
) -> None:
    settings = settings_for(database_url, tmp_path, registration=Registration.INVITE)
    first, second = [await invite(settings) for _ in range(2)]
    async with serve(settings) as server, sign_up(server, email=ACCOUNT["email"], invitation=first) as mina:
        taken = await mina.client.post("/api/users", json=ACCOUNT | {"invitation": second})
        assert taken.status_code == 409
        async with sign_up(server, invitation=second):
            pass


async def test_a_network_registers_so_many_accounts(anyone: httpx2.AsyncClient, engine: AsyncEngine) -> None:
    assert (await anyone.post("/api/users", json=ACCOUNT)).status_code == 201
    async with engine.begin() as connection:
        failures = {"n": REGISTRATIONS_PER_NETWORK, "since": datetime.now(UTC) - timedelta(minutes=1)}
        await connection.execute(text("UPDATE sign_in_failures SET failures = :n, since = :since"), failures)
    second = ACCOUNT | {"email": "juno@example.com"}
    refused = await anyone.post("/api/users", json=second)
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-registrations")
    assert 0 < int(refused.headers["retry-after"]) <= 14 * 60
    elsewhere = await anyone.post("/api/users", json=second, headers={"X-Forwarded-For": "203.0.113.7"})
    assert elsewhere.status_code == 201


async def test_passwords_do_not_wait_without_end() -> None:
    passwords = Passwords()
    tasks = [asyncio.create_task(passwords.hash("correct horse battery")) for _ in range(MOST_AT_ONCE + 10)]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    refused = [result for result in results if isinstance(result, Unavailable)]
    assert len(refused) == 10
    assert {error.retry_after for error in refused} == {1}
