"""Meals over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile

from daybook.accounts.authentication import DiaryAccess, DiaryWriter
from daybook.accounts.idempotency import KeyReused, OncePerKey, RequestInFlight
from daybook.database.executor import Executor
from daybook.diary.errors import LogIdTaken, LogNotFound
from daybook.diary.models import FoodLog
from daybook.diary.projections import FOOD
from daybook.diary.router.photos import ANALYSIS_ERRORS, Pipeline
from daybook.diary.schemas import ClientId, FoodLogCreate, FoodLogFromPhoto, FoodLogRead, FoodLogUpdate, Logged, Meal
from daybook.diary.service import analyses, food, logs
from daybook.tags.schemas import TagName
from daybook.web.page import JSON, Cursor, Limit, Page, page_json, page_links
from daybook.web.problem import problems
from daybook.web.schema import Day, Note, Text
from daybook.web.session import Now, TheDatabase, WriteSession, sql_budget

router = APIRouter(prefix="/api/log/food", tags=["diary"])


@router.post(
    "",
    status_code=201,
    response_model=Logged,
    responses={
        **problems(LogIdTaken, KeyReused, RequestInFlight, LogNotFound),
        200: {"model": FoodLogRead, "description": "The same id and the same words again: the log."},
    },
    openapi_extra=sql_budget(6),  # one, and five more for what an Idempotency-Key and a refusal ask
)
async def log_food(new: FoodLogCreate, caller: DiaryWriter, once: OncePerKey, now: Now) -> Response:
    """Log a meal with its ingredients."""

    async def work(runner: Executor) -> tuple[int, Logged | FoodLogRead]:
        made = await food.create(runner, caller, new, now)
        return (201, Logged(id=made)) if isinstance(made, UUID) else (200, made)

    return await once.one_statement(caller, new, work)


@router.post(
    "/photo",
    status_code=201,
    response_model=FoodLogFromPhoto,
    responses=problems(*ANALYSIS_ERRORS, LogIdTaken, KeyReused, RequestInFlight),
    openapi_extra=sql_budget(10),
)
async def log_food_photo(
    photo: Annotated[UploadFile, File(description="JPEG, PNG, WebP, GIF or HEIC.")],
    caller: DiaryWriter,
    database: TheDatabase,
    pipeline: Pipeline,
    once: OncePerKey,
    now: Now,
    id: Annotated[ClientId | None, Form()] = None,  # noqa: A002 - as it is called on the wire
    mealType: Annotated[Meal | None, Form()] = None,  # noqa: N803 - as it is called on the wire
    date: Annotated[Day | None, Form()] = None,
    note: Annotated[Note | None, Form()] = None,
) -> Response:
    """Have the model look at a photo, and log what it sees. What is sent beside the photo goes before."""
    sent = await photo.read()
    # All that was sent says whether a request is the same again, not the photo alone.
    words = FoodLogCreate(id=id, meal_type=mealType, date=date, note=note)
    asked = words.model_dump_json().encode() + sent
    if first := await once.first_answer(caller, asked):
        return first
    seen = await analyses.food(database, pipeline, caller, sent, now)
    new = FoodLogCreate(
        id=words.id,
        meal_type=words.meal_type or seen.meal_type,
        is_healthy=seen.is_healthy,
        estimated_calories=seen.estimated_calories,
        ingredients=seen.ingredients,
        date=words.date or seen.date,
        note=words.note,
        photo_id=seen.photo_id,
        analysis_id=seen.analysis_id,
    )

    async def work(runner: Executor) -> tuple[int, FoodLogFromPhoto]:
        made = await food.create(runner, caller, new, now)
        status, log = (201, await logs.get(runner, FOOD, caller, made)) if isinstance(made, UUID) else (200, made)
        return status, FoodLogFromPhoto(**log.model_dump(), analyzer=seen.analyzer)

    return await once.one_statement(caller, asked, work)


@router.get("", response_model=Page[FoodLogRead], responses=problems(), openapi_extra=sql_budget(1))
async def list_food(
    access: DiaryAccess,
    first: Annotated[Day | None, Query(alias="from", description="The first day.")] = None,
    last: Annotated[Day | None, Query(alias="to", description="The last day, inclusive.")] = None,
    tag: Annotated[TagName | None, Query(description="A tag's name.")] = None,
    limit: Limit = 50,
    cursor: Cursor | None = None,
) -> Response:
    """The caller's meals, the latest first."""
    page = await logs.read_between(
        access.reader, FOOD, access.caller, first=first, last=last, limit=limit, cursor=cursor, tagname=tag
    )
    return Response(page_json(page), media_type=JSON)


@router.get("/today", response_model=list[FoodLogRead], responses=problems(LogNotFound), openapi_extra=sql_budget(2))
async def list_food_today(
    access: DiaryAccess,
    request: Request,
    user_key: Annotated[Text | None, Query(alias="userKey", max_length=200)] = None,
    limit: Limit = 50,
    cursor: Cursor | None = None,
) -> Response:
    """The meals of the day it is where the caller lives, the earliest first. A Link header leads to the rest."""
    if user_key is not None:
        await access.require_user_key(user_key)
    page = await logs.read_today(access.reader, FOOD, access.caller, access.now, limit=limit, cursor=cursor)
    return Response(page.items, headers=page_links(page, request.scope), media_type=JSON)


@router.get("/{log_id}", response_model=FoodLogRead, responses=problems(LogNotFound), openapi_extra=sql_budget(1))
async def get_food(log_id: UUID, access: DiaryAccess) -> Response:
    """One meal."""
    return Response(await logs.read(access.reader, FOOD, access.caller, log_id), media_type=JSON)


@router.patch("/{log_id}", response_model=FoodLogRead, responses=problems(LogNotFound), openapi_extra=sql_budget(10))
async def update_food(log_id: UUID, changes: FoodLogUpdate, caller: DiaryWriter, session: WriteSession) -> FoodLog:
    """Change the fields that are sent; ingredients and tags are replaced as a whole."""
    return await food.update(session, caller, log_id, changes)


@router.delete("/{log_id}", status_code=204, responses=problems(LogNotFound), openapi_extra=sql_budget(1))
async def delete_food(log_id: UUID, caller: DiaryWriter, database: TheDatabase) -> None:
    """Delete a meal."""
    await logs.delete(database, FoodLog, caller, log_id)
