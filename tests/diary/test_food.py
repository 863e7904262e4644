"""Logging meals over HTTP."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.tracing import watch_statements
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


async def log(person: Person, **changes: Any) -> str:
    response = await person.client.post("/api/log/food", json=LUNCH | changes)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


async def test_a_meal_is_read_as_it_was_logged(mina: Person) -> None:
    logged = await mina.client.post("/api/log/food", json=LUNCH)
    assert logged.status_code == 201
    assert set(logged.json()) == {"id", "message"}

    read = (await mina.client.get(f"/api/log/food/{logged.json()['id']}")).json()

    assert {name: read[name] for name in LUNCH} == LUNCH
    assert read["userKey"] == mina.user_key
    assert UUID(read["id"]).version == 7
    assert read["createdAt"].endswith("+00:00") or read["createdAt"].endswith("Z")


async def test_a_meal_takes_one_statement_however_many_ingredients(mina: Person) -> None:
    for ingredients in (1, 2, 100):
        sent = [{"name": f"ingredient {number}", "color": "red"} for number in range(ingredients)]
        with watch_statements() as statements:
            log_id = await log(mina, ingredients=sent)
        assert len(statements) == 1, statements
        read = (await mina.client.get(f"/api/log/food/{log_id}")).json()
        assert [stored["name"] for stored in read["ingredients"]] == [ingredient["name"] for ingredient in sent]


async def test_reading_takes_as_many_statements_for_twice_the_meals(mina: Person) -> None:
    counts = []
    for _ in range(2):
        for _ in range(3):
            await log(mina, date=None)
        with watch_statements() as of_today:
            assert (await mina.client.get("/api/log/food/today")).status_code == 200
        with watch_statements() as of_all:
            assert (await mina.client.get("/api/log/food")).status_code == 200
        counts.append((len(of_today), len(of_all)))
    assert counts == [(1, 1), (1, 1)]


@pytest.mark.parametrize(
    ("word", "meal"),
    [("아침식사", "breakfast"), ("점심식사", "lunch"), ("저녁식사", "dinner"), ("간식", "snack"), ("LUNCH", "lunch")],
)
async def test_meals_have_korean_names_too(mina: Person, word: str, meal: str) -> None:
    log_id = await log(mina, mealType=word)
    assert (await mina.client.get(f"/api/log/food/{log_id}")).json()["mealType"] == meal


async def test_the_user_key_has_to_be_ones_own(mina: Person, juno: Person) -> None:
    await log(mina, userKey=mina.user_key, date=None)
    assert len((await mina.client.get("/api/log/food/today", params={"userKey": mina.user_key})).json()) == 1

    for key in (juno.user_key, ""):
        refused = await mina.client.post("/api/log/food", json=LUNCH | {"userKey": key})
        assert refused.status_code == 404
    assert (await mina.client.get("/api/log/food/today", params={"userKey": juno.user_key})).status_code == 404


async def test_the_list_is_paged_without_gaps_or_repetitions(mina: Person) -> None:
    logged = {await log(mina, date=f"2026-11-{day:02}") for day in (1, 2, 2, 2, 3, 4, 5)}
    params: dict[str, Any] = {"limit": 2, "from": "2026-11-02", "to": "2026-11-04"}
    read: list[dict[str, Any]] = []
    while True:
        page = (await mina.client.get("/api/log/food", params=params)).json()
        read += page["items"]
        assert len(page["items"]) <= 2
        if page["nextCursor"] is None:
            break
        params["cursor"] = page["nextCursor"]
    assert [meal["date"] for meal in read] == ["2026-11-04", "2026-11-03", "2026-11-02", "2026-11-02", "2026-11-02"]
    assert len({meal["id"] for meal in read} & logged) == 5


async def test_todays_list_leads_to_its_next_page_in_a_link(mina: Person) -> None:
    logged = [await log(mina, date=None) for _ in range(3)]
    first = await mina.client.get("/api/log/food/today", params={"limit": 2})
    assert first.links["next"]["url"]
    second = await mina.client.get(first.links["next"]["url"])
    assert [meal["id"] for meal in first.json() + second.json()] == logged
    assert "link" not in second.headers


async def test_a_parameter_that_a_list_does_not_know_is_ignored(mina: Person) -> None:
    log_id = await log(mina)
    listed = await mina.client.get("/api/log/food", params={"utm_source": "mail"})
    assert [meal["id"] for meal in listed.json()["items"]] == [log_id]


@pytest.mark.parametrize("cursor", ["x", "!!!", "e30", "WyJhIl0", "WyIyMDI2LTExLTAxIiwgMV0"])
async def test_a_made_up_cursor_is_refused(mina: Person, cursor: str) -> None:
    refused = await mina.client.get("/api/log/food", params={"cursor": cursor})
    assert refused.status_code == 422
    assert "cursor" in refused.json()["detail"]


async def test_a_deleted_meal_is_gone(mina: Person, engine: AsyncEngine) -> None:
    log_id = await log(mina)
    assert (await mina.client.delete(f"/api/log/food/{log_id}")).status_code == 204
    assert (await mina.client.delete(f"/api/log/food/{log_id}")).status_code == 404
    assert (await mina.client.get("/api/log/food")).json()["items"] == []
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM food_ingredients")) == 0


async def test_a_token_of_a_deleted_account_logs_nothing(mina: Person) -> None:
    assert (await mina.client.delete("/api/users/me")).status_code == 204
    refused = await mina.client.post("/api/log/food", json=LUNCH)
    assert refused.status_code == 401
    assert "has been deleted" in refused.json()["detail"]
    assert (await mina.client.get("/api/log/food/today")).json() == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"note": "nul \u0000"}, "note"),
        ({"ingredients": [{"name": "\u0000", "color": "red"}]}, "ingredients"),
        ({"ingredients": [{"name": " ", "color": "red"}]}, "ingredients"),
        ({"ingredients": [{"name": "x", "color": "blue"}]}, "ingredients"),
        ({"ingredients": [{"name": "x", "color": "red"}] * 101}, "ingredients"),
        ({"ingredients": [{"name": "x" * 101, "color": "red"}]}, "ingredients"),
        ({"ingredients": [{"name": "x", "color": "red", "grams": -1}]}, "ingredients"),
        ({"estimatedCalories": -1}, "estimatedCalories"),
        ({"estimatedCalories": 2**63}, "estimatedCalories"),
        ({"estimatedCalories": 1.5}, "estimatedCalories"),
        ({"date": "10000-01-01"}, "date"),
        ({"date": "0001-01-01"}, "date"),
        ({"date": "2026-02-30"}, "date"),
        ({"mealType": "brunch"}, "mealType"),
        ({"mealType": 7}, "mealType"),
        ({"isHealthy": "maybe"}, "isHealthy"),
        ({"note": "x" * 10_001}, "note"),
        ({"id": "not an id"}, "id"),
    ],
)
async def test_values_that_cannot_be_kept_are_refused_by_name(mina: Person, change: dict[str, Any], where: str) -> None:
    refused = await mina.client.post("/api/log/food", json=LUNCH | change)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["errors"][0]["loc"][:2] == ["body", where]
    assert (await mina.client.get("/api/log/food")).json()["items"] == []


@pytest.mark.parametrize(
    "raw",
    [
        rb'{"note": "\ud800"}',
        b'{"estimatedCalories": NaN}',
        b'{"estimatedCalories": 1e400}',
        rb'{"ingredients": [{"name": "\udfff", "color": "red"}]}',
        b'{"ingredients": [{"name": "x", "color": "red", "grams": Infinity}]}',
    ],
)
async def test_json_that_only_some_parsers_take_is_refused(mina: Person, raw: bytes) -> None:
    refused = await mina.client.post("/api/log/food", content=raw, headers={"Content-Type": "application/json"})
    assert refused.status_code == 422, refused.text


async def test_text_is_kept_in_one_form(mina: Person) -> None:
    decomposed = "\u1100\u1175\u11b7\u110e\u1175"  # 김치 as some keyboards type it
    log_id = await log(mina, ingredients=[{"name": decomposed, "color": "green"}])
    assert (await mina.client.get(f"/api/log/food/{log_id}")).json()["ingredients"][0]["name"] == "김치"


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "in a transaction"}])
async def test_a_photo_or_analysis_of_another_is_not_found(mina: Person, headers: dict[str, str]) -> None:
    for name in ("photoId", "analysisId"):
        refused = await mina.client.post("/api/log/food", json=LUNCH | {name: str(uuid4())}, headers=headers)
        assert refused.status_code == 404, refused.text


async def test_a_meal_has_tags_of_the_one_set(mina: Person) -> None:
    log_id = await log(mina, tags=["집밥", "한식"])
    with watch_statements() as statements:
        await log(mina, tags=["집밥", "new"])
    assert len(statements) == 1, statements
    assert (await mina.client.get(f"/api/log/food/{log_id}")).json()["tags"] == ["집밥", "한식"]
    counts = {tag["tagname"]: tag["foodLogCount"] for tag in (await mina.client.get("/api/tags")).json()["items"]}
    assert counts == {"집밥": 2, "한식": 1, "new": 1}
    listed = (await mina.client.get("/api/log/food", params={"tag": "한식"})).json()["items"]
    assert [meal["id"] for meal in listed] == [log_id]


async def test_a_meal_names_the_recipe_that_it_was_cooked_from(mina: Person, juno: Person) -> None:
    link = {"url": "https://example.com/stew", "title": "stew", "contentType": "post"}
    mine = (await mina.client.post("/api/contents", json=link)).json()["id"]
    hers = (await juno.client.post("/api/contents", json=link)).json()["id"]
    log_id = await log(mina, contentId=mine)
    assert (await mina.client.get(f"/api/log/food/{log_id}")).json()["contentId"] == mine
    assert (await mina.client.post("/api/log/food", json=LUNCH | {"contentId": hers})).status_code == 404
    assert (await mina.client.patch(f"/api/log/food/{log_id}", json={"contentId": hers})).status_code == 404
    assert (await mina.client.delete(f"/api/contents/{mine}")).status_code == 204
    assert (await mina.client.get(f"/api/log/food/{log_id}")).json()["contentId"] is None
