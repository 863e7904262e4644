"""The sessions, the database and the time that routes ask for.

A unit of work is a block (`write.begin()`), committed when it ends: here for routes whose work is one, in the service
or in `Once` for those that have to wait for something else in between. Nothing calls commit().
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from daybook.database.engine import Database

Clock = Callable[[], datetime]
"""Tells the time, with an offset; tests set another."""


def statement_budget(statements: int) -> dict[str, Any]:
    """Declare how many statements a route may run (its `openapi_extra`): the tests hold every request to it.

    One more is always allowed, for looking up the API token of a script; an access token needs none.
    """
    return {"x-sql-budget": statements + 1}


async def get_database(request: Request) -> Database:
    """Return the process's database."""
    database: Database = request.state.database
    return database


TheDatabase = Annotated[Database, Depends(get_database)]
"""For work that waits for something else between its units of work, and may hold no connection meanwhile."""


async def _write_session(database: TheDatabase) -> AsyncIterator[AsyncSession]:
    async with database.write.begin() as session:
        yield session


async def _now(request: Request) -> datetime:
    clock: Clock = request.state.clock
    return clock()


# Scope "function" ends the unit of work when the handler has returned and before the response is sent: by default
# FastAPI ends it afterwards, and a commit that fails would already have been answered 201.
WriteSession = Annotated[AsyncSession, Depends(_write_session, scope="function")]
"""A unit of work: committed before the response is sent, rolled back by any exception."""

Now = Annotated[datetime, Depends(_now)]
"""The time at which the request is handled."""
