"""Who is stopped when passwords are guessed, and who is not."""

import time
from datetime import UTC, datetime

import httpx2
import pytest
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.accounts.models import SignInFailures
from daybook.accounts.service.guessing import (
    PER_ACCOUNT_AND_NETWORK,
    PER_NETWORK,
    SECONDS_PER_FAILURE,
    UNSLOWED_PER_ACCOUNT,
    network_of,
)
from tests.fixtures.server import Person


async def sign_in(client: httpx2.AsyncClient, email: str, password: str, address: str) -> int:
    """Sign in from this address, which the trusted proxy on this machine reports, and return the status."""
    body = {"email": email, "password": password}
    answer = await client.post("/api/users/login", json=body, headers={"X-Forwarded-For": address})
    return answer.status_code


async def guess(client: httpx2.AsyncClient, email: str, addresses: list[str]) -> None:
    for address in addresses:
        assert await sign_in(client, email, "guess guess", address) == 401


@pytest.mark.parametrize(
    "addresses",
    [
        ["203.0.113.7"] * PER_ACCOUNT_AND_NETWORK,
        [f"2001:db8::{number:x}:1" for number in range(PER_ACCOUNT_AND_NETWORK)],
    ],
    ids=["one address", "one /64"],
)
async def test_a_network_is_stopped_and_the_owner_elsewhere_is_not(
    mina: Person, anyone: httpx2.AsyncClient, addresses: list[str]
) -> None:
    await guess(anyone, mina.email, addresses)
    assert await sign_in(anyone, mina.email, mina.password, addresses[-1]) == 429
    assert await sign_in(anyone, mina.email, mina.password, "2001:db8:0:1::1") == 200


async def test_another_spelling_is_the_same_account(
    mina: Person, anyone: httpx2.AsyncClient, engine: AsyncEngine
) -> None:
    change = {"email": "victim@example.com", "currentPassword": mina.password}
    assert (await mina.client.patch("/api/users/me", json=change)).status_code == 200
    async with engine.connect() as connection:
        same = await connection.scalar(text("SELECT lower(U&'\\0130') = 'i'"))
    spelling = "V\u0130CTIM@example.com" if same else "VICTIM@example.com"
    await guess(anyone, spelling, ["203.0.113.7"] * PER_ACCOUNT_AND_NETWORK)
    for email in (spelling, "victim@example.com"):
        assert await sign_in(anyone, email, mina.password, "203.0.113.7") == 429


async def test_an_account_that_is_guessed_at_from_everywhere_is_slower_but_not_locked(
    mina: Person, anyone: httpx2.AsyncClient, engine: AsyncEngine
) -> None:
    await guess(anyone, mina.email, ["203.0.113.7"])
    async with engine.begin() as connection:
        more = text("UPDATE sign_in_failures SET failures = :n WHERE failures > 0")
        await connection.execute(more, {"n": UNSLOWED_PER_ACCOUNT + 1})
    assert await sign_in(anyone, mina.email, mina.password, "127.0.0.1") == 200  # where Mina has signed in before
    begun = time.monotonic()
    assert await sign_in(anyone, mina.email, mina.password, "198.51.100.1") == 200
    assert time.monotonic() - begun >= 2 * SECONDS_PER_FAILURE


async def test_a_device_that_has_signed_in_before_is_not_stopped_by_its_neighbours(
    mina: Person, juno: Person, anyone: httpx2.AsyncClient, engine: AsyncEngine
) -> None:
    neighbourhood = "203.0.113.7"
    assert await sign_in(anyone, mina.email, mina.password, neighbourhood) == 200
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM sign_in_failures"))
        failures = {"bucket": network_of(neighbourhood), "failures": PER_NETWORK, "since": datetime.now(UTC)}
        await connection.execute(insert(SignInFailures), failures)
    assert await sign_in(anyone, mina.email, mina.password, neighbourhood) == 200
    assert await sign_in(anyone, juno.email, juno.password, neighbourhood) == 429


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.8", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("2001:db8::1", "2001:db8:0:0:ffff::", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("", "", True),
    ],
)
def test_networks(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same
