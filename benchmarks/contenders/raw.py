"""asyncpg by hand: `json_agg` in a sub-select, rows into Pydantic models."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal
from uuid import UUID

import asyncpg
from fastapi import FastAPI, HTTPException
from sqlalchemy import make_url
from uuid_utils.compat import uuid7

from benchmarks.contenders.schemas import (
    ArticlePage,
    ArticleSummary,
    AuthorRead,
    ContentRead,
    FoodLogCreate,
    FoodLogPage,
    FoodLogRead,
    Logged,
)
from benchmarks.contenders.signed_in import CurrentUser
from daybook.database.projection import encode_cursor

SELECT = """
    SELECT f.id, u.user_key, f.meal_type, f.is_healthy, f.estimated_calories, f.date, f.note, f.photo_id,
           f.analysis_id, f.content_id, f.created_at, f.updated_at,
           (SELECT json_agg(t.tagname ORDER BY t.tagname) FROM food_log_tag ft JOIN tags t ON t.id = ft.tag_id
            WHERE ft.food_log_id = f.id) AS tags,
           (SELECT json_agg(json_build_object(
                       'name', i.name, 'color', i.color, 'grams', i.grams, 'calories', i.calories
                   ) ORDER BY i.position)
            FROM food_ingredients i WHERE i.food_log_id = f.id) AS ingredients
    FROM food_logs f JOIN users u ON u.id = f.user_id
    WHERE f.user_id = $1
"""
TODAY = f"""{SELECT}
    AND f.date = (SELECT (now() AT TIME ZONE timezone)::date FROM users WHERE id = $1) ORDER BY f.id"""
LIST = f"{SELECT} ORDER BY f.date DESC, f.id DESC LIMIT $2"
ONE = f"{SELECT} AND f.id = $2"
INSERT_LOG = """
    INSERT INTO food_logs (id, user_id, meal_type, is_healthy, estimated_calories, date, note)
    VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
"""
INSERT_INGREDIENT = """
    INSERT INTO food_ingredients (food_log_id, position, name, color, grams, calories)
    VALUES ($1, $2, $3, $4, $5, $6)
"""
CONTENTS = """
    SELECT c.id, c.url, c.title, c.content_type, c.description, c.note, c.thumbnail, c.favicon, c.bookmark, c.saved_on,
           v.video_length, p.body, c.created_at, c.updated_at,
           (SELECT json_agg(t.tagname ORDER BY t.tagname) FROM content_tag ct JOIN tags t ON t.id = ct.tag_id
            WHERE ct.content_id = c.id) AS tags
    FROM contents c LEFT JOIN video_metadata v ON v.content_id = c.id LEFT JOIN post_metadata p ON p.content_id = c.id
"""
NEWEST = "ORDER BY c.saved_on DESC, c.id DESC"
ALL_CONTENTS = f"{CONTENTS} WHERE c.user_id = $1 {NEWEST} LIMIT $2"
BOOKMARKS = f"{CONTENTS} WHERE c.user_id = $1 AND c.bookmark {NEWEST} LIMIT $2"
TAGGED = f"""{CONTENTS} JOIN content_tag tagged ON tagged.content_id = c.id
    WHERE c.user_id = $1 AND tagged.tag_id = $3 {NEWEST} LIMIT $2"""
ARTICLES = """
    SELECT a.id, a.title, a.body, a.topics, u.id AS author_id, u.username, a.item_count, a.thumbnails,
           (SELECT count(*) FROM comments c WHERE c.article_id = a.id) AS comment_count,
           a.up_count, a.down_count, a.created_at, a.updated_at
    FROM articles a JOIN users u ON u.id = a.user_id ORDER BY a.down_count DESC, a.id DESC LIMIT $1
"""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep a pool."""
    dsn = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql").render_as_string(hide_password=False)
    async with asyncpg.create_pool(dsn, min_size=10, max_size=10, server_settings={"jit": "off"}) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


def food_log(row: Any) -> FoodLogRead:
    """Return the model of a row."""
    return FoodLogRead(
        id=row["id"],
        user_key=row["user_key"],
        meal_type=row["meal_type"],
        is_healthy=row["is_healthy"],
        estimated_calories=row["estimated_calories"],
        date=row["date"],
        note=row["note"],
        photo_id=row["photo_id"],
        analysis_id=row["analysis_id"],
        content_id=row["content_id"],
        ingredients=json.loads(row["ingredients"]) if row["ingredients"] else [],
        tags=json.loads(row["tags"]) if row["tags"] else [],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


@app.get("/api/log/food/today")
async def today(user_id: CurrentUser) -> list[FoodLogRead]:
    """The meals of today."""
    async with app.state.pool.acquire() as connection:
        rows = await connection.fetch(TODAY, user_id)
    return [food_log(row) for row in rows]


@app.get("/api/log/food")
async def list_food(user_id: CurrentUser, limit: int = 50) -> FoodLogPage:
    """The latest meals."""
    async with app.state.pool.acquire() as connection:
        rows = await connection.fetch(LIST, user_id, limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    return FoodLogPage(
        items=[food_log(row) for row in rows[:limit]],
        next_cursor=encode_cursor(last["date"], str(last["id"])) if last else None,
    )


@app.get("/api/log/food/{log_id}")
async def get_food(log_id: UUID, user_id: CurrentUser) -> FoodLogRead:
    """One meal."""
    async with app.state.pool.acquire() as connection:
        row = await connection.fetchrow(ONE, user_id, log_id)
    if row is None:
        raise HTTPException(404)
    return food_log(row)


@app.post("/api/log/food", status_code=201)
async def log_food(new: FoodLogCreate, user_id: CurrentUser) -> Logged:
    """Log a meal with its ingredients."""
    async with app.state.pool.acquire() as connection, connection.transaction():
        log_id = await connection.fetchval(
            INSERT_LOG,
            uuid7(),
            user_id,
            new.meal_type,
            new.is_healthy,
            new.estimated_calories,
            new.date,
            new.note,
        )
        await connection.executemany(
            INSERT_INGREDIENT,
            [
                (log_id, position, part.name, part.color, part.grams, part.calories)
                for position, part in enumerate(new.ingredients)
            ],
        )
    return Logged(id=log_id)


def content(row: Any) -> ContentRead:
    """Return the model of a row."""
    return ContentRead(
        id=row["id"],
        url=row["url"],
        title=row["title"],
        content_type=row["content_type"],
        description=row["description"],
        note=row["note"],
        thumbnail=row["thumbnail"],
        favicon=row["favicon"],
        bookmark=row["bookmark"],
        saved_on=row["saved_on"],
        video_length=row["video_length"],
        body=row["body"],
        tags=json.loads(row["tags"]) if row["tags"] else [],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


@app.get("/api/contents/user/{user_id}/all")
async def all_contents(user_id: int, caller: CurrentUser, limit: int = 50) -> list[ContentRead]:
    """All contents."""
    return await contents(user_id, caller, ALL_CONTENTS, limit)


@app.get("/api/contents/bookmarks/user/{user_id}")
async def bookmarks(user_id: int, caller: CurrentUser, limit: int = 50) -> list[ContentRead]:
    """The bookmarked contents."""
    return await contents(user_id, caller, BOOKMARKS, limit)


@app.get("/api/tags/{tag_id}/contents/all")
async def contents_of_tag(tag_id: int, caller: CurrentUser, limit: int = 50) -> list[ContentRead]:
    """What has a tag."""
    return await contents(caller, caller, TAGGED, limit, tag_id)


async def contents(user_id: int, caller: int, sql: str, *parameters: object) -> list[ContentRead]:
    """Return the contents of a statement, or 404 when they are another's."""
    if user_id != caller:
        raise HTTPException(404)
    async with app.state.pool.acquire() as connection:
        return [content(row) for row in await connection.fetch(sql, caller, *parameters)]


def article(row: Any) -> ArticleSummary:
    """Return the model of a row."""
    return ArticleSummary(
        id=row["id"],
        title=row["title"],
        body=row["body"],
        topics=row["topics"],
        author=AuthorRead(id=row["author_id"], username=row["username"]),
        item_count=row["item_count"],
        thumbnails=row["thumbnails"],
        comment_count=row["comment_count"],
        up_count=row["up_count"],
        down_count=row["down_count"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


@app.get("/api/articles")
async def popular(_caller: CurrentUser, feed: Literal["popular"], limit: int = 50) -> ArticlePage:
    """The articles that most have downloaded."""
    async with app.state.pool.acquire() as connection:
        rows = await connection.fetch(ARTICLES, limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    return ArticlePage(
        items=[article(row) for row in rows[:limit]],
        next_cursor=encode_cursor(feed, last["down_count"], last["id"]) if last else None,
    )
