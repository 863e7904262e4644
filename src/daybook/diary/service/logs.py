"""What logging a meal and logging exercise have in common."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from daybook.accounts.caller import Caller
from daybook.accounts.queries import has_user_key
from daybook.accounts.service.people import me
from daybook.database.failures import constraint_of
from daybook.database.projection import KeysetPage
from daybook.database.reader import Reader
from daybook.diary import queries
from daybook.diary.errors import AnalysisNotFound, LogIdTaken, LogNotFound, PhotoNotFound
from daybook.diary.projections import LogProjections
from daybook.diary.queries import Log
from daybook.errors import NotFound
from daybook.web.page import decode_cursor

DAY_KEY = TypeAdapter(tuple[dt.date, UUID])
ID_KEY = TypeAdapter(tuple[UUID])
DEFAULTED = {"date", "photo_id"}
"""What `insert` fills in when it is left out."""


async def read(reader: Reader, logs: LogProjections, caller: Caller, log_id: UUID) -> bytes:
    """Return one of the caller's logs, as JSON; LogNotFound."""
    found = await logs.one.json_or_none(reader, user_id=caller.user_id, id=log_id)
    if found is None:
        raise LogNotFound("None of your logs has this id.")
    return found


async def read_today(
    reader: Reader, logs: LogProjections, caller: Caller, now: dt.datetime, *, limit: int, cursor: str | None
) -> KeysetPage:
    """Return the logs of the caller's local day, the earliest first."""
    after = decode_cursor(cursor, ID_KEY) if cursor else None
    return await logs.today.page(reader, limit=limit, after=after, user_id=caller.user_id, now=now)


async def read_between(
    reader: Reader,
    logs: LogProjections,
    caller: Caller,
    *,
    first: dt.date | None,
    last: dt.date | None,
    limit: int,
    cursor: str | None,
) -> KeysetPage:
    """Return the caller's logs of these days, the latest first."""
    after = decode_cursor(cursor, DAY_KEY) if cursor else None
    return await logs.between.page(reader, limit=limit, after=after, user_id=caller.user_id, first=first, last=last)


async def get(session: AsyncSession, log: type[Log], caller: Caller, log_id: UUID) -> Log:
    """Return one of the caller's logs; LogNotFound."""
    return _found(await session.scalar(queries.log_by_id(log, caller.user_id, log_id)))


async def get_for_update(session: AsyncSession, log: type[Log], caller: Caller, log_id: UUID) -> Log:
    """Return one of the caller's logs, locked until the unit of work ends; LogNotFound."""
    return _found(await session.scalar(queries.log_for_update(log, caller.user_id, log_id)))


def _found(log: Log | None) -> Log:
    if log is None:
        raise LogNotFound("None of your logs has this id.")
    return log


async def insert(
    session: AsyncSession, statement: Select[UUID], caller: Caller, columns: Mapping[str, Any], now: dt.datetime
) -> UUID | None:
    """Return the id of the new log, or None when the caller has one with this id already.

    `columns` hold all that the statement takes but the owner and the time. Raises NotFound for a user key, photo or
    analysis that is not the caller's, and Unauthenticated when the account is gone.
    """
    try:
        made = await session.scalar(statement, {**columns, "user_id": caller.user_id, "now": now})
    except IntegrityError as error:
        constraint = constraint_of(error) or ""
        if "photo_id" in constraint:
            raise PhotoNotFound("None of your photos has this id.") from error
        if "analysis_id" in constraint:
            raise AnalysisNotFound("None of your analyses has this id.") from error
        raise
    if made is None:
        await me(session, caller)
        user_key = columns["user_key"]
        if user_key and await session.scalar(has_user_key(caller.user_id, user_key)) is None:
            raise NotFound("There is no such user key.")
    return made


async def repeated(session: AsyncSession, log: type[Log], caller: Caller, log_id: UUID, said: Mapping[str, Any]) -> Log:
    """Return the log that was made of the same words before; LogIdTaken when it says something else."""
    existing = await session.scalar(queries.log_by_id(log, caller.user_id, log_id))
    if existing is None or any(
        getattr(existing, name) != value for name, value in said.items() if value is not None or name not in DEFAULTED
    ):
        raise LogIdTaken("Another log has this id already; a new log takes a new UUIDv7.")
    return existing


async def delete(session: AsyncSession, log: type[Log], caller: Caller, log_id: UUID) -> None:
    """Delete one of the caller's logs; LogNotFound."""
    if await session.scalar(queries.delete_log(log, caller.user_id, log_id)) is None:
        raise LogNotFound("None of your logs has this id.")
