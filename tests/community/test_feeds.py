"""The orders in which articles are shown."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from daybook.tracing import watch_statements
from tests.community.publishing import pages, publish
from tests.fixtures.server import Person

URL = "/api/articles"
FEEDS: dict[str, Callable[[dict[str, Any]], tuple[int, ...]]] = {
    "newest": lambda article: (article["id"],),
    "popular": lambda article: (article["downCount"], article["id"]),
    "upvote": lambda article: (article["upCount"], article["id"]),
}


async def many(connection: AsyncConnection, author: Person, count: int) -> None:
    """Put articles straight into the tables: every fifth has the topic `fifth`, one `one`, the others some other."""
    rows = text(
        "INSERT INTO articles (user_id, title, body, topics, item_count, thumbnails, up_count, down_count)"
        " SELECT :author, 'article ' || n, '', CASE WHEN n % 5 = 0 THEN '{Fifth}'"
        " WHEN n = 1 THEN '{One}' ELSE array['t' || n % 50] END::text[], 0, '{}', n % 7, n % 11"
        " FROM generate_series(1, :count) n"
    )
    await connection.execute(rows, {"author": author.id, "count": count})
    topics = (
        "INSERT INTO article_topics SELECT lower(topic), id, topic, up_count, down_count, hot, shuffle"
        " FROM articles, unnest(topics) topic"
    )
    await connection.execute(text(topics))


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("topic", [None, "FIFTH"])
async def test_a_feed_shows_each_article_once_and_in_order(
    mina: Person, juno: Person, engine: AsyncEngine, feed: str, topic: str | None
) -> None:
    async with engine.begin() as connection:
        await many(connection, mina, 60)
    await publish(juno, 1, topics=["fifth"])
    of_topic = {"topic": topic} if topic else {}
    for by_mina in ({}, {"author": mina.id}):
        shown = await pages(mina, URL, feed=feed, limit=7, **of_topic, **by_mina)
        assert len(shown) == len({one["id"] for one in shown}) == (12 if topic else 60) + (not by_mina)
        keys = [FEEDS[feed](one) for one in shown]
        assert keys == sorted(keys, reverse=True)


async def test_hot_is_new_or_liked(mina: Person, engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await many(connection, mina, 3)
        await connection.execute(text("UPDATE articles SET up_count = 0, down_count = 0, created_at = now()"))
        ages = {"article 1": "0", "article 2": "12", "article 3": "13"}
        for title, hours in ages.items():
            age = text("UPDATE articles SET created_at = now() - :hours * interval '1 hour' WHERE title = :title")
            await connection.execute(age, {"hours": int(hours), "title": title})
        await connection.execute(text("UPDATE articles SET up_count = 4, down_count = 6 WHERE title <> 'article 1'"))
    shown = await pages(mina, URL, feed="hot", limit=1)
    assert [one["title"] for one in shown] == ["article 2", "article 1", "article 3"]


EVENLY_SPREAD = """
    UPDATE articles SET shuffle = place FROM (
        SELECT id, (row_number() OVER (ORDER BY id) - 0.5) / count(*) OVER () AS place FROM articles
    ) places WHERE places.id = articles.id
"""


@pytest.mark.parametrize("topic", [None, "fifth"])
@pytest.mark.parametrize("limit", [1, 3, 4, 7, 50])
async def test_a_random_feed_shows_each_article_once_whatever_the_seed(
    mina: Person, engine: AsyncEngine, topic: str | None, limit: int
) -> None:
    async with engine.begin() as connection:
        await many(connection, mina, 20 if topic else 8)
        await connection.execute(text(EVENLY_SPREAD))  # how many orders there are is not left to chance
    asked = {"feed": "random", "limit": limit} | ({"topic": topic} if topic else {})
    orders = set()
    for seed in range(12):
        shown = [one["id"] for one in await pages(mina, URL, **asked, seed=seed)]
        assert len(shown) == len(set(shown)) == (4 if topic else 8)
        assert shown == [one["id"] for one in await pages(mina, URL, **(asked | {"limit": 300}), seed=seed)]
        orders.add(tuple(shown))
    assert len(orders) > 3


async def test_the_server_picks_a_seed_which_the_cursor_carries(mina: Person, engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await many(connection, mina, 40)
    first = set()
    for _ in range(8):
        shown = [one["id"] for one in await pages(mina, URL, feed="random", limit=15)]
        assert len(set(shown)) == len(shown) == 40
        first.add(shown[0])
    assert len(first) > 1
    page = (await mina.client.get(URL, params={"feed": "random", "seed": 1, "limit": 3})).json()
    other = {"feed": "random", "seed": 2, "cursor": page["nextCursor"]}
    assert (await mina.client.get(URL, params=other)).status_code == 422


async def test_an_empty_random_feed_is_empty(mina: Person) -> None:
    assert (await mina.client.get(URL, params={"feed": "random"})).json() == {"items": [], "nextCursor": None}


async def test_a_cursor_is_good_for_its_own_feed_only(mina: Person, engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await many(connection, mina, 5)
    feeds = [*FEEDS, "hot", "random"]
    cursors = {
        feed: (await mina.client.get(URL, params={"feed": feed, "limit": 1})).json()["nextCursor"] for feed in feeds
    }
    for given, cursor in cursors.items():
        for asked in feeds:
            answer = await mina.client.get(URL, params={"feed": asked, "cursor": cursor})
            assert answer.status_code == (200 if given == asked else 422), (given, asked)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"feed": "best"}, "feed"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**53}, "seed"),
        ({"seed": "x"}, "seed"),
        ({"author": 0}, "author"),
        ({"author": 2**63}, "author"),
        ({"topic": ""}, "topic"),
        ({"topic": "x" * 51}, "topic"),
        ({"topic": "\x00"}, "topic"),
        ({"limit": 0}, "limit"),
        ({"limit": 301}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "!"}, "cursor"),
        ({"cursor": "WyJuZXdlc3QiLDFlOTld"}, "cursor"),
        ({"feed": "hot", "cursor": "WyJob3QiLE5hTiwxXQ"}, "cursor"),
        ({"feed": "popular", "cursor": "WyJwb3B1bGFyIiw0Mjk0OTY3Mjk2LDFd"}, "cursor"),
        ({"feed": "random", "cursor": "WyJyYW5kb20iLC0xLGZhbHNlXQ"}, "cursor"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(mina: Person, wrong: dict[str, Any], where: str) -> None:
    answer = await mina.client.get(URL, params=wrong)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"][0]["loc"] == ["query", where]


@pytest.mark.parametrize("feed", [*FEEDS, "hot", "random"])
async def test_a_feed_takes_as_many_statements_for_twice_the_articles(
    mina: Person, engine: AsyncEngine, feed: str
) -> None:
    counts = []
    for _ in range(2):
        async with engine.begin() as connection:
            await connection.execute(text("DELETE FROM article_topics"))
            await many(connection, mina, 30)
        with watch_statements() as statements:
            await pages(mina, URL, feed=feed, limit=300, seed=1)
        counts.append(len(statements))
    assert counts == ([2, 2] if feed == "random" else [1, 1])


INDEXES = {
    "newest": ("pk_articles", "pk_article_topics"),
    "popular": ("ix_articles_down_count_id", "ix_article_topics_topic_key_down_count_article_id"),
    "upvote": ("ix_articles_up_count_id", "ix_article_topics_topic_key_up_count_article_id"),
    "hot": ("ix_articles_hot_id", "ix_article_topics_topic_key_hot_article_id"),
    "random": ("ix_articles_shuffle_id", "ix_article_topics_topic_key_shuffle_article_id"),
}


@pytest.fixture
async def crowd(mina: Person, engine: AsyncEngine) -> Person:
    async with engine.begin() as connection:
        await many(connection, mina, 5000)
        await connection.execute(text("ANALYZE articles, article_topics, users, comments"))
    return mina


@pytest.mark.parametrize("feed", INDEXES)
@pytest.mark.parametrize("topic", [None, "fifth", "one"])
async def test_a_feed_is_one_range_of_an_index(
    crowd: Person, engine: AsyncEngine, feed: str, topic: str | None
) -> None:
    asked: dict[str, Any] = {"feed": feed, "limit": 50, "seed": 1} | ({"topic": topic} if topic else {})
    with watch_statements() as statements:
        cursor = (await crowd.client.get(URL, params=asked)).json()["nextCursor"]
        if cursor:
            await crowd.client.get(URL, params=asked | {"cursor": cursor})
    for statement in statements:
        plan = await generic_plan(engine, statement.sql)
        told = "\n".join(plan)
        scanned, *joined = [line for line in plan if "Scan" in line and "article" in line.partition(" on ")[2]]
        assert f"using {INDEXES[feed][topic is not None]} on" in scanned, told
        assert all("Index Scan using" in line for line in joined), told
        assert "Sort" not in told, told


async def generic_plan(engine: AsyncEngine, sql: str) -> list[str]:
    """Return the plan that the application gets, which is made for no values in particular."""
    anything = ", ".join("NULL" for _ in set(re.findall(r"\$\d+", sql)))
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.execute("SET plan_cache_mode = force_generic_plan")
        await driver.execute(f"PREPARE feed AS {sql}")
        return [line for (line,) in await driver.fetch(f"EXPLAIN EXECUTE feed({anything})")]


async def test_topics_are_counted(mina: Person, juno: Person) -> None:
    await publish(mina, 1, topics=["Python", "요리"])
    await publish(juno, 1, topics=["python"])
    await publish(juno, 1, topics=["SQL"])
    expected = {
        "popular": [("Python", 2), ("SQL", 1), ("요리", 1)],
        "newest": [("SQL", 1), ("Python", 2), ("요리", 1)],
        "name": [("Python", 2), ("SQL", 1), ("요리", 1)],
    }
    for by, topics in expected.items():
        with watch_statements() as statements:
            shown = (await mina.client.get(f"{URL}/topics", params={"by": by})).json()
        assert [(one["topic"], one["articleCount"]) for one in shown] == topics
        assert len(statements) == 1
    assert len((await mina.client.get(f"{URL}/topics", params={"limit": 1})).json()) == 1
    for wrong in ({"by": "size"}, {"limit": 0}, {"limit": 301}):
        assert (await mina.client.get(f"{URL}/topics", params=wrong)).status_code == 422
