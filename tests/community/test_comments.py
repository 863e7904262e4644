"""Commenting on articles, and voting on comments."""

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.tracing import watch_statements
from tests.community.publishing import insist, pages, publish
from tests.fixtures.server import Person


async def comment(person: Person, article: dict[str, Any], body: str = "잘 읽었어요") -> dict[str, Any]:
    made = await person.client.post(f"/api/articles/{article['id']}/comments", json={"body": body})
    assert made.status_code == 201, made.text
    result: dict[str, Any] = made.json()
    return result


async def test_comments_are_shown_oldest_first(mina: Person, juno: Person) -> None:
    article = await publish(mina)
    made = [await comment(person, article, f"{n}") for n, person in enumerate((juno, mina, juno, mina, juno))]
    await comment(juno, await publish(mina))
    assert await pages(mina, f"/api/articles/{article['id']}/comments", limit=2) == made
    assert made[0]["author"] == {"id": juno.id, "username": "Juno"}
    assert made[0]["articleId"] == article["id"]
    assert (await mina.client.get(f"/api/articles/{article['id']}")).json()["commentCount"] == 5


async def test_comments_take_as_many_statements_for_twice_as_many(mina: Person) -> None:
    article = await publish(mina)
    url = f"/api/articles/{article['id']}/comments"
    seen = []
    for _ in range(2):
        await comment(mina, article)
        with watch_statements() as making:
            await comment(mina, article)
        with watch_statements() as reading:
            await mina.client.get(url)
        seen.append((len(making), len(reading)))
    assert seen == [(2, 1), (2, 1)]


async def test_only_its_author_changes_and_deletes_a_comment(mina: Person, juno: Person) -> None:
    article = await publish(mina)
    made = await comment(juno, article)
    url = f"/api/comments/{made['id']}"
    for refused in (await mina.client.patch(url, json={"body": "x"}), await mina.client.delete(url)):
        assert (refused.status_code, refused.json()["type"]) == (404, "/problems/comment-not-found")

    changed = await juno.client.patch(url, json={"body": "better"})
    assert changed.status_code == 200, changed.text
    after = changed.json()
    assert after == made | {"body": "better", "updatedAt": after["updatedAt"]}
    assert after["updatedAt"] > made["updatedAt"]
    assert (await juno.client.delete(url)).status_code == 204
    assert (await juno.client.delete(url)).status_code == 404
    assert (await mina.client.get(f"/api/articles/{article['id']}")).json()["commentCount"] == 0


@pytest.mark.parametrize("change", [{"body": "better"}, {}], ids=str)
async def test_a_change_leaves_everything_else_as_it_was(mina: Person, juno: Person, change: dict[str, Any]) -> None:
    made = await comment(juno, await publish(mina))
    await mina.client.put(f"/api/comments/{made['id']}/vote", json={"value": "up"})
    with watch_statements() as statements:
        changed = await juno.client.patch(f"/api/comments/{made['id']}", json=change)
    after = changed.json()
    assert after == made | change | {"upCount": 1, "updatedAt": after["updatedAt"]}
    assert (after["updatedAt"] > made["updatedAt"]) is bool(change)
    assert len(statements) == (2 if change else 1)
    assert (await mina.client.get(f"/api/articles/{made['articleId']}/comments")).json()["items"] == [after]


async def test_a_vote_changes_sides(mina: Person, juno: Person) -> None:
    made = await comment(mina, await publish(mina))
    url = f"/api/comments/{made['id']}/vote"
    steps: list[tuple[Person, str | None, int, int]] = [
        (juno, "up", 1, 0),
        (juno, "up", 1, 0),
        (mina, "up", 2, 0),
        (juno, "down", 1, 1),
        (juno, "down", 1, 1),
        (juno, "up", 2, 0),
        (juno, "down", 1, 1),
        (juno, None, 1, 0),
        (juno, None, 1, 0),
        (mina, None, 0, 0),
        (juno, "down", 0, 1),
    ]
    for person, value, ups, downs in steps:
        with watch_statements() as statements:
            answer = await (person.client.put(url, json={"value": value}) if value else person.client.delete(url))
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"upCount": ups, "downCount": downs, "value": value}
        assert len(statements) == 1
    read = (await mina.client.get(f"/api/articles/{made['articleId']}/comments")).json()["items"]
    assert read == [made | {"downCount": 1}]


async def test_votes_that_change_sides_at_once_are_counted_exactly(
    mina: Person, juno: Person, engine: AsyncEngine
) -> None:
    made = await comment(mina, await publish(mina))
    url = f"/api/comments/{made['id']}/vote"
    dice = random.Random(1)

    async def vote(person: Person) -> int:
        value = dice.choice(["up", "down", None])
        body = {"value": value} if value else None
        return (await insist(person.client, "PUT" if value else "DELETE", url, body)).status_code

    answers = await asyncio.gather(*(vote(dice.choice([mina, juno])) for _ in range(200)))
    assert set(answers) == {200}
    async with engine.connect() as connection:
        count = text("SELECT count(*) FILTER (WHERE value > 0), count(*) FILTER (WHERE value < 0) FROM comment_votes")
        rows = (await connection.execute(count)).one()
        assert tuple((await connection.execute(text("SELECT up_count, down_count FROM comments"))).one()) == tuple(rows)


@pytest.mark.parametrize("body", ["", None, 1, "\u0000", "x" * 10_001])
async def test_a_comment_that_cannot_be_is_refused(mina: Person, body: Any) -> None:
    article = await publish(mina)
    made = await comment(mina, article)
    for refused in (
        await mina.client.post(f"/api/articles/{article['id']}/comments", json={"body": body}),
        await mina.client.patch(f"/api/comments/{made['id']}", json={"body": body}),
    ):
        assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["body", "body"])


@pytest.mark.parametrize("value", ["UP", 1, None, ""])
async def test_a_vote_that_cannot_be_is_refused(mina: Person, value: Any) -> None:
    made = await comment(mina, await publish(mina))
    refused = await mina.client.put(f"/api/comments/{made['id']}/vote", json={"value": value})
    assert refused.status_code == 422


async def test_an_unknown_comment_is_not_found(mina: Person) -> None:
    for number, status in (("1", 404), (str(2**63), 422), ("0", 422)):
        for answer in (
            await mina.client.patch(f"/api/comments/{number}", json={"body": "x"}),
            await mina.client.delete(f"/api/comments/{number}"),
            await mina.client.put(f"/api/comments/{number}/vote", json={"value": "up"}),
            await mina.client.delete(f"/api/comments/{number}/vote"),
        ):
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("cursor", ["x", "WzBd", "WyJhIl0"])
async def test_a_made_up_cursor_is_refused(mina: Person, cursor: str) -> None:
    article = await publish(mina)
    refused = await mina.client.get(f"/api/articles/{article['id']}/comments", params={"cursor": cursor})
    assert refused.status_code == 422
