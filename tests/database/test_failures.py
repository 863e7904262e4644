"""What clients are told when the database fails, and that nothing is kept by halves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.accounts.models import User
from tests.fixtures.server import Person, Server, serve, settings_for, sign_up

MEAL = {"ingredients": [{"name": "egg", "color": "teal"}]}

DYING = "PERFORM pg_terminate_backend(pg_backend_pid())"
REFUSING = "RAISE EXCEPTION 'refused'"


@contextlib.asynccontextmanager
async def trigger(engine: AsyncEngine, *, when: str, table: str, does: str, deferred: bool) -> AsyncIterator[None]:
    """Have the database do something to whoever inserts into a table."""
    kind = "CONSTRAINT TRIGGER" if deferred else "TRIGGER"
    how = "DEFERRABLE INITIALLY DEFERRED" if deferred else ""
    async with engine.begin() as connection:
        await connection.execute(
            text(f"CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {does}; RETURN NEW; END $$")
        )
        await connection.execute(
            text(f"CREATE {kind} fault {when} INSERT ON {table} {how} FOR EACH ROW EXECUTE FUNCTION fault()")
        )
    try:
        yield
    finally:
        async with engine.begin() as connection:
            await connection.execute(text("DROP FUNCTION fault() CASCADE"))


async def rows(engine: AsyncEngine) -> dict[str, Any]:
    async with engine.connect() as connection:
        return {
            table: await connection.scalar(text(f"SELECT count(*) FROM {table}"))
            for table in ("food_logs", "food_ingredients", "idempotency_keys")
        }


NOTHING = {"food_logs": 0, "food_ingredients": 0, "idempotency_keys": 0}


async def test_a_connection_killed_between_a_log_and_its_ingredients_leaves_neither(
    mina: Person, engine: AsyncEngine
) -> None:
    key = {"Idempotency-Key": "1"}
    async with trigger(engine, when="BEFORE", table="food_ingredients", does=DYING, deferred=False):
        failed = await mina.client.post("/api/log/food", json=MEAL, headers=key)
    assert failed.status_code == 503
    assert failed.headers["retry-after"]
    assert await rows(engine) == NOTHING
    assert (await mina.client.post("/api/log/food", json=MEAL, headers=key)).status_code == 201


@pytest.mark.parametrize(("does", "status"), [(REFUSING, 500), (DYING, 503)])
async def test_a_commit_that_fails_is_never_201(
    mina: Person, engine: AsyncEngine, does: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with trigger(engine, when="AFTER", table="food_logs", does=does, deferred=True):
        failed = await mina.client.post("/api/log/food", json=MEAL)
    assert failed.status_code == status
    assert failed.headers["content-type"] == "application/problem+json"
    assert "refused" not in failed.text
    assert await rows(engine) == NOTHING


async def test_connections_killed_while_idle_are_not_noticed(mina: Person, engine: AsyncEngine) -> None:
    for _ in range(3):
        async with engine.begin() as connection:
            # Waits (a second at most) until each is gone.
            await connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        await asyncio.sleep(0.05)  # for the news to arrive
        assert (await mina.client.get("/api/log/food/today")).status_code == 200
        assert (await mina.client.post("/api/log/food", json=MEAL)).status_code == 201


@contextlib.asynccontextmanager
async def locked(engine: AsyncEngine, person: Person) -> AsyncIterator[None]:
    """Hold a lock on this person's row, for which every write of theirs has to wait."""
    async with engine.begin() as connection:
        await connection.execute(User.__table__.select().where(User.id == person.id).with_for_update())
        yield


async def waiting_for_locks(engine: AsyncEngine, sessions: int) -> None:
    """Return when so many sessions of this database wait for a lock."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(2), engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        while await connection.scalar(waiting) < sessions:  # noqa: ASYNC110 - PostgreSQL tells nobody of it
            await asyncio.sleep(0.01)


async def test_a_locked_row_is_503_by_the_deadline(
    database_url: str, engine: AsyncEngine, tmp_path: Path, empty_database: None
) -> None:
    settings = settings_for(database_url, tmp_path, statement_timeout=0.5)
    async with serve(settings) as server, sign_up(server) as person, locked(engine, person):
        started = asyncio.get_running_loop().time()
        failed = await person.client.patch("/api/users/me", json={"username": "x"})
        assert failed.status_code == 503
        assert asyncio.get_running_loop().time() - started < 2


async def test_an_exhausted_pool_is_503_within_two_seconds(
    database_url: str, engine: AsyncEngine, tmp_path: Path, empty_database: None
) -> None:
    settings = settings_for(database_url, tmp_path, pool_size=2, pool_timeout=0.5, statement_timeout=3)
    async with serve(settings) as server, sign_up(server) as person, locked(engine, person):
        holding = [asyncio.create_task(person.client.patch("/api/users/me", json={"username": "x"})) for _ in range(2)]
        await waiting_for_locks(engine, len(holding))
        answers = await asyncio.gather(*(person.client.get("/api/log/food/today") for _ in range(50)))
        assert {answer.status_code for answer in answers} == {503}
        assert all(answer.headers["retry-after"] for answer in answers)
        await asyncio.gather(*holding)
    assert {answer.elapsed.total_seconds() < 2 for answer in answers} == {True}


async def test_without_a_database_the_process_lives_and_is_not_ready(tmp_path: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:9/nothing"
    async with serve(settings_for(nowhere, tmp_path)) as server, server.client() as client:
        assert (await client.get("/healthz")).status_code == 200
        unready = await client.get("/readyz")
        assert unready.status_code == 503
        assert unready.headers["retry-after"]


async def test_with_a_database_it_is_ready(server: Server) -> None:
    async with server.client() as client:
        assert (await client.get("/readyz")).json() == {"status": "ok"}
