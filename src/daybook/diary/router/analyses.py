"""Asking the model, over HTTP."""

from fastapi import APIRouter, Response

from daybook.accounts.authentication import DiaryAccess, DiaryWriter
from daybook.diary.router.photos import ANALYSIS_ERRORS, PHOTO_BODY, Pipeline, SentPhoto
from daybook.diary.schemas import AnalysisRead, ExerciseAnalysis, FoodAnalysis
from daybook.diary.service import analyses
from daybook.web.page import JSON, Cursor, Limit, Page, page_json
from daybook.web.problem import problems
from daybook.web.session import Now, TheDatabase, sql_budget

router = APIRouter(prefix="/api", tags=["diary"])


# The caller comes first: dependencies are solved in order, and a photo is not read for who may not send one.
@router.post("/analyze/food", responses=problems(*ANALYSIS_ERRORS), openapi_extra=PHOTO_BODY | sql_budget(4))
async def analyze_food(
    caller: DiaryWriter, sent: SentPhoto, database: TheDatabase, pipeline: Pipeline, now: Now
) -> FoodAnalysis:
    """What is on the plate. Nothing is logged; the answer can be sent to /api/log/food as it is."""
    return await analyses.food(database, pipeline, caller, sent, now)


@router.post("/analyze/exercise", responses=problems(*ANALYSIS_ERRORS), openapi_extra=PHOTO_BODY | sql_budget(4))
async def analyze_exercise(
    caller: DiaryWriter, sent: SentPhoto, database: TheDatabase, pipeline: Pipeline, now: Now
) -> ExerciseAnalysis:
    """Which exercise a photo or screenshot shows. The answer can be sent to /api/log/exercise as it is."""
    return await analyses.exercise(database, pipeline, caller, sent, now)


@router.get("/analyses", response_model=Page[AnalysisRead], responses=problems(), openapi_extra=sql_budget(1))
async def list_analyses(access: DiaryAccess, limit: Limit = 50, cursor: Cursor | None = None) -> Response:
    """What the caller asked the model, the latest first, and what it cost."""
    page = await analyses.past(access.reader, access.caller, limit=limit, cursor=cursor)
    return Response(page_json(page), media_type=JSON)
