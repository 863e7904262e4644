"""Exercise over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from daybook.accounts.authentication import DiaryReader, DiaryWriter
from daybook.accounts.idempotency import KeyReused, OncePerKey, RequestInFlight
from daybook.accounts.service.people import require_own_key
from daybook.diary.errors import LogIdTaken, LogNotFound
from daybook.diary.models import ExerciseLog
from daybook.diary.schemas import ExerciseLogCreate, ExerciseLogRead, ExerciseLogUpdate, Logged
from daybook.diary.service import exercise, logs
from daybook.web.page import Cursor, Limit, Page, next_link
from daybook.web.problem import problems
from daybook.web.schema import Day, Text
from daybook.web.session import Now, ReadSession, Session, WriteSession

router = APIRouter(prefix="/log/exercise")


@router.post(
    "",
    status_code=201,
    response_model=Logged,
    responses={
        **problems(LogIdTaken, KeyReused, RequestInFlight, LogNotFound),
        200: {"model": ExerciseLogRead, "description": "The same id and the same words again: the log."},
    },
)
async def log_exercise(new: ExerciseLogCreate, caller: DiaryWriter, once: OncePerKey, now: Now) -> Response:
    """Log exercise."""

    async def work(session: Session) -> tuple[int, Logged | ExerciseLogRead]:
        log, made = await exercise.create(session, caller, new, now)
        return (201, Logged(id=log.id)) if made else (200, ExerciseLogRead.model_validate(log))

    return await once(new, work)


@router.get("", responses=problems())
async def list_exercise(
    caller: DiaryReader,
    session: ReadSession,
    first: Annotated[Day | None, Query(alias="from", description="The first day.")] = None,
    last: Annotated[Day | None, Query(alias="to", description="The last day, inclusive.")] = None,
    limit: Limit = 50,
    cursor: Cursor | None = None,
) -> Page[ExerciseLogRead]:
    """The caller's exercise, the latest first."""
    found, following = await logs.between(
        session, ExerciseLog, caller, first=first, last=last, limit=limit, cursor=cursor
    )
    return Page(items=[ExerciseLogRead.model_validate(one) for one in found], next_cursor=following)


@router.get("/today", responses=problems(LogNotFound))
async def list_exercise_today(
    caller: DiaryReader,
    session: ReadSession,
    now: Now,
    request: Request,
    response: Response,
    user_key: Annotated[Text | None, Query(alias="userKey", max_length=200)] = None,
    limit: Limit = 50,
    cursor: Cursor | None = None,
) -> list[ExerciseLogRead]:
    """The exercise of the day it is where the caller lives, the earliest first. A Link header leads to the rest."""
    await require_own_key(session, caller, user_key)
    found, following = await logs.today(session, ExerciseLog, caller, now, limit=limit, cursor=cursor)
    if following:
        response.headers["Link"] = next_link(request.url.path, dict(request.query_params), following)
    return [ExerciseLogRead.model_validate(one) for one in found]


@router.get("/{log_id}", response_model=ExerciseLogRead, responses=problems(LogNotFound))
async def get_exercise(log_id: UUID, caller: DiaryReader, session: ReadSession) -> ExerciseLog:
    """One time of moving."""
    return await logs.get(session, ExerciseLog, caller, log_id)


@router.patch("/{log_id}", response_model=ExerciseLogRead, responses=problems(LogNotFound))
async def change_exercise(
    log_id: UUID, wanted: ExerciseLogUpdate, caller: DiaryWriter, session: WriteSession
) -> ExerciseLog:
    """Change the fields that are sent."""
    return await exercise.change(session, caller, log_id, wanted)


@router.delete("/{log_id}", status_code=204, responses=problems(LogNotFound))
async def delete_exercise(log_id: UUID, caller: DiaryWriter, session: WriteSession) -> None:
    """Delete an exercise log."""
    await logs.delete(session, ExerciseLog, caller, log_id)
