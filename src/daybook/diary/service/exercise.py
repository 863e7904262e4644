"""Logging exercise."""

import datetime as dt
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from daybook.accounts.caller import Caller
from daybook.database.executor import Executor
from daybook.diary import queries
from daybook.diary.models import ExerciseLog
from daybook.diary.projections import EXERCISE
from daybook.diary.schemas import ExerciseLogCreate, ExerciseLogRead, ExerciseLogUpdate
from daybook.diary.service import logs


async def create(runner: Executor, caller: Caller, new: ExerciseLogCreate, now: dt.datetime) -> UUID | ExerciseLogRead:
    """Return the new log's id; or the log, if an earlier request with the same id and words has made it.

    Raises LogIdTaken, or NotFound for what it names and is not the caller's.
    """
    columns = dict(new) | {"id": new.id or uuid7()}
    made = await logs.insert(runner, queries.INSERT_EXERCISE_LOG, caller, columns, now)
    return made or await logs.repeated(runner, EXERCISE, caller, new)


async def change(session: AsyncSession, caller: Caller, log_id: UUID, wanted: ExerciseLogUpdate) -> ExerciseLog:
    """Return the changed log; LogNotFound."""
    log = await logs.get_for_update(session, ExerciseLog, caller, log_id)
    for column, value in wanted.model_dump(exclude_unset=True).items():
        setattr(log, column, value)
    await session.flush()
    return log
