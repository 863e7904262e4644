"""Logging exercise over HTTP: what differs from meals, and the rules they share once more."""

from typing import Any

import pytest
from uuid_utils.compat import uuid7

from daybook.tracing import watch_statements
from tests.fixtures.server import Person

RUN: dict[str, Any] = {
    "exerciseType": "달리기",
    "duration": 30,
    "calories": 310,
    "distance": 5.2,
    "date": "2026-11-20",
    "note": "along the river",
}


async def test_exercise_is_read_as_it_was_logged(mina: Person) -> None:
    with watch_statements() as statements:
        logged = await mina.client.post("/api/log/exercise", json=RUN)
    assert logged.status_code == 201
    assert len(statements) == 1
    read = (await mina.client.get(f"/api/log/exercise/{logged.json()['id']}")).json()
    assert {name: read[name] for name in RUN} == RUN
    assert read["userKey"] == mina.user_key


async def test_the_same_client_id_again_is_the_same_exercise(mina: Person) -> None:
    run = RUN | {"id": str(uuid7())}
    assert (await mina.client.post("/api/log/exercise", json=run)).status_code == 201
    assert (await mina.client.post("/api/log/exercise", json=run)).status_code == 200
    assert (await mina.client.post("/api/log/exercise", json=run | {"duration": 31})).status_code == 409


async def test_exercise_is_changed_listed_and_deleted(mina: Person) -> None:
    ids = [
        (await mina.client.post("/api/log/exercise", json=RUN | {"date": day})).json()["id"]
        for day in ("2026-11-01", "2026-11-02")
    ]
    changed = await mina.client.patch(f"/api/log/exercise/{ids[0]}", json={"distance": None, "duration": 45})
    assert (changed.json()["distance"], changed.json()["duration"]) == (None, 45)
    listed = (await mina.client.get("/api/log/exercise", params={"limit": 1})).json()
    assert [exercise["id"] for exercise in listed["items"]] == [ids[1]]
    rest = (await mina.client.get("/api/log/exercise", params={"cursor": listed["nextCursor"]})).json()
    assert [exercise["id"] for exercise in rest["items"]] == [ids[0]]
    assert (await mina.client.delete(f"/api/log/exercise/{ids[0]}")).status_code == 204
    assert (await mina.client.get(f"/api/log/exercise/{ids[0]}")).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"exerciseType": ""},
        {"exerciseType": None},
        {"duration": -1},
        {"duration": 10**9},
        {"distance": -0.1},
        {"calories": 2**31},
    ],
)
async def test_impossible_exercise_is_refused(mina: Person, change: dict[str, Any]) -> None:
    assert (await mina.client.post("/api/log/exercise", json=RUN | change)).status_code == 422
