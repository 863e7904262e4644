"""The sessions that routes ask for. The one place where a unit of work is committed."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from daybook.database.engine import Database

Clock = Callable[[], datetime]
"""Tells the time, with an offset; tests set another."""


Session = AsyncSession
"""What a route's unit of work is given, for routers, which import nothing of SQLAlchemy."""


def get_database(request: Request) -> Database:
    """Return the process's database."""
    database: Database = request.state.database
    return database


async def _read_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with get_database(request).read() as session:
        yield session


async def _write_session(request: Request) -> AsyncIterator[AsyncSession]:
    async with get_database(request).write.begin() as session:
        yield session


async def _write_sessions(request: Request) -> async_sessionmaker[AsyncSession]:
    return get_database(request).write


async def _now(request: Request) -> datetime:
    clock: Clock = request.state.clock
    return clock()


ReadSession = Annotated[AsyncSession, Depends(_read_session, scope="function")]
"""A session that only reads; its connection goes back before the response is sent."""

# Scope "function" ends the unit of work when the handler has returned and before the response is sent: by default
# FastAPI ends it afterwards, and a commit that fails would already have been answered 201.
WriteSession = Annotated[AsyncSession, Depends(_write_session, scope="function")]
"""A unit of work: committed before the response is sent, rolled back by any exception."""

WriteSessions = Annotated[async_sessionmaker[AsyncSession], Depends(_write_sessions)]
"""For work that waits for something else between its units of work, and may hold no connection meanwhile."""

Now = Annotated[datetime, Depends(_now)]
"""The time at which the request is handled."""
