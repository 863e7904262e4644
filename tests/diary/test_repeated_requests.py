"""The same meal sent again, by its id or with an Idempotency-Key, is logged once."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from tests.fixtures.server import Person

LUNCH: dict[str, Any] = {
    "mealType": "lunch",
    "isHealthy": True,
    "estimatedCalories": 520,
    "date": "2026-11-20",
    "note": "학교에서 🍚",
    "ingredients": [
        {"name": "김치", "color": "green", "grams": 40.5, "calories": 12},
        {"name": "rice", "color": "teal", "grams": None, "calories": None},
    ],
}


async def test_the_same_client_id_again_is_the_same_meal(mina: Person, engine: AsyncEngine) -> None:
    meal = LUNCH | {"id": str(uuid7())}
    first, *others = await asyncio.gather(*(mina.client.post("/api/log/food", json=meal) for _ in range(8)))

    statuses = sorted([first.status_code, *(other.status_code for other in others)])
    assert statuses == [200] * 7 + [201]
    repeated = await mina.client.post("/api/log/food", json=meal)
    assert repeated.status_code == 200
    assert repeated.json()["ingredients"] == LUNCH["ingredients"]
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM food_logs")) == 1
        assert await connection.scalar(text("SELECT count(*) FROM food_ingredients")) == 2


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "another"}])
async def test_what_is_left_out_is_the_same_again(mina: Person, headers: dict[str, str]) -> None:
    meal = {"id": str(uuid7()), "ingredients": [{"name": "egg", "color": "teal"}]}
    assert (await mina.client.post("/api/log/food", json=meal)).status_code == 201
    repeated = await mina.client.post("/api/log/food", json=meal, headers=headers)
    assert repeated.status_code == 200, repeated.text
    assert repeated.json() == (await mina.client.get(f"/api/log/food/{meal['id']}")).json()


@pytest.mark.parametrize(
    "change", [{"note": None}, {"estimatedCalories": 1}, {"ingredients": []}, {"date": "2026-11-19"}]
)
async def test_a_client_id_with_other_words_is_refused(mina: Person, change: dict[str, Any]) -> None:
    meal = LUNCH | {"id": str(uuid7())}
    await mina.client.post("/api/log/food", json=meal)
    refused = await mina.client.post("/api/log/food", json=meal | change)
    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/log-id-taken"


async def test_a_client_id_of_anothers_meal_is_refused(mina: Person, juno: Person) -> None:
    meal = LUNCH | {"id": str(uuid7())}
    await mina.client.post("/api/log/food", json=meal)
    assert (await juno.client.post("/api/log/food", json=meal)).status_code == 409


async def test_a_client_id_has_to_be_a_uuid7(mina: Person) -> None:
    refused = await mina.client.post("/api/log/food", json=LUNCH | {"id": str(uuid4())})
    assert refused.status_code == 422


async def test_an_idempotency_key_gives_the_first_answer_again(mina: Person, engine: AsyncEngine) -> None:
    key = {"Idempotency-Key": "phone-1:42"}
    first = await mina.client.post("/api/log/food", json=LUNCH, headers=key)
    again = await mina.client.post("/api/log/food", json=LUNCH, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"

    other = await mina.client.post("/api/log/food", json=LUNCH | {"note": "other"}, headers=key)
    assert other.status_code == 422
    assert other.json()["type"] == "/problems/idempotency-key-reused"
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM food_logs")) == 1


async def test_an_idempotency_key_at_the_same_time_makes_one_meal(mina: Person, engine: AsyncEngine) -> None:
    key = {"Idempotency-Key": "twice"}
    answers = await asyncio.gather(*(mina.client.post("/api/log/food", json=LUNCH, headers=key) for _ in range(12)))
    statuses = {answer.status_code for answer in answers}
    assert 201 in statuses
    assert statuses <= {201, 409}
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM food_logs")) == 1


async def test_keys_of_two_people_are_two_keys(mina: Person, juno: Person) -> None:
    key = {"Idempotency-Key": "same"}
    first = await mina.client.post("/api/log/food", json=LUNCH, headers=key)
    second = await juno.client.post("/api/log/food", json=LUNCH | {"note": "mine"}, headers=key)
    assert second.status_code == 201
    assert second.json()["id"] != first.json()["id"]


async def test_the_same_meal_with_other_tags_is_another(mina: Person) -> None:
    meal = LUNCH | {"id": str(uuid7()), "tags": ["집밥", "A"]}
    assert (await mina.client.post("/api/log/food", json=meal)).status_code == 201
    assert (await mina.client.post("/api/log/food", json=meal | {"tags": ["a", "집밥"]})).status_code == 200
    refused = await mina.client.post("/api/log/food", json=meal | {"tags": ["집밥"]})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/log-id-taken")
