"""What logging a meal and logging exercise have in common."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from daybook.accounts.caller import Caller
from daybook.database.compiled import CompiledStatement
from daybook.database.engine import Database
from daybook.database.executor import Executor
from daybook.database.failures import CONSTRAINT_VIOLATIONS, constraint_of
from daybook.diary import queries
from daybook.diary.errors import AnalysisNotFound, LogIdTaken, LogNotFound, PhotoNotFound
from daybook.diary.projections import LogProjections, LogRead
from daybook.diary.queries import Log
from daybook.diary.schemas import ExerciseLogCreate, FoodLogCreate
from daybook.errors import NotFound, Unauthenticated
from daybook.tags.names import tag_key

IDENTITY = {"id", "user_key"}
"""The fields of a request that say which log it is, and whose."""
DEFAULTED = {"date", "photo_id"}
"""The fields that `insert` fills in when they are left out."""


async def insert(
    executor: Executor, statement: CompiledStatement, caller: Caller, columns: Mapping[str, Any], now: dt.datetime
) -> UUID | None:
    """Return the id of the new log, or None when there is one with this id already.

    `columns` hold every parameter of the statement except the owner and the time. Raises NotFound for a user key,
    photo, analysis or recipe that is not the caller's, and Unauthenticated when the account no longer exists.
    """
    try:
        inserted = await statement.fetch(executor, {**columns, "user_id": caller.user_id, "now": now})
    except CONSTRAINT_VIOLATIONS as error:
        constraint = constraint_of(error) or ""
        if "photo_id" in constraint:
            raise PhotoNotFound from error
        if "analysis_id" in constraint:
            raise AnalysisNotFound from error
        if "content_id" in constraint:
            raise NotFound("None of your contents has this id.") from error
        raise
    if inserted:
        log_id: UUID = columns["id"]
        return log_id
    owner = await queries.OWNERS_KEY.fetch(executor, {"user_id": caller.user_id})
    if not owner:
        raise Unauthenticated("The account of this token has been deleted.")
    if columns["user_key"] not in {None, owner[0][0]}:
        raise NotFound("There is no such user key.")
    return None


async def get_same(
    executor: Executor, logs: LogProjections[LogRead], caller: Caller, new: FoodLogCreate | ExerciseLogCreate
) -> LogRead:
    """Return the log that an earlier request with the same id and values created; LogIdTaken if the values differ."""
    logged = await logs.by_id.objects(executor, user_id=caller.user_id, id=new.id)
    values = {
        name: value for name, value in new if name not in IDENTITY and (value is not None or name not in DEFAULTED)
    }
    if not logged or any(_differs(name, value, getattr(logged[0], name)) for name, value in values.items()):
        raise LogIdTaken
    return logged[0]


def _differs(name: str, value: Any, logged: Any) -> bool:
    if name == "tags":
        return sorted(map(tag_key, value)) != sorted(map(tag_key, logged))
    return bool(value != logged)


async def delete(database: Database, log: type[Log], caller: Caller, log_id: UUID) -> None:
    """Delete one of the caller's logs; LogNotFound."""
    if await database.run(queries.delete_log(log, caller.user_id, log_id)) is None:
        raise LogNotFound
