"""The rows that are read: people with meals, made by PostgreSQL itself, their ids and days as in use."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

READER, WRITER, NEWCOMER, HEAVY = "reader", "writer", "newcomer", "heavy"
"""Who asks: for reads, for writes, for joined (who has few meals yet), for a page far down."""

PEOPLE = """
    INSERT INTO users (user_key, username, timezone)
    SELECT name, name, :timezone FROM unnest(CAST(:names AS text[])) name
"""
# Meal n of a person was made 6 hours before meal n - 1; four of them are today's. Its id is a UUIDv7 of that time.
LOGS = """
    INSERT INTO food_logs (id, user_id, meal_type, is_healthy, estimated_calories, date, note, created_at, updated_at)
    SELECT (lpad(to_hex((extract(epoch FROM made) * 1000)::bigint), 12, '0')
               || '7' || substr(md5(random()::text), 1, 3) || '8' || substr(md5(random()::text), 1, 15))::uuid,
           u.id, (ARRAY['breakfast', 'lunch', 'dinner', 'snack'])[n % 4 + 1], n % 2 = 0, 300 + n % 500,
           (now() AT TIME ZONE u.timezone)::date - n / 4,
           CASE WHEN n % 3 = 0 THEN '맛있는 김치찌개 🍚' END, made, made
    FROM {who}, LATERAL (SELECT now() - n * interval '6.0017 hours' AS made) AS at
    ORDER BY made
"""
EACH_HAS = """users u JOIN unnest(CAST(:names AS text[]), CAST(:counts AS int[])) AS has (name, count)
              ON u.user_key = has.name, generate_series(0, has.count - 1) n"""
INGREDIENTS = """
    INSERT INTO food_ingredients (food_log_id, position, name, color, grams, calories)
    SELECT f.id, p, (ARRAY['김치', '돼지고기', '두부', '대파', '양파', '마늘', '고춧가루', '쌀밥'])[p + 1],
           (ARRAY['green', 'red', 'teal'])[p % 3 + 1], 10.5 * p, 20 * p
    FROM food_logs f, generate_series(0, :ingredients - 1) p
    ORDER BY f.created_at, f.id, p
"""

# What a page of meals does not show; joined reads it all the same.
EXERCISES = """
    INSERT INTO exercise_logs (id, user_id, exercise_type, duration, date)
    SELECT gen_random_uuid(), id, 'running', 30, current_date - n
    FROM users, generate_series(1, 20) n WHERE user_key = :name
"""
IDENTITIES = """
    INSERT INTO identities (provider, subject, user_id)
    SELECT 'provider ' || n, id, id FROM users, generate_series(1, 3) n WHERE user_key = :name
"""

# 300 contents of a person, half of them videos, a fifth bookmarked, each with three of twelve tags.
TAGS = """
    INSERT INTO tags (user_id, tagname, tag_key, color)
    SELECT u.id, '태그 ' || n, '태그 ' || n, 4278190080 + n
    FROM users u, generate_series(1, 12) n WHERE u.user_key = ANY (CAST(:names AS text[]))
"""
CONTENTS = """
    INSERT INTO contents (user_id, url, url_key, content_type, title, description, thumbnail, favicon, bookmark,
                          saved_on, search_text, search_terms, created_at, updated_at)
    SELECT u.id, url, url, CASE WHEN n % 2 = 0 THEN 'video' ELSE 'post' END, '김치찌개를 끓이는 법 ' || n,
           repeat('돼지고기와 잘 익은 김치로 ', 5), 'https://img.example.com/' || n || '.jpg',
           'https://example.com/favicon.ico', n % 5 = 0, current_date - n / 3, '', '{}', made, made
    FROM users u, generate_series(300, 1, -1) n,
         LATERAL (SELECT 'https://example.com/' || n AS url, now() - n * interval '8.0017 hours' AS made) AS at
    WHERE u.user_key = ANY (CAST(:names AS text[])) ORDER BY n DESC, u.id
"""
VIDEOS = """
    INSERT INTO video_metadata (content_id, video_length)
    SELECT id, 600 + id % 1000 FROM contents WHERE content_type = 'video'
"""
POSTS = """
    INSERT INTO post_metadata (content_id, body)
    SELECT id, repeat('먼저 김치를 볶는다. ', 20) FROM contents WHERE content_type = 'post'
"""
CONTENT_TAGS = """
    INSERT INTO content_tag (content_id, tag_id, user_id)
    SELECT DISTINCT c.id, t.id, c.user_id
    FROM contents c JOIN tags t ON t.user_id = c.user_id,
         LATERAL (SELECT (c.id * 7 + k * k) % 12 + 1 AS number FROM generate_series(1, 3) k) AS chosen
    WHERE t.tagname = '태그 ' || chosen.number
"""

# 25 articles of each of these people, with two of ten topics and up to four comments.
ARTICLES = """
    INSERT INTO articles (user_id, title, body, topics, item_count, thumbnails, up_count, down_count, created_at)
    SELECT u.id, '김치로 할 수 있는 모든 것 ' || n, repeat('김치는 오래 둘수록 맛있다. ', 8),
           ARRAY['요리 ' || n % 10, '한식 ' || n % 7], 10,
           ARRAY(SELECT 'https://img.example.com/' || n * 4 + k || '.jpg' FROM generate_series(1, 4) k),
           (n * 13 + u.id) % 90, (n * 7 + u.id * 3) % 60, now() - n * interval '5.0017 hours'
    FROM users u, generate_series(1, 25) n WHERE u.user_key = ANY (CAST(:names AS text[]))
"""
COMMENTS = """
    INSERT INTO comments (article_id, user_id, body)
    SELECT a.id, a.user_id, '잘 읽었어요' FROM articles a, generate_series(1, 4) n WHERE n <= a.id % 5
"""


@dataclass(frozen=True)
class Rows:
    """What was filled in."""

    user_ids: dict[str, int]
    """Of the people by name."""
    newest: UUID
    """The id of the reader's (else the heavy user's) latest meal."""
    tag: int
    """The id of a tag of theirs, if they have links."""


async def fill(url: str, counts: dict[str, int], *, ingredients: int = 8, links: Sequence[str] = ()) -> Rows:
    """Fill an empty database: that many meals for each person, and for those in `links` 300 links and 25 articles each.

    PostgreSQL takes note of what it holds.
    """
    engine = create_async_engine(url, poolclass=NullPool)
    named = {"names": list(counts), "counts": list(counts.values())}
    async with engine.begin() as connection:
        await connection.execute(text(PEOPLE), {"names": named["names"], "timezone": zone_at_midday()})
        await connection.execute(text(LOGS.format(who=EACH_HAS)), named)
        await connection.execute(text(INGREDIENTS), {"ingredients": ingredients})
        await connection.execute(text(EXERCISES), {"name": NEWCOMER})
        await connection.execute(text(IDENTITIES), {"name": NEWCOMER})
        await connection.execute(text(TAGS), {"names": list(links)})
        await connection.execute(text(CONTENTS), {"names": list(links)})
        await connection.execute(text(ARTICLES), {"names": list(links)})
        for statement in (VIDEOS, POSTS, CONTENT_TAGS, COMMENTS):
            await connection.execute(text(statement))
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("VACUUM ANALYZE"))
        await connection.execute(text("CHECKPOINT"))
        users = {name: number for number, name in await connection.execute(text("SELECT id, user_key FROM users"))}
        latest = text("SELECT id FROM food_logs WHERE user_id = :user_id ORDER BY date DESC, id DESC LIMIT 1")
        first = next(iter(counts))
        newest = (await connection.execute(latest, {"user_id": users[first]})).scalar_one()
        a_tag = text("SELECT coalesce(min(id), 0) FROM tags WHERE user_id = :user_id")
        tag = (await connection.execute(a_tag, {"user_id": users[first]})).scalar_one()
    await engine.dispose()
    return Rows({name: users[name] for name in counts}, newest, tag)


def zone_at_midday() -> str:
    """Return a time zone in which it is about midday, so that no midnight comes while measuring."""
    ahead = 12 - dt.datetime.now(dt.UTC).hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
