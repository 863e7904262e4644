"""Meals over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile
from pydantic import ConfigDict, Field

from daybook.accounts.authentication import DiaryAccess, DiaryEditor, DiaryWriter
from daybook.accounts.idempotency import KeyReused, OncePerKey, RequestInFlight
from daybook.database.executor import Executor
from daybook.diary.errors import AnalysisNotFound, LogIdTaken, LogNotFound, PhotoNotFound
from daybook.diary.models import FoodLog
from daybook.diary.projections import FOOD
from daybook.diary.router.common import REPEATED, DaysQuery, TodayQuery
from daybook.diary.router.photos import ACCEPTED, ANALYSIS_ERRORS, Pipeline
from daybook.diary.schemas import (
    ClientId,
    FoodLogCreate,
    FoodLogFromPhoto,
    FoodLogRead,
    FoodLogUpdate,
    Logged,
    Meal,
)
from daybook.diary.service import analyses, food, logs
from daybook.errors import NotFound
from daybook.tags.names import tag_key
from daybook.tags.schemas import TagName
from daybook.web.hot import hot
from daybook.web.page import Page, array_response, json_response, page_response
from daybook.web.problem import problems
from daybook.web.schema import Day, Note, Schema
from daybook.web.session import Now, TheDatabase, WriteSession, statement_budget

router = APIRouter(prefix="/api/log/food", tags=["diary"])


@router.post(
    "",
    status_code=201,
    response_model=Logged,
    responses={
        **problems(NotFound, PhotoNotFound, AnalysisNotFound, LogIdTaken, KeyReused, RequestInFlight),
        200: {"model": FoodLogRead, "description": REPEATED},
    },
    openapi_extra=statement_budget(6),  # one, and up to five more for an Idempotency-Key and a refusal
)
@hot
async def log_food(new: FoodLogCreate, caller: DiaryWriter, once: OncePerKey, now: Now) -> Response:
    """Log a meal, with its ingredients and tags. Tags that do not exist yet are created."""

    async def work(executor: Executor) -> tuple[int, Logged | FoodLogRead]:
        log = await food.create(executor, caller, new, now)
        return (201, Logged(id=log)) if isinstance(log, UUID) else (200, log)

    return await once.one_statement(caller, new, work)


class MealPhoto(Schema):
    """A photo of a meal, and what is known of the meal."""

    model_config = ConfigDict(extra="ignore")

    photo: Annotated[UploadFile, File(description=ACCEPTED)]
    id: ClientId | None = None
    meal_type: Meal | None = None
    date: Day | None = None
    note: Note | None = None


@router.post(
    "/photo",
    status_code=201,
    response_model=FoodLogFromPhoto,
    responses={
        **problems(*ANALYSIS_ERRORS, LogIdTaken, KeyReused, RequestInFlight),
        200: {
            "model": FoodLogFromPhoto,
            "description": REPEATED,
        },
    },
    openapi_extra=statement_budget(11),
)
async def log_food_photo(
    meal: Annotated[MealPhoto, Form(media_type="multipart/form-data")],
    caller: DiaryWriter,
    database: TheDatabase,
    pipeline: Pipeline,
    once: OncePerKey,
    now: Now,
) -> Response:
    """Log a meal from its photo. The model finds the ingredients; values sent with the photo take precedence."""
    image = await meal.photo.read()
    # It is the same request only if the values are the same, too.
    content = meal.model_dump_json(exclude={"photo"}).encode() + image
    if first := await once.first_answer(caller, content):
        return first
    analysis = await analyses.food(database, pipeline, caller, image, now)
    new = FoodLogCreate(
        id=meal.id,
        meal_type=meal.meal_type or analysis.meal_type,
        is_healthy=analysis.is_healthy,
        estimated_calories=analysis.estimated_calories,
        ingredients=analysis.ingredients,
        date=meal.date or analysis.date,
        note=meal.note,
        photo_id=analysis.photo_id,
        analysis_id=analysis.analysis_id,
    )

    async def work(executor: Executor) -> tuple[int, FoodLogFromPhoto]:
        log = await food.create(executor, caller, new, now)
        status = 200
        if isinstance(log, UUID):
            status, [log] = 201, await FOOD.by_id.objects(executor, user_id=caller.user_id, id=log)
        return status, FoodLogFromPhoto(**log.model_dump(), analyzer=analysis.analyzer)

    return await once.one_statement(caller, content, work)


class FoodLogQuery(DaysQuery):
    """Which meals to return."""

    tag: Annotated[TagName | None, Field(description="The name of a tag that the meals have.")] = None


@router.get("", response_model=Page[FoodLogRead], responses=problems(), openapi_extra=statement_budget(1))
@hot
async def list_food(access: DiaryAccess, query: Annotated[FoodLogQuery, Query()]) -> Response:
    """List meals, the latest first. They can be restricted to some days and to a tag."""
    page = await FOOD.between.page(
        access.reader,
        limit=query.limit,
        cursor=query.cursor,
        user_id=access.caller.user_id,
        first=query.first,
        last=query.last,
        tag_key=tag_key(query.tag) if query.tag else None,
    )
    return page_response(page)


@router.get("/today", response_model=list[FoodLogRead], responses=problems(NotFound), openapi_extra=statement_budget(2))
@hot
async def list_food_today(access: DiaryAccess, request: Request, query: Annotated[TodayQuery, Query()]) -> Response:
    """List today's meals, in the order of logging. Today is the date in the caller's time zone."""
    if query.user_key is not None:
        await access.require_user_key(query.user_key)
    page = await FOOD.today.page(
        access.reader, limit=query.limit, cursor=query.cursor, user_id=access.caller.user_id, now=access.now
    )
    return array_response(page, request)


@router.get("/{log_id}", response_model=FoodLogRead, responses=problems(LogNotFound), openapi_extra=statement_budget(1))
@hot
async def get_food(log_id: UUID, access: DiaryAccess) -> Response:
    """Get a meal, with its ingredients and tags."""
    return json_response(
        await FOOD.by_id.one(access.reader, or_raise=LogNotFound, user_id=access.caller.user_id, id=log_id)
    )


@router.patch(
    "/{log_id}",
    response_model=FoodLogRead,
    responses=problems(LogNotFound, NotFound),
    openapi_extra=statement_budget(10),
)
async def update_food(log_id: UUID, changes: FoodLogUpdate, caller: DiaryEditor, session: WriteSession) -> FoodLog:
    """Update a meal. Fields that are left out stay as they are; ingredients and tags are replaced as a whole."""
    return await food.update(session, caller, log_id, changes)


@router.delete("/{log_id}", status_code=204, responses=problems(LogNotFound), openapi_extra=statement_budget(1))
async def delete_food(log_id: UUID, caller: DiaryWriter, database: TheDatabase) -> None:
    """Delete a meal, with its ingredients. Its photo and analysis stay."""
    await logs.delete(database, FoodLog, caller, log_id)
