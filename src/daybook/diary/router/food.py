"""Meals over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile

from daybook.accounts.authentication import DiaryReader, DiaryWriter
from daybook.accounts.idempotency import KeyReused, OncePerKey, RequestInFlight
from daybook.accounts.service.people import require_own_key
from daybook.diary.errors import LogIdTaken, LogNotFound
from daybook.diary.models import FoodLog
from daybook.diary.router.photos import ANALYSIS_ERRORS, Desk
from daybook.diary.schemas import ClientId, FoodLogCreate, FoodLogFromPhoto, FoodLogRead, FoodLogUpdate, Logged, Meal
from daybook.diary.service import analyses, food, logs
from daybook.web.page import Cursor, Limit, Page, next_link
from daybook.web.problem import problems
from daybook.web.schema import Day, Note, Text
from daybook.web.session import Now, ReadSession, Session, TheDatabase, WriteSession

router = APIRouter(prefix="/log/food")


@router.post(
    "",
    status_code=201,
    response_model=Logged,
    responses={
        **problems(LogIdTaken, KeyReused, RequestInFlight, LogNotFound),
        200: {"model": FoodLogRead, "description": "The same id and the same words again: the log."},
    },
)
async def log_food(new: FoodLogCreate, caller: DiaryWriter, once: OncePerKey, now: Now) -> Response:
    """Log a meal with its ingredients."""

    async def work(session: Session) -> tuple[int, Logged | FoodLogRead]:
        log, made = await food.create(session, caller, new, now)
        return (201, Logged(id=log.id)) if made else (200, FoodLogRead.model_validate(log))

    return await once(new, work)


@router.post(
    "/photo",
    status_code=201,
    response_model=FoodLogFromPhoto,
    responses=problems(*ANALYSIS_ERRORS, LogIdTaken, KeyReused, RequestInFlight),
)
async def log_food_photo(
    photo: Annotated[UploadFile, File(description="JPEG, PNG, WebP, GIF or HEIC.")],
    caller: DiaryWriter,
    database: TheDatabase,
    desk: Desk,
    once: OncePerKey,
    now: Now,
    id: Annotated[ClientId | None, Form()] = None,  # noqa: A002 - as it is called on the wire
    mealType: Annotated[Meal | None, Form()] = None,  # noqa: N803 - as it is called on the wire
    date: Annotated[Day | None, Form()] = None,
    note: Annotated[Note | None, Form()] = None,
) -> Response:
    """Have the model look at a photo, and log what it sees. What is sent beside the photo goes before."""
    sent = await photo.read()
    if first := await once.first_answer(sent):
        return first
    seen = await analyses.food(database, desk, caller, sent, now)
    new = FoodLogCreate(
        id=id,
        meal_type=mealType or seen.meal_type,
        is_healthy=seen.is_healthy,
        estimated_calories=seen.estimated_calories,
        ingredients=seen.ingredients,
        date=date or seen.date,
        note=note,
        photo_id=seen.photo_id,
        analysis_id=seen.analysis_id,
    )

    async def work(session: Session) -> tuple[int, FoodLogFromPhoto]:
        log, made = await food.create(session, caller, new, now)
        log = await logs.get(session, FoodLog, caller, log.id)
        read = FoodLogRead.model_validate(log).model_dump()
        return 201 if made else 200, FoodLogFromPhoto(**read, analyzer=seen.analyzer)

    return await once(sent, work)


@router.get("", responses=problems())
async def list_food(
    caller: DiaryReader,
    session: ReadSession,
    first: Annotated[Day | None, Query(alias="from", description="The first day.")] = None,
    last: Annotated[Day | None, Query(alias="to", description="The last day, inclusive.")] = None,
    limit: Limit = 50,
    cursor: Cursor | None = None,
) -> Page[FoodLogRead]:
    """The caller's meals, the latest first."""
    found, following = await logs.between(session, FoodLog, caller, first=first, last=last, limit=limit, cursor=cursor)
    return Page(items=[FoodLogRead.model_validate(one) for one in found], next_cursor=following)


@router.get("/today", responses=problems(LogNotFound))
async def list_food_today(
    caller: DiaryReader,
    session: ReadSession,
    now: Now,
    request: Request,
    response: Response,
    user_key: Annotated[Text | None, Query(alias="userKey", max_length=200)] = None,
    limit: Limit = 50,
    cursor: Cursor | None = None,
) -> list[FoodLogRead]:
    """The meals of the day it is where the caller lives, the earliest first. A Link header leads to the rest."""
    await require_own_key(session, caller, user_key)
    found, following = await logs.today(session, FoodLog, caller, now, limit=limit, cursor=cursor)
    if following:
        response.headers["Link"] = next_link(request.url.path, dict(request.query_params), following)
    return [FoodLogRead.model_validate(one) for one in found]


@router.get("/{log_id}", response_model=FoodLogRead, responses=problems(LogNotFound))
async def get_food(log_id: UUID, caller: DiaryReader, session: ReadSession) -> FoodLog:
    """One meal."""
    return await logs.get(session, FoodLog, caller, log_id)


@router.patch("/{log_id}", response_model=FoodLogRead, responses=problems(LogNotFound))
async def change_food(log_id: UUID, wanted: FoodLogUpdate, caller: DiaryWriter, session: WriteSession) -> FoodLog:
    """Change the fields that are sent; ingredients are replaced as a whole."""
    return await food.change(session, caller, log_id, wanted)


@router.delete("/{log_id}", status_code=204, responses=problems(LogNotFound))
async def delete_food(log_id: UUID, caller: DiaryWriter, session: WriteSession) -> None:
    """Delete a meal."""
    await logs.delete(session, FoodLog, caller, log_id)
