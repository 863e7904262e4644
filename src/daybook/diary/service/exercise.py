"""Logging exercise."""

import datetime as dt
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from daybook.accounts.caller import Caller
from daybook.diary import queries
from daybook.diary.models import ExerciseLog
from daybook.diary.schemas import ExerciseLogCreate, ExerciseLogUpdate
from daybook.diary.service import logs


async def create(session: AsyncSession, caller: Caller, new: ExerciseLogCreate, now: dt.datetime) -> UUID | ExerciseLog:
    """Return the new log's id; or the log, if an earlier request with the same id and words has made it.

    Raises LogIdTaken, or NotFound for what it names and is not the caller's.
    """
    columns = new.model_dump() | {"id": new.id or uuid7()}
    made = await logs.insert(session, queries.INSERT_EXERCISE_LOG, caller, columns, now)
    if made is not None:
        return made
    assert new.id is not None  # noqa: S101 - an id of our own making is never taken
    return await logs.repeated(session, ExerciseLog, caller, new.id, new.model_dump(exclude={"id", "user_key"}))


async def change(session: AsyncSession, caller: Caller, log_id: UUID, wanted: ExerciseLogUpdate) -> ExerciseLog:
    """Return the changed log; LogNotFound."""
    log = await logs.get_for_update(session, ExerciseLog, caller, log_id)
    for column, value in wanted.model_dump(exclude_unset=True).items():
        setattr(log, column, value)
    await session.flush()
    return log
