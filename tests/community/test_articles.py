"""Publishing, reading and changing articles over HTTP."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.tracing import watch_statements
from tests.community.publishing import publish, save
from tests.fixtures.server import Person

VIDEO: dict[str, Any] = {
    "url": "https://example.com/watch?v=1",
    "title": "김치찌개 🍲",
    "contentType": "video",
    "description": "how",
    "note": "secret",
    "thumbnail": "https://example.com/t.png",
    "favicon": "https://example.com/f.ico",
    "videoLength": 612,
}


async def tag_id(person: Person, name: str) -> int:
    made = await person.client.post("/api/tags", json={"tagname": name})
    assert made.status_code in {200, 201}, made.text
    return int(made.json()["id"])


async def test_an_article_copies_what_is_chosen_but_for_the_note(mina: Person, juno: Person) -> None:
    [post] = await save(mina, 1)
    [video] = await save(mina, 1, **VIDEO)
    written = {"title": " Stew ", "body": "all of it", "topics": ["Ｐython", "python", "요리"]}
    with watch_statements() as statements:
        published = await mina.client.post("/api/articles", json=written | {"contentIds": [video, post, video]})
    assert published.status_code == 201, published.text
    assert len(statements) == 2, statements

    article = published.json()
    assert "secret" not in published.text
    assert {name: article[name] for name in ("title", "body", "topics", "author")} == {
        "title": "Stew",
        "body": "all of it",
        "topics": ["Ｐython", "요리"],
        "author": {"id": mina.id, "username": "Mina"},
    }
    assert article["items"][0] == {name: value for name, value in VIDEO.items() if name != "note"}
    assert [one["title"] for one in article["items"]] == ["김치찌개 🍲", "link 0"]
    assert (article["itemCount"], article["thumbnails"]) == (2, ["https://example.com/t.png"])
    assert (article["commentCount"], article["upCount"], article["downCount"]) == (0, 0, 0)
    assert (article["voted"], article["downloaded"]) == (False, False)
    assert (await juno.client.get(f"/api/articles/{article['id']}")).json() == article


async def test_a_tag_is_published_newest_first(mina: Person) -> None:
    ids = await save(mina, 3, tags=("요리",))
    await save(mina, 1)
    published = await mina.client.post("/api/articles", json={"title": "x", "tagId": await tag_id(mina, "요리")})
    assert published.status_code == 201, published.text
    titles = [(await mina.client.get(f"/api/contents/{one}")).json()["title"] for one in sorted(ids)[::-1]]
    assert [one["title"] for one in published.json()["items"]] == titles


async def test_an_article_stays_as_it_was_published(mina: Person) -> None:
    ids = await save(mina, 2)
    article = (await mina.client.post("/api/articles", json={"title": "x", "contentIds": ids})).json()
    await mina.client.patch(f"/api/contents/{ids[0]}", json={"title": "changed"})
    await mina.client.delete(f"/api/contents/{ids[1]}")
    assert (await mina.client.get(f"/api/articles/{article['id']}")).json() == article


async def test_another_persons_contents_and_tags_are_not_found(mina: Person, juno: Person) -> None:
    own, theirs = await save(mina, 1), await save(juno, 1, tags=("theirs",))
    refused = await mina.client.post("/api/articles", json={"title": "x", "contentIds": own + theirs})
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/content-not-found")
    assert [one["loc"] for one in refused.json()["errors"]] == [["body", "contentIds", 1]]

    foreign = {"title": "x", "tagId": await tag_id(juno, "theirs")}
    refused = await mina.client.post("/api/articles", json=foreign)
    assert (refused.status_code, refused.json()["type"]) == (404, "/problems/tag-not-found")
    assert (await mina.client.get("/api/articles")).json()["items"] == []


async def test_an_empty_tag_and_one_with_too_much_are_refused(mina: Person) -> None:
    empty = {"title": "x", "tagId": await tag_id(mina, "empty")}
    refused = await mina.client.post("/api/articles", json=empty)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/nothing-to-publish")

    ids = await save(mina, 500, tags=("full",))
    full = {"title": "x", "tagId": await tag_id(mina, "full")}
    published = await mina.client.post("/api/articles", json=full)
    assert (published.status_code, published.json()["itemCount"]) == (201, 500)
    assert (await mina.client.post("/api/articles", json={"title": "x", "contentIds": ids})).status_code == 201

    await save(mina, 1, tags=("full",))
    refused = await mina.client.post("/api/articles", json=full)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/too-much-to-publish")


async def test_a_token_of_a_deleted_account_publishes_nothing(mina: Person) -> None:
    ids = await save(mina, 1)
    await mina.client.delete("/api/users/me")
    refused = await mina.client.post("/api/articles", json={"title": "x", "contentIds": ids})
    assert refused.status_code in {401, 404}


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"title": ""}, ["body", "title"]),
        ({"title": "x" * 201}, ["body", "title"]),
        ({"title": "nul \u0000"}, ["body", "title"]),
        ({"body": "x" * 10_001}, ["body", "body"]),
        ({"body": None}, ["body", "body"]),
        ({"topics": ["x"] * 6}, ["body", "topics"]),
        ({"topics": ["x" * 51]}, ["body", "topics"]),
        ({"topics": [" "]}, ["body", "topics"]),
        ({"topics": ["\u0000"]}, ["body", "topics"]),
        ({"contentIds": []}, ["body", "contentIds"]),
        ({"contentIds": [0]}, ["body", "contentIds"]),
        ({"contentIds": [2**63]}, ["body", "contentIds"]),
        ({"contentIds": [1] * 501}, ["body", "contentIds"]),
        ({"contentIds": None}, ["body"]),
        ({"tagId": 1}, ["body"]),
        ({"contentIds": None, "tagId": 2**63}, ["body", "tagId"]),
        ({"note": "x"}, ["body", "note"]),
    ],
)
async def test_what_cannot_be_published_is_refused_by_name(
    mina: Person, change: dict[str, Any], where: list[str]
) -> None:
    refused = await mina.client.post("/api/articles", json={"title": "x", "contentIds": [1]} | change)
    assert refused.status_code == 422, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["errors"][0]["loc"][:2] == where


async def test_half_a_surrogate_pair_is_refused(mina: Person) -> None:
    raw = rb'{"title": "\ud800", "contentIds": [1]}'
    refused = await mina.client.post("/api/articles", content=raw, headers={"Content-Type": "application/json"})
    assert refused.status_code == 422


@pytest.mark.parametrize("wrong", ["0", "-1", str(2**63), "x"])
async def test_an_id_out_of_range_is_refused(mina: Person, wrong: str) -> None:
    for method, path in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("PUT", "/vote"), ("GET", "/comments")]:
        refused = await mina.client.request(method, f"/api/articles/{wrong}{path}")
        assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")


async def test_an_unknown_article_is_not_found(mina: Person) -> None:
    requests: list[tuple[str, str, Any]] = [
        ("GET", "", None),
        ("PATCH", "", {"title": "x"}),
        ("DELETE", "", None),
        ("PUT", "/vote", None),
        ("DELETE", "/vote", None),
        ("POST", "/download", {}),
        ("GET", "/comments", None),
        ("POST", "/comments", {"body": "x"}),
    ]
    for method, path, body in requests:
        refused = await mina.client.request(method, f"/api/articles/1{path}", json=body)
        assert (refused.status_code, refused.json()["type"]) == (404, "/problems/article-not-found"), (method, path)


async def test_an_author_changes_what_is_named(mina: Person) -> None:
    article = await publish(mina, body="before", topics=["one", "two"])
    url = f"/api/articles/{article['id']}"
    changed = await mina.client.patch(url, json={"title": "After", "topics": ["TWO", "three"]})
    assert changed.status_code == 200, changed.text
    after = changed.json()
    assert after == article | {"title": "After", "topics": ["TWO", "three"], "updatedAt": after["updatedAt"]}
    assert after["updatedAt"] > article["updatedAt"]
    assert (await mina.client.get(url)).json() == after

    found = {
        topic: [one["id"] for one in (await mina.client.get("/api/articles", params={"topic": topic})).json()["items"]]
        for topic in ("one", "two", "three")
    }
    assert found == {"one": [], "two": [article["id"]], "three": [article["id"]]}
    assert (await mina.client.patch(url, json={"title": None})).status_code == 422


@pytest.mark.parametrize("change", [{"title": "After"}, {"body": "after"}, {"topics": ["two", "three"]}, {}], ids=str)
async def test_a_change_leaves_everything_else_as_it_was(mina: Person, juno: Person, change: dict[str, Any]) -> None:
    article = await publish(mina, body="before", topics=["one", "two"])
    url = f"/api/articles/{article['id']}"
    await mina.client.put(f"{url}/vote")
    await juno.client.post(f"{url}/download", json={})
    await juno.client.post(f"{url}/comments", json={"body": "x"})
    before = (await mina.client.get(url)).json()
    with watch_statements() as statements:
        after = (await mina.client.patch(url, json=change)).json()
    # The article, its links and its topics; the changed article; a new topic and one less.
    assert len(statements) == 3 + bool(change) + 2 * ("topics" in change)
    assert after == before | change | {"updatedAt": after["updatedAt"]}
    assert (after["updatedAt"] > before["updatedAt"]) is bool(change)
    assert (await mina.client.get(url)).json() == after


@pytest.mark.parametrize("change", [{"title": None}, {"body": None}, {"topics": None}, {"topics": [None]}], ids=str)
async def test_a_change_to_nothing_is_refused(mina: Person, change: dict[str, Any]) -> None:
    article = await publish(mina, body="before", topics=["one", "two"])
    url = f"/api/articles/{article['id']}"
    refused = await mina.client.patch(url, json=change)
    assert (refused.status_code, refused.json()["errors"][0]["loc"][:2]) == (422, ["body", *change])
    assert (await mina.client.get(url)).json() == article


async def test_changes_at_the_same_time_are_all_kept(mina: Person, engine: AsyncEngine) -> None:
    article = await publish(mina, topics=["before"])
    url = f"/api/articles/{article['id']}"
    changes: list[dict[str, Any]] = [{"topics": [f"t{n}", "all"]} for n in range(6)] + [{"body": "new"}]
    answers = await asyncio.gather(*(mina.client.patch(url, json=change) for change in changes))
    assert {answer.status_code for answer in answers} == {200}
    read = (await mina.client.get(url)).json()
    assert read["body"] == "new"
    async with engine.connect() as connection:
        rows = await connection.scalars(text("SELECT topic FROM article_topics"))
        assert sorted(rows) == sorted(read["topics"])


async def test_only_the_author_changes_and_deletes(mina: Person, juno: Person, engine: AsyncEngine) -> None:
    article = await publish(mina, topics=["x"])
    url = f"/api/articles/{article['id']}"
    assert (await juno.client.patch(url, json={"title": "mine"})).status_code == 404
    assert (await juno.client.delete(url)).status_code == 404
    assert (await juno.client.get(url)).json() == article

    await juno.client.put(f"{url}/vote")
    await juno.client.post(f"{url}/comments", json={"body": "x"})
    assert (await mina.client.delete(url)).status_code == 204
    assert (await mina.client.delete(url)).status_code == 404
    async with engine.connect() as connection:
        for table in ("articles", "article_items", "article_topics", "article_votes", "comments"):
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0


async def test_reading_takes_as_many_statements_for_twice_the_links(mina: Person) -> None:
    counts = []
    for links in (3, 6):
        article = await publish(mina, links, topics=["a", "b"])
        url = f"/api/articles/{article['id']}"
        with watch_statements() as read:
            await mina.client.get(url)
        with watch_statements() as changed:
            await mina.client.patch(url, json={"topics": ["b", "c", "d"]})
        counts.append((len(read), len(changed)))
    # A change loads the article, its links and its topics, and writes the article, a new topic and the old ones.
    assert counts == [(1, 6), (1, 6)]
