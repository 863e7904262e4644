"""Exercise over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from daybook.accounts.authentication import DiaryAccess, DiaryEditor, DiaryWriter
from daybook.accounts.idempotency import KeyReused, OncePerKey, RequestInFlight
from daybook.database.executor import Executor
from daybook.diary.errors import AnalysisNotFound, LogIdTaken, LogNotFound, PhotoNotFound
from daybook.diary.models import ExerciseLog
from daybook.diary.projections import EXERCISE
from daybook.diary.router.common import REPEATED, DaysQuery, TodayQuery
from daybook.diary.schemas import (
    ExerciseLogCreate,
    ExerciseLogRead,
    ExerciseLogUpdate,
    Logged,
)
from daybook.diary.service import exercise, logs
from daybook.errors import NotFound
from daybook.web.hot import hot
from daybook.web.page import Page, array_response, json_response, page_response
from daybook.web.problem import problems
from daybook.web.session import Now, TheDatabase, WriteSession, statement_budget

router = APIRouter(prefix="/api/log/exercise", tags=["diary"])


@router.post(
    "",
    status_code=201,
    response_model=Logged,
    responses={
        **problems(NotFound, PhotoNotFound, AnalysisNotFound, LogIdTaken, KeyReused, RequestInFlight),
        200: {"model": ExerciseLogRead, "description": REPEATED},
    },
    openapi_extra=statement_budget(6),  # as for a meal
)
@hot
async def log_exercise(new: ExerciseLogCreate, caller: DiaryWriter, once: OncePerKey, now: Now) -> Response:
    """Log exercise: a workout, a walk, or whatever else."""

    async def work(executor: Executor) -> tuple[int, Logged | ExerciseLogRead]:
        log = await exercise.create(executor, caller, new, now)
        return (201, Logged(id=log)) if isinstance(log, UUID) else (200, log)

    return await once.one_statement(caller, new, work)


@router.get("", response_model=Page[ExerciseLogRead], responses=problems(), openapi_extra=statement_budget(1))
@hot
async def list_exercise(access: DiaryAccess, query: Annotated[DaysQuery, Query()]) -> Response:
    """List exercise, the latest first. It can be restricted to some days."""
    page = await EXERCISE.between.page(
        access.reader,
        limit=query.limit,
        cursor=query.cursor,
        user_id=access.caller.user_id,
        first=query.first,
        last=query.last,
    )
    return page_response(page)


@router.get(
    "/today", response_model=list[ExerciseLogRead], responses=problems(NotFound), openapi_extra=statement_budget(2)
)
@hot
async def list_exercise_today(access: DiaryAccess, request: Request, query: Annotated[TodayQuery, Query()]) -> Response:
    """List today's exercise, in the order of logging. Today is the date in the caller's time zone."""
    if query.user_key is not None:
        await access.require_user_key(query.user_key)
    page = await EXERCISE.today.page(
        access.reader, limit=query.limit, cursor=query.cursor, user_id=access.caller.user_id, now=access.now
    )
    return array_response(page, request)


@router.get(
    "/{log_id}", response_model=ExerciseLogRead, responses=problems(LogNotFound), openapi_extra=statement_budget(1)
)
@hot
async def get_exercise(log_id: UUID, access: DiaryAccess) -> Response:
    """Get an exercise log."""
    return json_response(
        await EXERCISE.by_id.one(access.reader, or_raise=LogNotFound, user_id=access.caller.user_id, id=log_id)
    )


@router.patch(
    "/{log_id}", response_model=ExerciseLogRead, responses=problems(LogNotFound), openapi_extra=statement_budget(2)
)
async def update_exercise(
    log_id: UUID, changes: ExerciseLogUpdate, caller: DiaryEditor, session: WriteSession
) -> ExerciseLog:
    """Update an exercise log. Fields that are left out stay as they are."""
    return await exercise.update(session, caller, log_id, changes)


@router.delete("/{log_id}", status_code=204, responses=problems(LogNotFound), openapi_extra=statement_budget(1))
async def delete_exercise(log_id: UUID, caller: DiaryWriter, database: TheDatabase) -> None:
    """Delete an exercise log. Its photo and analysis stay."""
    await logs.delete(database, ExerciseLog, caller, log_id)
