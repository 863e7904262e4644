"""Analyzing photos, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from daybook.accounts.authentication import DiaryAccess, DiaryWriter
from daybook.diary.projections import ANALYSES
from daybook.diary.router.photos import ANALYSIS_ERRORS, PHOTO_BODY, Image, Pipeline
from daybook.diary.schemas import AnalysisRead, ExerciseAnalysis, FoodAnalysis
from daybook.diary.service import analyses
from daybook.web.hot import hot
from daybook.web.page import Page, PageQuery, page_response
from daybook.web.problem import problems
from daybook.web.session import Now, TheDatabase, statement_budget

router = APIRouter(prefix="/api", tags=["diary"])


# The caller comes first: dependencies are resolved in order, and a photo is read only from who may send one.
@router.post("/analyze/food", responses=problems(*ANALYSIS_ERRORS), openapi_extra=PHOTO_BODY | statement_budget(5))
async def analyze_food(
    caller: DiaryWriter, image: Image, database: TheDatabase, pipeline: Pipeline, now: Now
) -> FoodAnalysis:
    """Analyze a photo of a meal. Nothing is logged: the answer can be sent to /api/log/food, as it is or corrected."""
    return await analyses.food(database, pipeline, caller, image, now)


@router.post("/analyze/exercise", responses=problems(*ANALYSIS_ERRORS), openapi_extra=PHOTO_BODY | statement_budget(5))
async def analyze_exercise(
    caller: DiaryWriter, image: Image, database: TheDatabase, pipeline: Pipeline, now: Now
) -> ExerciseAnalysis:
    """Analyze a photo of exercise, or a screenshot of an app that recorded it.

    Nothing is logged: the answer can be sent to /api/log/exercise, as it is or corrected.
    """
    return await analyses.exercise(database, pipeline, caller, image, now)


@router.get("/analyses", response_model=Page[AnalysisRead], responses=problems(), openapi_extra=statement_budget(1))
@hot
async def list_analyses(access: DiaryAccess, query: Annotated[PageQuery, Query()]) -> Response:
    """List analyses, the latest first, with their outcome and their cost in tokens."""
    page = await ANALYSES.page(access.reader, limit=query.limit, cursor=query.cursor, user_id=access.caller.user_id)
    return page_response(page)
