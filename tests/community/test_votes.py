"""Voting for articles and downloading them."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.accounts.tokens import AccessTokens
from daybook.tracing import watch_statements
from tests.community.publishing import insist, publish, save
from tests.fixtures.server import Person, Server, settings_for

CROWD = 50
DEADLOCKS = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")


@pytest.fixture
async def crowd(server: Server, database_url: str, engine: AsyncEngine, tmp_path: Path) -> list[str]:
    """Access tokens of many people, who are spared signing in: hashing passwords would take longer than the test."""
    people = text(
        "INSERT INTO users (user_key, username, timezone)"
        " SELECT gen_random_uuid(), 'one of many', 'UTC' FROM generate_series(1, :count) RETURNING id"
    )
    async with engine.begin() as connection:
        ids = (await connection.scalars(people, {"count": CROWD})).all()
    tokens = AccessTokens(settings_for(database_url, tmp_path).signing_key(), timedelta(hours=1))
    return [tokens.issue(one, uuid4(), datetime.now(UTC)) for one in ids]


async def put_vote(person: Person, article_id: int) -> tuple[int, Any]:
    answer = await person.client.put(f"/api/articles/{article_id}/vote")
    return answer.status_code, answer.json()


async def download(person: Person, article_id: int, **wanted: Any) -> dict[str, Any]:
    answer = await person.client.post(f"/api/articles/{article_id}/download", json=wanted)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


async def test_a_vote_counts_once_and_can_be_taken_back_once(mina: Person, juno: Person) -> None:
    article = await publish(mina)
    url = f"/api/articles/{article['id']}"
    for _ in range(2):
        with watch_statements() as statements:
            assert await put_vote(juno, article["id"]) == (200, {"upCount": 1, "voted": True})
        assert len(statements) == 1
    assert await put_vote(mina, article["id"]) == (200, {"upCount": 2, "voted": True})
    read = (await juno.client.get(url)).json()
    assert read == article | {"upCount": 2, "voted": True}
    for _ in range(2):
        with watch_statements() as statements:
            withdrawn = await juno.client.delete(f"{url}/vote")
        assert (withdrawn.status_code, withdrawn.json()) == (200, {"upCount": 1, "voted": False})
        assert len(statements) == 1


async def test_a_download_adds_what_is_missing_and_tags_the_rest(mina: Person, juno: Person) -> None:
    article = await publish(mina, 3, title="가" * 60)
    [shared] = article["items"][:1]
    [own] = await save(juno, 1, url=shared["url"], title="mine already", tags=("own",))
    tagname = "가" * 50

    for added, skipped in ((2, 1), (0, 3)):
        with watch_statements() as statements:
            got = await download(juno, article["id"])
        assert got == {"tagname": tagname, "added": added, "skipped": skipped, "total": 3, "downCount": 1}
        assert len(statements) <= 6
    tagged = (await juno.client.get("/api/contents", params={"tag": tagname})).json()["items"]
    assert sorted(one["url"] for one in tagged) == sorted(one["url"] for one in article["items"])
    kept = (await juno.client.get(f"/api/contents/{own}")).json()
    assert (kept["title"], kept["note"], set(kept["tags"])) == ("mine already", "nobody's business", {"own", tagname})
    assert all(one["note"] is None for one in tagged if one["id"] != own)

    other = await download(juno, article["id"], tagname="Other")
    assert other == {"tagname": "Other", "added": 0, "skipped": 3, "total": 3, "downCount": 1}
    read = (await juno.client.get(f"/api/articles/{article['id']}")).json()
    assert (read["downloaded"], read["downCount"], read["updatedAt"]) == (True, 1, article["updatedAt"])
    assert (await download(mina, article["id"]))["downCount"] == 2


async def test_downloading_takes_as_many_statements_for_twice_the_links(mina: Person, juno: Person) -> None:
    seen = []
    for links in (20, 40):
        article = await publish(mina, links, title=f"{links} links")
        with watch_statements() as statements:
            await download(juno, article["id"])
        seen.append(len(statements))
    assert seen[0] == seen[1] <= 6


@pytest.mark.parametrize("tagname", ["", " ", "x" * 51, "\u0000", 7])
async def test_a_tag_that_cannot_be_is_refused(mina: Person, tagname: Any) -> None:
    article = await publish(mina)
    refused = await mina.client.post(f"/api/articles/{article['id']}/download", json={"tagname": tagname})
    assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["body", "tagname"])


async def test_200_votes_and_downloads_at_once_are_counted_exactly(
    mina: Person, crowd: list[str], engine: AsyncEngine
) -> None:
    urls = [f"/api/articles/{(await publish(mina, topics=['all']))['id']}" for _ in range(2)]
    requests: list[tuple[str, str, Any]] = [("PUT", f"{url}/vote", None) for url in urls]
    requests += [("POST", f"{url}/download", {}) for url in urls]
    answers = await asyncio.gather(*(insist(mina.client, *one, token=token) for token in crowd for one in requests))
    assert (len(answers), {answer.status_code for answer in answers}) == (200, {200})

    # And what is done and undone at once is counted as it comes to be.
    votes = [(method, f"{urls[0]}/vote") for method in ("DELETE", "PUT", "DELETE")]
    await asyncio.gather(*(insist(mina.client, *one, token=token) for one in votes for token in crowd[:30]))

    exact = text(
        "SELECT up_count, (SELECT count(*) FROM article_votes v WHERE v.article_id = a.id) AS votes,"
        " down_count, (SELECT count(*) FROM article_downloads d WHERE d.article_id = a.id) AS downloads,"
        " (SELECT row(t.up_count, t.down_count, t.hot) = row(a.up_count, a.down_count, a.hot)"
        " FROM article_topics t WHERE t.article_id = a.id) AS copied FROM articles a ORDER BY id"
    )
    async with engine.connect() as connection:
        first, second = (await connection.execute(exact)).all()
    assert tuple(second) == (CROWD, CROWD, CROWD, CROWD, True)
    assert 20 <= first.up_count == first.votes <= CROWD
    assert tuple(first)[2:] == (CROWD, CROWD, True)


async def test_votes_while_articles_are_changed_and_deleted_do_not_deadlock(
    mina: Person, crowd: list[str], engine: AsyncEngine
) -> None:
    async with engine.connect() as connection:
        before = await connection.scalar(DEADLOCKS)
    author = mina.access_token

    async def everything(article: dict[str, Any]) -> None:
        url = f"/api/articles/{article['id']}"
        votes: list[Any] = [
            (token, method, f"{url}/vote", None) for method in ("PUT", "DELETE") for token in crowd[:10]
        ]
        comments = [(token, "POST", f"{url}/comments", {"body": "x"}) for token in crowd[:10]]
        changes = [*votes, *comments, (author, "PATCH", url, {"topics": ["b"]})]
        for work in (changes, [*votes, (author, "DELETE", url, None), *votes]):
            answers = await asyncio.gather(*(insist(mina.client, *one, token=token) for token, *one in work))
            assert {answer.status_code for answer in answers} <= {200, 201, 204, 404}

    await asyncio.gather(*[everything(await publish(mina, 1, topics=["a"])) for _ in range(3)])
    async with engine.connect() as connection:
        for table in ("articles", "article_votes", "article_topics", "comments"):
            assert await connection.scalar(text(f"SELECT count(*) FROM {table}")) == 0
        assert await connection.scalar(DEADLOCKS) == before
