"""What logging a meal and logging exercise have in common."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from daybook.accounts.caller import Caller
from daybook.database.compiled import CompiledStatement
from daybook.database.engine import Database
from daybook.database.executor import Executor
from daybook.database.failures import CONSTRAINT_VIOLATIONS, constraint_of
from daybook.database.projection import KeysetPage, decode_cursor
from daybook.diary import queries
from daybook.diary.errors import AnalysisNotFound, LogIdTaken, LogNotFound, PhotoNotFound
from daybook.diary.projections import LogProjections
from daybook.diary.queries import Log
from daybook.diary.schemas import ExerciseLogCreate, FoodLogCreate
from daybook.errors import NotFound, Unauthenticated
from daybook.tags.names import tag_key

DAY_KEY = TypeAdapter(tuple[dt.date, UUID])
ID_KEY = TypeAdapter(tuple[UUID])
NOT_SAID = {"id", "user_key"}
"""What a request says of whose log it is and which, and not in it."""
DEFAULTED = {"date", "photo_id"}
"""What `insert` fills in when it is left out."""


async def read(reader: Executor, logs: LogProjections, caller: Caller, log_id: UUID) -> bytes:
    """Return one of the caller's logs, as JSON; LogNotFound."""
    found = await logs.one.first(reader, user_id=caller.user_id, id=log_id)
    if found is None:
        raise LogNotFound("None of your logs has this id.")
    return found


async def read_today(
    reader: Executor, logs: LogProjections, caller: Caller, now: dt.datetime, *, limit: int, cursor: str | None
) -> KeysetPage:
    """Return the logs of the caller's local day, the earliest first."""
    after = decode_cursor(cursor, ID_KEY) if cursor else None
    return await logs.today.page(reader, limit=limit, after=after, user_id=caller.user_id, now=now)


async def read_between(
    reader: Executor,
    logs: LogProjections,
    caller: Caller,
    *,
    first: dt.date | None,
    last: dt.date | None,
    limit: int,
    cursor: str | None,
    tagname: str | None = None,
) -> KeysetPage:
    """Return the caller's logs of these days, the latest first; meals also only those with a tag."""
    after = decode_cursor(cursor, DAY_KEY) if cursor else None
    tag = {"tag_key": tag_key(tagname)} if tagname else {}
    return await logs.between.page(
        reader, limit=limit, after=after, user_id=caller.user_id, first=first, last=last, **tag
    )


async def get(runner: Executor, logs: LogProjections, caller: Caller, log_id: UUID) -> Any:
    """Return one of the caller's logs; LogNotFound."""
    found = await logs.one.objects(runner, user_id=caller.user_id, id=log_id)
    if not found:
        raise LogNotFound("None of your logs has this id.")
    return found[0]


async def insert(
    runner: Executor, statement: CompiledStatement, caller: Caller, columns: Mapping[str, Any], now: dt.datetime
) -> UUID | None:
    """Return the id of the new log, or None when there is one with this id already.

    `columns` hold all that the statement takes but the owner and the time. Raises NotFound for a user key, photo,
    analysis or content that is not the caller's, and Unauthenticated when the account is gone.
    """
    try:
        made = await statement.fetch(runner, {**columns, "user_id": caller.user_id, "now": now})
    except CONSTRAINT_VIOLATIONS as error:
        constraint = constraint_of(error) or ""
        if "photo_id" in constraint:
            raise PhotoNotFound("None of your photos has this id.") from error
        if "analysis_id" in constraint:
            raise AnalysisNotFound("None of your analyses has this id.") from error
        if "content_id" in constraint:
            raise NotFound("None of your contents has this id.") from error
        raise
    if made:
        made_id: UUID = columns["id"]
        return made_id
    owner = await queries.OWNERS_KEY.fetch(runner, {"user_id": caller.user_id})
    if not owner:
        raise Unauthenticated("The account of this token is gone.")
    if columns["user_key"] not in {None, owner[0][0]}:
        raise NotFound("There is no such user key.")
    return None


async def repeated(
    runner: Executor, logs: LogProjections, caller: Caller, new: FoodLogCreate | ExerciseLogCreate
) -> Any:
    """Return the log that was made of the same words before; LogIdTaken when it says something else."""
    said = {name: value for name, value in new if name not in NOT_SAID and (value is not None or name not in DEFAULTED)}
    found = await logs.one.objects(runner, user_id=caller.user_id, id=new.id)
    if not found or any(_compared(getattr(found[0], name), name) != _compared(said[name], name) for name in said):
        raise LogIdTaken("Another log has this id already; a new log takes a new UUIDv7.")
    return found[0]


def _compared(value: Any, name: str) -> Any:
    return sorted(map(tag_key, value)) if name == "tags" else value


async def delete(database: Database, log: type[Log], caller: Caller, log_id: UUID) -> None:
    """Delete one of the caller's logs; LogNotFound."""
    if await database.run(queries.delete_log(log, caller.user_id, log_id)) is None:
        raise LogNotFound("None of your logs has this id.")
