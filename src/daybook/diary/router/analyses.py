"""Asking the model, over HTTP."""

from fastapi import APIRouter

from daybook.accounts.authentication import DiaryReader, DiaryWriter
from daybook.diary.router.photos import ANALYSIS_ERRORS, PHOTO_BODY, Desk, SentPhoto
from daybook.diary.schemas import AnalysisRead, ExerciseAnalysis, FoodAnalysis
from daybook.diary.service import analyses
from daybook.web.page import Cursor, Limit, Page
from daybook.web.problem import problems
from daybook.web.session import Now, ReadSession, TheDatabase

router = APIRouter()


# The caller comes first: dependencies are solved in order, and a photo is not read for who may not send one.
@router.post("/analyze/food", responses=problems(*ANALYSIS_ERRORS), openapi_extra=PHOTO_BODY)
async def analyze_food(
    caller: DiaryWriter, sent: SentPhoto, database: TheDatabase, desk: Desk, now: Now
) -> FoodAnalysis:
    """What is on the plate. Nothing is logged; the answer can be sent to /api/log/food as it is."""
    return await analyses.food(database, desk, caller, sent, now)


@router.post("/analyze/exercise", responses=problems(*ANALYSIS_ERRORS), openapi_extra=PHOTO_BODY)
async def analyze_exercise(
    caller: DiaryWriter, sent: SentPhoto, database: TheDatabase, desk: Desk, now: Now
) -> ExerciseAnalysis:
    """Which exercise a photo or screenshot shows. The answer can be sent to /api/log/exercise as it is."""
    return await analyses.exercise(database, desk, caller, sent, now)


@router.get("/analyses", responses=problems())
async def list_analyses(
    caller: DiaryReader, session: ReadSession, limit: Limit = 50, cursor: Cursor | None = None
) -> Page[AnalysisRead]:
    """What the caller asked the model, the latest first, and what it cost."""
    found, following = await analyses.past(session, caller, limit=limit, cursor=cursor)
    return Page(items=[AnalysisRead.model_validate(one) for one in found], next_cursor=following)
