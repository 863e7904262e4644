"""Logging exercise."""

import datetime as dt
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from daybook.accounts.caller import Caller
from daybook.database.executor import Executor
from daybook.diary import queries
from daybook.diary.errors import LogNotFound
from daybook.diary.models import ExerciseLog
from daybook.diary.projections import EXERCISE
from daybook.diary.schemas import ExerciseLogCreate, ExerciseLogRead, ExerciseLogUpdate
from daybook.diary.service import logs


async def create(
    executor: Executor, caller: Caller, new: ExerciseLogCreate, now: dt.datetime
) -> UUID | ExerciseLogRead:
    """Return the id of the new log; or the log, if an earlier request with the same id and values created it.

    Raises LogIdTaken, or NotFound for a photo or analysis that is not the caller's.
    """
    columns = dict(new) | {"id": new.id or uuid7()}
    log_id = await logs.insert(executor, queries.INSERT_EXERCISE_LOG, caller, columns, now)
    return log_id or await logs.get_same(executor, EXERCISE, caller, new)


async def update(session: AsyncSession, caller: Caller, log_id: UUID, changes: ExerciseLogUpdate) -> ExerciseLog:
    """Return the updated log; LogNotFound."""
    log = await session.scalar(queries.exercise_log_for_update(caller.user_id, log_id))
    if log is None:
        raise LogNotFound
    for column, value in changes.model_dump().items():
        setattr(log, column, value)
    await session.flush()
    return log
