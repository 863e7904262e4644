"""Exercise over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from daybook.accounts.authentication import DiaryAccess, DiaryWriter
from daybook.accounts.idempotency import KeyReused, OncePerKey, RequestInFlight
from daybook.database.executor import Executor
from daybook.diary.errors import LogIdTaken, LogNotFound
from daybook.diary.models import ExerciseLog
from daybook.diary.projections import EXERCISE
from daybook.diary.schemas import ExerciseLogCreate, ExerciseLogRead, ExerciseLogUpdate, Logged
from daybook.diary.service import exercise, logs
from daybook.web.page import JSON, Cursor, Limit, Page, page_json, page_links
from daybook.web.problem import problems
from daybook.web.schema import Day, Text
from daybook.web.session import Now, TheDatabase, WriteSession, sql_budget

router = APIRouter(prefix="/api/log/exercise", tags=["diary"])


@router.post(
    "",
    status_code=201,
    response_model=Logged,
    responses={
        **problems(LogIdTaken, KeyReused, RequestInFlight, LogNotFound),
        200: {"model": ExerciseLogRead, "description": "The same id and the same words again: the log."},
    },
    openapi_extra=sql_budget(6),  # as for a meal
)
async def log_exercise(new: ExerciseLogCreate, caller: DiaryWriter, once: OncePerKey, now: Now) -> Response:
    """Log exercise."""

    async def work(runner: Executor) -> tuple[int, Logged | ExerciseLogRead]:
        made = await exercise.create(runner, caller, new, now)
        return (201, Logged(id=made)) if isinstance(made, UUID) else (200, made)

    return await once.one_statement(caller, new, work)


@router.get("", response_model=Page[ExerciseLogRead], responses=problems(), openapi_extra=sql_budget(1))
async def list_exercise(
    access: DiaryAccess,
    first: Annotated[Day | None, Query(alias="from", description="The first day.")] = None,
    last: Annotated[Day | None, Query(alias="to", description="The last day, inclusive.")] = None,
    limit: Limit = 50,
    cursor: Cursor | None = None,
) -> Response:
    """The caller's exercise, the latest first."""
    page = await logs.read_between(
        access.reader, EXERCISE, access.caller, first=first, last=last, limit=limit, cursor=cursor
    )
    return Response(page_json(page), media_type=JSON)


@router.get(
    "/today", response_model=list[ExerciseLogRead], responses=problems(LogNotFound), openapi_extra=sql_budget(2)
)
async def list_exercise_today(
    access: DiaryAccess,
    request: Request,
    user_key: Annotated[Text | None, Query(alias="userKey", max_length=200)] = None,
    limit: Limit = 50,
    cursor: Cursor | None = None,
) -> Response:
    """The exercise of the day it is where the caller lives, the earliest first. A Link header leads to the rest."""
    if user_key is not None:
        await access.require_user_key(user_key)
    page = await logs.read_today(access.reader, EXERCISE, access.caller, access.now, limit=limit, cursor=cursor)
    return Response(page.items, headers=page_links(page, request.scope), media_type=JSON)


@router.get("/{log_id}", response_model=ExerciseLogRead, responses=problems(LogNotFound), openapi_extra=sql_budget(1))
async def get_exercise(log_id: UUID, access: DiaryAccess) -> Response:
    """One time of moving."""
    return Response(await logs.read(access.reader, EXERCISE, access.caller, log_id), media_type=JSON)


@router.patch("/{log_id}", response_model=ExerciseLogRead, responses=problems(LogNotFound), openapi_extra=sql_budget(2))
async def update_exercise(
    log_id: UUID, changes: ExerciseLogUpdate, caller: DiaryWriter, session: WriteSession
) -> ExerciseLog:
    """Change the fields that are sent."""
    return await exercise.update(session, caller, log_id, changes)


@router.delete("/{log_id}", status_code=204, responses=problems(LogNotFound), openapi_extra=sql_budget(1))
async def delete_exercise(log_id: UUID, caller: DiaryWriter, database: TheDatabase) -> None:
    """Delete an exercise log."""
    await logs.delete(database, ExerciseLog, caller, log_id)
