"""Registering, reading, changing and deleting an account."""

import httpx2
import pytest

from tests.fixtures.server import Person

ACCOUNT = {
    "email": "Mina@Example.com",
    "password": "correct horse battery",
    "username": "미나",
    "timezone": "Asia/Seoul",
}


async def test_a_registered_person_reads_their_account(anyone: httpx2.AsyncClient) -> None:
    registered = await anyone.post("/api/users", json=ACCOUNT | {"userKey": "device-1", "ageRange": "30-39"})

    assert registered.status_code == 201
    body = registered.json()
    assert body["username"] == "미나"
    assert body["userKey"] == "device-1"
    assert body["isPremium"] is False
    assert "password" not in registered.text
