"""The limit: Starlette and asyncpg, SQL by hand, tuned for exactly these pages with all else left out.

PostgreSQL writes the JSON, as bytes; a connection is not reset when it goes back to the pool; a token that was found
good is remembered.
"""

import base64
import datetime as dt
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import jwt
import orjson
from sqlalchemy import make_url
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uuid_utils.compat import uuid7

from daybook.accounts.tokens import ALGORITHM, ISSUER

KEY = os.environ["DAYBOOK_SECRET_KEY"]


def array(rows: str) -> str:
    """Return SQL for the rows as the bytes of a JSON array."""
    joined = f"SELECT string_agg(json_send(row_to_json(item)), ','::bytea) FROM ({rows}) item"
    return f"SELECT '['::bytea || coalesce(({joined}), '') || ']'"


FOOD_LOG = """
    SELECT f.id, u.user_key AS "userKey", f.meal_type AS "mealType", f.is_healthy AS "isHealthy",
           f.estimated_calories AS "estimatedCalories", f.date, f.note, f.photo_id AS "photoId",
           f.analysis_id AS "analysisId", f.content_id AS "contentId",
           ARRAY(SELECT ingredient FROM (
               SELECT i.name, i.color, i.grams, i.calories FROM food_ingredients i
               WHERE i.food_log_id = f.id ORDER BY i.position
           ) ingredient) AS ingredients,
           ARRAY(SELECT t.tagname FROM food_log_tag ft JOIN tags t ON t.id = ft.tag_id
                 WHERE ft.food_log_id = f.id ORDER BY t.tagname) AS tags,
           f.created_at AS "createdAt", f.updated_at AS "updatedAt"
    FROM food_logs f JOIN users u ON u.id = f.user_id WHERE f.user_id = $1
"""
NEWEST = "ORDER BY f.date DESC, f.id DESC"
TODAY = array(
    f"{FOOD_LOG} AND f.date = (SELECT (now() AT TIME ZONE timezone)::date FROM users WHERE id = $1) ORDER BY f.id"
)
# Beside the items, the sort keys of the last one and of the one after it, if there is one.
LIST = f"""
    {array(f"{FOOD_LOG} {NEWEST} LIMIT $2")},
           ARRAY(SELECT '["' || f.date || '","' || f.id || '"]' FROM food_logs f
                 WHERE f.user_id = $1 {NEWEST} OFFSET $2 - 1 LIMIT 2)
"""
ONE = f"SELECT json_send(row_to_json(item)) FROM ({FOOD_LOG} AND f.id = $2) item"
INSERT = """
    WITH log AS (
        INSERT INTO food_logs (id, user_id, meal_type, is_healthy, estimated_calories, date, note)
        VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
    )
    INSERT INTO food_ingredients (food_log_id, position, name, color, grams, calories)
    SELECT log.id, i.position - 1, i.name, i.color, i.grams, i.calories
    FROM log, unnest($8::text[], $9::text[], $10::float8[], $11::int[]) WITH ORDINALITY
         AS i (name, color, grams, calories, position)
"""
CONTENT = """
    SELECT c.id, c.url, c.title, c.content_type AS "contentType", c.description, c.note, c.thumbnail, c.favicon,
           c.bookmark, c.saved_on AS "savedOn", v.video_length AS "videoLength", p.body,
           ARRAY(SELECT t.tagname FROM content_tag ct JOIN tags t ON t.id = ct.tag_id
                 WHERE ct.content_id = c.id ORDER BY t.tagname) AS tags,
           c.created_at AS "createdAt", c.updated_at AS "updatedAt"
    FROM contents c LEFT JOIN video_metadata v ON v.content_id = c.id LEFT JOIN post_metadata p ON p.content_id = c.id
"""
SAVED_LAST = "ORDER BY c.saved_on DESC, c.id DESC LIMIT $2"


ALL_CONTENTS = array(f"{CONTENT} WHERE c.user_id = $1 {SAVED_LAST}")
BOOKMARKS = array(f"{CONTENT} WHERE c.user_id = $1 AND c.bookmark {SAVED_LAST}")
TAGGED = array(
    f"""{CONTENT} JOIN content_tag tagged ON tagged.content_id = c.id
        WHERE c.user_id = $1 AND tagged.tag_id = $3 {SAVED_LAST}"""
)
POPULAR = "ORDER BY a.down_count DESC, a.id DESC"
ARTICLES = f"""
    {
    array(f'''
        SELECT a.id, a.title, a.body, a.topics,
               (SELECT author FROM (SELECT u.id, u.username) author) AS author,
               a.item_count AS "itemCount", a.thumbnails,
               (SELECT count(*) FROM comments c WHERE c.article_id = a.id) AS "commentCount",
               a.up_count AS "upCount", a.down_count AS "downCount",
               a.created_at AS "createdAt", a.updated_at AS "updatedAt"
        FROM articles a JOIN users u ON u.id = a.user_id {POPULAR} LIMIT $1
    ''')
},
    ARRAY(SELECT '["popular",' || a.down_count || ',' || a.id || ']' FROM articles a {POPULAR} OFFSET $1 - 1 LIMIT 2)
"""


class NeverReset(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """Spares the round trip that cleans a connection, since nothing here leaves anything behind."""

    async def reset(self, **_: object) -> None:
        """Leave it as it is."""

    def get_reset_query(self) -> str:
        """Return nothing to run."""
        return ""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Keep a pool."""
    dsn = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql").render_as_string(hide_password=False)
    settings = {"jit": "off", "timezone": "UTC", "plan_cache_mode": "force_generic_plan", "random_page_cost": "1.1"}
    async with asyncpg.create_pool(
        dsn, min_size=10, max_size=10, server_settings=settings, connection_class=NeverReset
    ) as pool:
        app.state.pool = pool
        yield


known: dict[str, tuple[int, float]] = {}


def user_id_of(request: Request) -> int:
    """Return whose token it is; jwt.PyJWTError when it is not good."""
    header = request.headers["authorization"]
    found = known.get(header)
    if found is None or found[1] <= time.time():
        claims = jwt.decode(header.removeprefix("Bearer "), KEY, algorithms=[ALGORITHM], issuer=ISSUER)
        found = known[header] = int(claims["sub"]), claims["exp"]
    return found[0]


async def fetch(request: Request, sql: str, *parameters: object) -> Any:
    """Return the rows."""
    async with request.app.state.pool.acquire() as connection:
        return await connection.fetch(sql, *parameters)


async def today(request: Request) -> Response:
    """The meals of today."""
    [(body,)] = await fetch(request, TODAY, user_id_of(request))
    return Response(body, media_type="application/json")


async def list_food(request: Request) -> Response:
    """The latest meals."""
    [(items, keys)] = await fetch(request, LIST, user_id_of(request), int(request.query_params["limit"]))
    return page(items, keys)


def page(items: bytes, keys: list[str]) -> Response:
    """Return a page; the keys are those of the last item and of the one after it, if there is one."""
    cursor = b"null"
    if len(keys) > 1:
        cursor = b'"' + base64.urlsafe_b64encode(keys[0].encode()).rstrip(b"=") + b'"'
    return Response(b'{"items":' + items + b',"nextCursor":' + cursor + b"}", media_type="application/json")


async def get_food(request: Request) -> Response:
    """One meal."""
    rows = await fetch(request, ONE, user_id_of(request), UUID(request.path_params["log_id"]))
    return Response(rows[0][0], media_type="application/json") if rows else Response(status_code=404)


async def log_food(request: Request) -> Response:
    """Log a meal with its ingredients."""
    user_id = user_id_of(request)
    new = orjson.loads(await request.body())
    parts = new["ingredients"]
    log_id = uuid7()
    async with request.app.state.pool.acquire() as connection:
        await connection.fetch(
            INSERT,
            log_id,
            user_id,
            new["mealType"],
            new["isHealthy"],
            new["estimatedCalories"],
            dt.date.fromisoformat(new["date"]),
            new["note"],
            *([part[name] for part in parts] for name in ("name", "color", "grams", "calories")),
        )
    return Response(orjson.dumps({"id": log_id, "message": "Logged."}), 201, media_type="application/json")


async def contents(request: Request) -> Response:
    """All contents, or the bookmarked ones."""
    user_id = user_id_of(request)
    if int(request.path_params["user_id"]) != user_id:
        return Response(status_code=404)
    sql = ALL_CONTENTS if request.url.path.endswith("all") else BOOKMARKS
    [(body,)] = await fetch(request, sql, user_id, int(request.query_params["limit"]))
    return Response(body, media_type="application/json")


async def contents_of_tag(request: Request) -> Response:
    """What has a tag."""
    limit, tag_id = int(request.query_params["limit"]), int(request.path_params["tag_id"])
    [(body,)] = await fetch(request, TAGGED, user_id_of(request), limit, tag_id)
    return Response(body, media_type="application/json")


async def popular(request: Request) -> Response:
    """The articles that most have downloaded."""
    user_id_of(request)
    [(items, keys)] = await fetch(request, ARTICLES, int(request.query_params["limit"]))
    return page(items, keys)


app = Starlette(
    routes=[
        Route("/api/log/food/today", today),
        Route("/api/log/food", list_food),
        Route("/api/log/food", log_food, methods=["POST"]),
        Route("/api/log/food/{log_id}", get_food),
        Route("/api/contents/user/{user_id}/all", contents),
        Route("/api/contents/bookmarks/user/{user_id}", contents),
        Route("/api/tags/{tag_id}/contents/all", contents_of_tag),
        Route("/api/articles", popular),
    ],
    lifespan=lifespan,
)
