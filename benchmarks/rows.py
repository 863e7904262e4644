"""The rows that are read: people with meals, made by PostgreSQL itself, their ids and days as in use."""

import datetime as dt
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


@dataclass(frozen=True)
class Rows:
    """What was filled in."""

    user_ids: dict[str, int]
    """Of the people by name."""
    newest: UUID
    """The id of the reader's (else the heavy user's) latest meal."""


async def fill(url: str, counts: dict[str, int], *, ingredients: int = 8) -> Rows:
    """Give each person that many meals, in an empty database, and let PostgreSQL take note of what it holds."""
    engine = create_async_engine(url, poolclass=NullPool)
    named = {"names": list(counts), "counts": list(counts.values())}
    async with engine.begin() as connection:
        await connection.execute(text(PEOPLE), {"names": named["names"], "timezone": zone_at_midday()})
        await connection.execute(text(LOGS.format(who=EACH_HAS)), named)
        await connection.execute(text(INGREDIENTS), {"ingredients": ingredients})
        await connection.execute(text(EXERCISES), {"name": NEWCOMER})
        await connection.execute(text(IDENTITIES), {"name": NEWCOMER})
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("VACUUM ANALYZE"))
        await connection.execute(text("CHECKPOINT"))
        users = {name: number for number, name in await connection.execute(text("SELECT id, user_key FROM users"))}
        latest = text("SELECT id FROM food_logs WHERE user_id = :user_id ORDER BY date DESC, id DESC LIMIT 1")
        first = next(iter(counts))
        newest = (await connection.execute(latest, {"user_id": users[first]})).scalar_one()
    await engine.dispose()
    return Rows({name: users[name] for name in counts}, newest)


def zone_at_midday() -> str:
    """Return a time zone in which it is about midday, so that no midnight comes while measuring."""
    ahead = 12 - dt.datetime.now(dt.UTC).hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"
