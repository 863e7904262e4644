"""The seeds' incident, and the other ways to load too much, as an application over HTTP: the log tells, then is silent.

Each route exists twice, as it was found and as its finding says to mend it.
"""

import logging
import re
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from tests.tracing.conftest import Traced, serve
from tests.tracing.models import JOINED, LAZY, MENDED

USERS = MENDED.base.metadata.tables["users"]
KEYS = [1, 2, 3, 4]

CASCADE_FIX = (
    'lazy="raise_on_sql" on the mapping, '
    "or .options(lazyload(Content.comments), lazyload(Content.tags), lazyload(Content.user))"
)
CASCADE = (
    r"joined-cascade: 1 statement, \d+ joins from the mapping \(Content\.comments, Content\.tags, Content\.user, "
    r"Content\.user\.contents.*\), \d{3,} rows x \d+ columns -> .*Content 20.* "
    r"at tests/tracing/test_incident\.py:\d+ list_contents"
)
TOLD: dict[str, tuple[str, str]] = {
    "contents": (CASCADE, CASCADE_FIX),
    "lazily": (
        r"n\+1: User\.contents x4 at tests/tracing/test_incident\.py:\d+ list_lazily",
        "selectinload(User.contents)",
    ),
    "by-get": (
        r"n\+1: SELECT users x4 at tests/tracing/test_incident\.py:\d+ list_by_get",
        "one statement for all of them: WHERE ... IN, or a join",
    ),
    "by-core": (
        r"n\+1: SELECT users x4 at tests/tracing/test_incident\.py:\d+ list_by_core",
        "one statement for all of them: WHERE ... IN, or a join",
    ),
}
"""What the log has to say of each route, as a pattern, and the fix that it names."""


def found_app(traced: Traced) -> FastAPI:
    """As it was found."""
    app = traced.app()

    @app.get("/contents")
    async def list_contents() -> list[str]:
        async with traced.sessions() as session:
            return [one.title for one in (await session.scalars(select(JOINED.content))).unique()]

    @app.get("/lazily")
    async def list_lazily() -> list[int]:
        async with traced.sessions() as session:
            users = (await session.scalars(select(LAZY.user).where(LAZY.user.id.in_(KEYS)))).all()
            return [len(await user.awaitable_attrs.contents) for user in users]

    @app.get("/by-get")
    async def list_by_get() -> list[Any]:
        async with traced.sessions() as session:
            return [getattr(await session.get(MENDED.user, key), "name", None) for key in KEYS]

    @app.get("/by-core")
    async def list_by_core() -> list[Any]:
        async with traced.sessions() as session:
            return [await session.scalar(select(USERS.c.name).where(USERS.c.id == key)) for key in KEYS]

    return app


def mended_app(traced: Traced) -> FastAPI:
    """As the findings say to mend it."""
    app = traced.app()

    @app.get("/contents")
    async def list_contents() -> list[str]:
        async with traced.sessions() as session:
            return [one.title for one in await session.scalars(select(MENDED.content))]

    @app.get("/lazily")
    async def list_lazily() -> list[int]:
        statement = select(LAZY.user).where(LAZY.user.id.in_(KEYS)).options(selectinload(LAZY.user.contents))
        async with traced.sessions() as session:
            return [len(user.contents) for user in await session.scalars(statement)]

    @app.get("/by-get")
    async def list_by_get() -> list[str]:
        async with traced.sessions() as session:
            return [one.name for one in await session.scalars(select(MENDED.user).where(MENDED.user.id.in_(KEYS)))]

    @app.get("/by-core")
    async def list_by_core() -> list[str]:
        async with traced.sessions() as session:
            return [*await session.scalars(select(USERS.c.name).where(USERS.c.id.in_(KEYS)))]

    return app


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log from information on: an application that was served before in this process may have made it quieter."""
    caplog.set_level(logging.INFO, "daybook.tracing")
    return caplog


def warnings(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records if record.levelno > logging.INFO]


@pytest.mark.parametrize("route", TOLD)
async def test_the_log_tells_and_after_the_fix_there_is_silence(
    traced: Traced, log: pytest.LogCaptureFixture, route: str
) -> None:
    pattern, fix = TOLD[route]
    async with serve(found_app(traced)) as client:
        found = await client.get(f"/{route}")
    [told] = warnings(log)
    assert_told(told, pattern, fix, found.headers["x-sql-trace"])

    log.clear()
    async with serve(mended_app(traced)) as client:
        mended = await client.get(f"/{route}")
    assert warnings(log) == []
    assert sorted(map(str, mended.json())) == sorted(map(str, found.json()))
    assert mended.headers["x-sql-trace"].endswith(";n1=0;waste=0")


def assert_told(told: str, pattern: str, fix: str, header: str) -> None:
    """The warning says all of it, under the id that the answer's header gives, which counts it, too."""
    first, _, rest = told.partition("\n")
    identifier = header.partition(";")[0].partition("-")[2]
    assert first.startswith(f"sql[{identifier}] WARN ")
    assert re.search(f" WARN {pattern}$", first), first
    assert rest.strip() == f"fix: {fix}"
    assert header.endswith(";n1=0;waste=1" if "joined" in pattern else ";n1=1;waste=0")
