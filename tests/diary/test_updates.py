"""PATCH of meals and exercise: what is named changes, everything else stays, in a fixed number of statements."""

import asyncio
from typing import Any

import pytest

from daybook.tracing import watch_statements
from tests.fixtures.server import Person

FULL: dict[str, dict[str, Any]] = {
    "food": {
        "mealType": "lunch",
        "isHealthy": True,
        "estimatedCalories": 520,
        "date": "2026-11-20",
        "note": "with friends",
        "ingredients": [
            {"name": "김치", "color": "green", "grams": 40.5, "calories": 12},
            {"name": "rice", "color": "teal", "grams": None, "calories": None},
        ],
        "tags": ["집밥", "한식"],
    },
    "exercise": {
        "exerciseType": "running",
        "duration": 30,
        "calories": 310,
        "distance": 5.2,
        "date": "2026-11-20",
        "note": "along the river",
    },
}
CHANGES = {
    "food": {
        "mealType": "dinner",
        "isHealthy": False,
        "estimatedCalories": 1,
        "date": "2026-11-19",
        "note": "alone",
        "ingredients": [{"name": "egg", "color": "teal", "grams": 50.0, "calories": 70}],
        "tags": ["외식"],
    },
    "exercise": {
        "exerciseType": "swimming",
        "duration": 31,
        "calories": 1,
        "distance": 0.5,
        "date": "2026-11-19",
        "note": "in the lake",
    },
}
NOT_NULL = {"food": ["date", "ingredients", "tags"], "exercise": ["date", "exerciseType"]}
NULLABLE = [(kind, field) for kind, body in FULL.items() for field in body if field not in NOT_NULL[kind]] + [
    ("food", "contentId")
]


async def log(person: Person, kind: str, **fields: Any) -> str:
    """Log it, and return its URL."""
    logged = await person.client.post(f"/api/log/{kind}", json=FULL[kind] | fields)
    assert logged.status_code == 201, logged.text
    return f"/api/log/{kind}/{logged.json()['id']}"


async def read(person: Person, url: str) -> dict[str, Any]:
    body: dict[str, Any] = (await person.client.get(url)).json()
    return body


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [(kind, field, value) for kind, changes in CHANGES.items() for field, value in changes.items()]
    + [(kind, field, None) for kind, field in NULLABLE],
)
async def test_one_field_leaves_everything_else(mina: Person, kind: str, field: str, value: Any) -> None:
    url = await log(mina, kind)
    before = await read(mina, url)
    changed = await mina.client.patch(url, json={field: value})
    assert changed.status_code == 200, changed.text
    after = await read(mina, url)
    assert changed.json() == after
    assert after == before | {field: value, "updatedAt": after["updatedAt"]}


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind, fields in NOT_NULL.items() for field in fields])
async def test_null_is_refused_where_there_is_always_a_value(mina: Person, kind: str, field: str) -> None:
    url = await log(mina, kind)
    before = await read(mina, url)
    refused = await mina.client.patch(url, json={field: None})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["loc"] == ["body", field]
    assert await read(mina, url) == before


@pytest.mark.parametrize(
    ("tags", "shown"),
    [
        ([], []),
        (["한식", "집밥"], ["집밥", "한식"]),
        (["한식", "외식"], ["외식", "한식"]),
        (["new", "ＮＥＷ", "New", "한식"], ["new", "한식"]),
    ],
)
async def test_tags_are_replaced_by_those_that_are_sent(mina: Person, tags: list[str], shown: list[str]) -> None:
    url = await log(mina, "food")
    changed = await mina.client.patch(url, json={"tags": tags})
    assert changed.json()["tags"] == shown
    assert await read(mina, url) == changed.json()
    counts = {tag["tagname"]: tag["foodLogCount"] for tag in (await mina.client.get("/api/tags")).json()["items"]}
    assert counts == dict.fromkeys(("집밥", "한식"), 0) | dict.fromkeys(shown, 1)


@pytest.mark.parametrize("kind", ["food", "exercise"])
async def test_a_change_keeps_what_it_does_not_name(mina: Person, kind: str) -> None:
    url = await log(mina, kind)
    before = await read(mina, url)
    changed = await mina.client.patch(url, json={"note": None, "date": "2026-11-18"})
    assert changed.status_code == 200, changed.text
    after = changed.json()
    assert after["updatedAt"] > before["updatedAt"]
    assert after == before | {"note": None, "date": "2026-11-18", "updatedAt": after["updatedAt"]}
    assert after == await read(mina, url)


async def test_a_change_understands_korean_meals(mina: Person) -> None:
    url = await log(mina, "food")
    assert (await mina.client.patch(url, json={"mealType": "간식"})).json()["mealType"] == "snack"


@pytest.mark.parametrize("names", [[], ["rice"], ["rice", "김치", "egg"]])
async def test_a_change_replaces_ingredients_as_a_whole(mina: Person, names: list[str]) -> None:
    url = await log(mina, "food")
    before = await read(mina, url)
    ingredients = [{"name": name, "color": "green", "grams": None, "calories": None} for name in names]
    changed = (await mina.client.patch(url, json={"ingredients": ingredients})).json()
    assert changed["ingredients"] == ingredients
    assert changed["updatedAt"] > before["updatedAt"]
    assert await read(mina, url) == changed


async def test_changes_at_the_same_time_are_all_kept(mina: Person) -> None:
    url = await log(mina, "food")
    await asyncio.gather(
        mina.client.patch(url, json={"note": "first"}),
        mina.client.patch(url, json={"estimatedCalories": 2}),
        mina.client.patch(url, json={"ingredients": [{"name": "third", "color": "red"}]}),
        mina.client.patch(url, json={"ingredients": [{"name": "third", "color": "red"}]}),
        mina.client.patch(url, json={"tags": ["fourth"]}),
        mina.client.patch(url, json={"tags": ["fourth"]}),
    )
    meal = await read(mina, url)
    assert (meal["note"], meal["estimatedCalories"], meal["tags"]) == ("first", 2, ["fourth"])
    assert [ingredient["name"] for ingredient in meal["ingredients"]] == ["third"]


@pytest.mark.parametrize("kind", ["food", "exercise"])
async def test_a_misspelled_field_is_refused(mina: Person, kind: str) -> None:
    url = await log(mina, kind)
    refused = await mina.client.patch(url, json={"notee": "lost?"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["loc"] == ["body", "notee"]


async def test_tags_stay_unless_they_are_named(mina: Person) -> None:
    url = await log(mina, "food", tags=["집밥", "한식"])
    changed = await mina.client.patch(url, json={"tags": ["외식", "한식"]})
    assert changed.json()["tags"] == ["외식", "한식"]
    untouched = await mina.client.patch(url, json={"note": "x"})
    assert untouched.json()["tags"] == ["외식", "한식"]


LOAD_MEAL = ["SELECT"] * 4
"""The log with its owner's key, its ingredients, its tags, and the links to these."""


@pytest.mark.parametrize("size", [2, 4, 8])
async def test_a_change_takes_as_many_statements_however_much_belongs_to_it(mina: Person, size: int) -> None:
    def ingredients(color: str, count: int = size) -> list[dict[str, Any]]:
        return [{"name": f"{color} {number}", "color": color} for number in range(count)]

    def tags(word: str) -> list[str]:
        return [f"{word} {number}" for number in range(size)]

    async def statements(**changes: Any) -> list[str]:
        with watch_statements() as watched:
            changed = await mina.client.patch(url, json=changes)
        assert changed.status_code == 200, changed.text
        return [statement.sql.split()[0] for statement in watched]

    url = await log(mina, "food", ingredients=ingredients("red"), tags=tags("old"))
    assert await statements(note="x") == [*LOAD_MEAL, "UPDATE"]
    assert await statements(ingredients=ingredients("green")) == [*LOAD_MEAL, "UPDATE", "UPDATE"]
    more = ingredients("green", 2 * size)
    assert await statements(ingredients=more) == [*LOAD_MEAL, "UPDATE", "UPDATE", "INSERT"]
    assert await statements(ingredients=[]) == [*LOAD_MEAL, "UPDATE", "DELETE"]
    looked_up = [*LOAD_MEAL, "SELECT"]
    assert await statements(tags=tags("new")) == [*looked_up, "INSERT", "UPDATE", "INSERT", "DELETE"]
    assert await statements(tags=tags("old")) == [*looked_up, "UPDATE", "INSERT", "DELETE"]
    assert await statements(tags=tags("old")) == [*looked_up, "UPDATE"]
    assert await statements(tags=[]) == [*LOAD_MEAL, "UPDATE", "DELETE"]
    everything = await statements(note="y", ingredients=ingredients("red"), tags=tags("newest"))
    assert everything == [*looked_up, "INSERT", "UPDATE", "INSERT", "INSERT"]


async def test_a_change_of_exercise_takes_two_statements(mina: Person) -> None:
    url = await log(mina, "exercise")
    with watch_statements() as statements:
        changed = await mina.client.patch(url, json={"note": "x", "distance": None})
    assert changed.status_code == 200
    assert [statement.sql.split()[0] for statement in statements] == ["SELECT", "UPDATE"]
