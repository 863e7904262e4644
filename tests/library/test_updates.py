"""Changing saved links over HTTP."""

import asyncio
from typing import Any

import pytest

from daybook.library.schemas import ContentUpdate
from daybook.tracing import watch_statements
from tests.fixtures.server import Person
from tests.library.test_contents import save, save_many


async def test_what_is_changed_is_found_and_the_rest_stays(mina: Person) -> None:
    saved = await save(mina)
    changed = await mina.client.patch(
        f"/api/contents/{saved['id']}", json={"title": "된장찌개", "tags": ["한식", "된장"], "videoLength": None}
    )
    assert changed.status_code == 200
    expected = saved | {"title": "된장찌개", "tags": ["된장", "한식"], "videoLength": None}
    assert changed.json() == expected | {"updatedAt": changed.json()["updatedAt"]}
    assert changed.json()["updatedAt"] > saved["updatedAt"]
    found = (await mina.client.get("/api/contents", params={"q": "된장찌개"})).json()["items"]
    assert [content["id"] for content in found] == [saved["id"]]
    assert (await mina.client.get("/api/contents", params={"q": "끓이는"})).json()["items"] == []


CHANGES: dict[str, list[Any]] = {
    "url": ["https://example.com/other"],
    "title": ["된장찌개"],
    "contentType": ["post"],
    "description": ["", "두부", None],
    "note": ["둘째", None],
    "thumbnail": ["https://img.example.com/2.jpg", None],
    "favicon": ["https://example.com/icon.png", None],
    "bookmark": [False],
    "videoLength": [0, 60, None],
    "body": ["", "끓인다.", None],
    "tags": [["된장"], ["요리"], []],
}
"""Of each field that can be changed, what it is changed to, one after another."""


@pytest.mark.parametrize("field", CHANGES)
async def test_a_field_is_changed_and_nothing_else(mina: Person, field: str) -> None:
    before = await save(mina)
    for value in CHANGES[field]:
        changed = await mina.client.patch(f"/api/contents/{before['id']}", json={field: value})
        assert changed.status_code == 200, changed.text
        after = changed.json()
        assert after == before | {field: value, "updatedAt": after["updatedAt"]}
        assert after["updatedAt"] > before["updatedAt"]
        assert (await mina.client.get(f"/api/contents/{before['id']}")).json() == after
        before = after


async def test_every_field_that_can_be_changed_is_tried() -> None:
    assert CHANGES.keys() == {field.alias for field in ContentUpdate.model_fields.values()}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 4),  # the content, its tags, its links to them; and the update
        ({"title": "된장찌개"}, 4),
        ({"videoLength": 60}, 5),
        ({"videoLength": None, "body": None}, 6),
        ({"tags": []}, 5),
        ({"tags": ["요리"]}, 6),
        ({"tags": ["요리", "new"]}, 8),
        ({"title": "된장찌개", "videoLength": None, "body": "끓인다.", "tags": ["new"]}, 10),
    ],
    ids=str,
)
async def test_a_change_takes_as_many_statements_for_twice_the_tags(
    mina: Person, changes: dict[str, Any], expected: int
) -> None:
    for count in (2, 4):
        tags = ["요리", *(f"old {count} {number}" for number in range(count))]
        saved = await save(mina, url=f"https://example.com/{count}", tags=tags)
        body = changes | {}
        if "new" in changes.get("tags", ()):
            kept = [tag for tag in changes["tags"] if tag != "new"]
            body["tags"] = kept + [f"new {count} {number}" for number in range(count)]
        with watch_statements() as statements:
            answer = await mina.client.patch(f"/api/contents/{saved['id']}", json=body)
        assert answer.status_code == 200, answer.text
        assert len(statements) == expected, [statement.sql for statement in statements]


async def test_changes_at_once_leave_the_tags_of_one_of_them(mina: Person) -> None:
    saved = await save(mina)
    wishes = [["요리", f"new {number % 4}", f"new {number % 3}"] for number in range(20)]
    answers = await asyncio.gather(
        *(mina.client.patch(f"/api/contents/{saved['id']}", json={"tags": tags}) for tags in wishes)
    )
    assert {answer.status_code for answer in answers} == {200}
    left = (await mina.client.get(f"/api/contents/{saved['id']}")).json()["tags"]
    assert left in [sorted(set(tags)) for tags in wishes]
    assert [answer.json()["tags"] for answer in answers] == [sorted(set(tags)) for tags in wishes]


async def test_null_is_refused_where_there_has_to_be_something(mina: Person) -> None:
    saved = await save(mina)
    for field in ("url", "title", "contentType", "bookmark", "tags"):
        refused = await mina.client.patch(f"/api/contents/{saved['id']}", json={field: None})
        assert refused.status_code == 422, field


async def test_another_of_ones_contents_keeps_its_address(mina: Person) -> None:
    first, second = await save_many(mina, 2)
    refused = await mina.client.patch(f"/api/contents/{second['id']}", json={"url": first["url"]})
    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/url-taken"
