"""What logging a meal and logging exercise have in common."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from daybook.accounts.caller import Caller
from daybook.accounts.service.people import me, require_own_key
from daybook.database.failures import constraint_of
from daybook.diary import queries
from daybook.diary.errors import AnalysisNotFound, LogIdTaken, LogNotFound, PhotoNotFound
from daybook.diary.queries import Log
from daybook.web.page import decode_cursor, encode_cursor

DAY_KEY = TypeAdapter(tuple[dt.date, UUID])
ID_KEY = TypeAdapter(tuple[UUID])
DEFAULTED = {"date", "photo_id"}
"""What `insert` fills in when it is left out."""


async def get(session: AsyncSession, log: type[Log], caller: Caller, log_id: UUID) -> Log:
    """Return one of the caller's logs; LogNotFound."""
    found = await session.scalar(queries.log_by_id(log, caller.user_id, log_id))
    if found is None:
        raise LogNotFound("None of your logs has this id.")
    return found


async def get_for_update(session: AsyncSession, log: type[Log], caller: Caller, log_id: UUID) -> Log:
    """Return one of the caller's logs, locked until the unit of work ends; LogNotFound."""
    found = await session.scalar(queries.log_for_update(log, caller.user_id, log_id))
    if found is None:
        raise LogNotFound("None of your logs has this id.")
    return found


async def today(
    session: AsyncSession, log: type[Log], caller: Caller, now: dt.datetime, *, limit: int, cursor: str | None
) -> tuple[Sequence[Log], str | None]:
    """Return the logs of the caller's local day, the earliest first, and the next page's cursor."""
    after = decode_cursor(cursor, ID_KEY)[0] if cursor else None
    found = (await session.scalars(queries.logs_of_today(log, caller.user_id, now, after, limit + 1))).all()
    return found[:limit], encode_cursor(found[limit - 1].id) if len(found) > limit else None


async def between(
    session: AsyncSession,
    log: type[Log],
    caller: Caller,
    *,
    first: dt.date | None,
    last: dt.date | None,
    limit: int,
    cursor: str | None,
) -> tuple[Sequence[Log], str | None]:
    """Return the caller's logs of these days, the latest first, and the next page's cursor."""
    before = decode_cursor(cursor, DAY_KEY) if cursor else None
    statement = queries.logs_between(log, caller.user_id, first=first, last=last, before=before, limit=limit + 1)
    found = (await session.scalars(statement)).all()
    if len(found) <= limit:
        return found, None
    return found[:limit], encode_cursor(found[limit - 1].date, found[limit - 1].id)


async def insert(
    session: AsyncSession, log: type[Log], caller: Caller, columns: Mapping[str, Any], now: dt.datetime
) -> Log | None:
    """Return the new log, or None when the caller has one with this id already.

    `columns` may hold `id` and `user_key`. Raises NotFound for a user key, photo or analysis that is not the
    caller's, and Unauthenticated when the account is gone.
    """
    values = {name: value for name, value in columns.items() if name != "user_key"}
    user_key = columns.get("user_key")
    try:
        made = await session.scalar(queries.insert_log(log, caller.user_id, values, user_key, now))
    except IntegrityError as error:
        constraint = constraint_of(error) or ""
        if "photo_id" in constraint:
            raise PhotoNotFound("None of your photos has this id.") from error
        if "analysis_id" in constraint:
            raise AnalysisNotFound("None of your analyses has this id.") from error
        raise
    if made is None:
        await me(session, caller)
        await require_own_key(session, caller, user_key)
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
