"""Analyzing photos: known answers, the daily limit, the model, and the record of it all."""

import asyncio
import datetime as dt
import logging
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from daybook.accounts.caller import Caller
from daybook.database.engine import Database
from daybook.diary import queries
from daybook.diary.analyzers.analyzer import ExerciseFindings, FoodFindings, ModelAnswer, PhotoAnalyzer
from daybook.diary.enums import AnalysisKind, AnalysisStatus
from daybook.diary.errors import AnalysisBudgetUsedUp, ServerBudgetUsedUp
from daybook.diary.photos.preparer import PhotoPreparer
from daybook.diary.photos.protocol import PreparedPhoto
from daybook.diary.photos.store import PhotoStore
from daybook.diary.schemas import ExerciseAnalysis, FoodAnalysis
from daybook.diary.service import photos
from daybook.errors import DaybookError, Unauthenticated

logger = logging.getLogger(__name__)

CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class PhotoPipeline:
    """What analyzing a photo takes, shared by the requests of a process."""

    preparer: PhotoPreparer
    store: PhotoStore
    analyzer: PhotoAnalyzer
    per_day: int
    """How many questions one person may put to the model in a day."""
    per_day_total: int
    """How many questions all of them together may."""
    bulkhead: asyncio.Semaphore
    """How many connections analyses may use at once, so that a hundred photos leave some for everybody else."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the model, new or from before, and the caller's local date."""

    analysis_id: UUID
    photo_id: UUID
    model: str
    result: dict[str, Any]
    today: dt.date


async def food(
    database: Database, pipeline: PhotoPipeline, caller: Caller, image: bytes, now: dt.datetime
) -> FoodAnalysis:
    """Return what is on the plate. Raises BadPhoto, PhotoTooLarge, AnalysisBudgetUsedUp or an error of the model."""
    answer = await _ask(database, pipeline, caller, AnalysisKind.FOOD, image=image, now=now)
    findings = FoodFindings.model_validate(answer.result)
    return FoodAnalysis(
        is_healthy=findings.is_healthy,
        ingredients=findings.ingredients,
        estimated_calories=findings.estimated_calories,
        meal_type=findings.meal_type,
        date=answer.today,
        analysis_id=answer.analysis_id,
        photo_id=answer.photo_id,
        analyzer=answer.model,
    )


async def exercise(
    database: Database, pipeline: PhotoPipeline, caller: Caller, image: bytes, now: dt.datetime
) -> ExerciseAnalysis:
    """Return which exercise it is. Raises as `food` does."""
    answer = await _ask(database, pipeline, caller, AnalysisKind.EXERCISE, image=image, now=now)
    findings = ExerciseFindings.model_validate(answer.result)
    return ExerciseAnalysis(
        exercise_type=findings.exercise_type,
        duration=findings.duration,
        calories=findings.calories,
        distance=findings.distance,
        date=findings.date or answer.today,
        analysis_id=answer.analysis_id,
        photo_id=answer.photo_id,
        analyzer=answer.model,
    )


async def _ask(
    database: Database, pipeline: PhotoPipeline, caller: Caller, kind: AnalysisKind, *, image: bytes, now: dt.datetime
) -> Answer:
    """Return the known answer for this photo, or the model's. No connection is held while the model works."""
    photo = await pipeline.preparer.prepare(image)
    model, version = pipeline.analyzer.model, pipeline.analyzer.prompt_version
    async with pipeline.bulkhead:
        known = await database.run(
            queries.known_answer(caller.user_id, now, photo.sha256, kind, model=model, prompt_version=version)
        )
    if known is None:
        raise Unauthenticated("The account of this token has been deleted.")
    today, analysis_id, photo_id, result = known
    if analysis_id is not None and photo_id is not None:
        return Answer(analysis_id, photo_id, model, result or {}, today)
    async with pipeline.bulkhead:
        used = await database.run(queries.use_budget(caller.user_id, now, pipeline.per_day))
    if used is None:
        raise AnalysisBudgetUsedUp(
            f"You have used all {pipeline.per_day} analyses of today; try again tomorrow.", retry_after=3600
        )
    async with pipeline.bulkhead:
        used = await database.run(queries.use_total_budget(now.astimezone(dt.UTC).date(), pipeline.per_day_total))
    if used is None:
        raise ServerBudgetUsedUp(
            "This server has used all of its analyses of today; try again tomorrow.", retry_after=3600
        )
    analyzing = asyncio.create_task(_analyze(pipeline.analyzer, kind, photo))
    try:
        # The model is at work already while the photo and the question are stored.
        question = await _record(database, pipeline, caller, kind, photo)
    except BaseException:
        analyzing.cancel()
        raise
    try:
        outcome = await analyzing
    except asyncio.CancelledError:
        cancelled = _Outcome(AnalysisStatus.FAILED, error=CANCELLED)
        await asyncio.shield(_finish(database, pipeline, caller, question.id, cancelled))
        raise
    await _finish(database, pipeline, caller, question.id, outcome)
    if outcome.failure is not None:
        raise outcome.failure
    return Answer(question.id, question.photo_id, model, outcome.result or {}, today)


@dataclass(frozen=True, slots=True)
class _Question:
    id: UUID
    photo_id: UUID


@dataclass(frozen=True, slots=True)
class _Outcome:
    status: AnalysisStatus
    result: dict[str, Any] | None = None
    error: str | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    latency_ms: int | None = None
    failure: DaybookError | None = None

    def columns(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "result": self.result,
            "error": self.error,
            "prompt_tokens": self.prompt_tokens,
            "output_tokens": self.output_tokens,
            "latency_ms": self.latency_ms,
        }


async def _analyze(analyzer: PhotoAnalyzer, kind: AnalysisKind, photo: PreparedPhoto) -> _Outcome:
    """Return what the model says. A failure is an outcome too: it is recorded before it is raised."""
    started = time.perf_counter()
    answer: ModelAnswer[FoodFindings] | ModelAnswer[ExerciseFindings]
    try:
        if kind is AnalysisKind.FOOD:
            answer = await analyzer.food(photo.data)
        else:
            answer = await analyzer.exercise(photo.data)
    except DaybookError as failure:
        latency = round((time.perf_counter() - started) * 1000)
        logger.warning("the model failed", extra={"model": analyzer.model, "kind": kind, "reason": failure.code})
        return _Outcome(AnalysisStatus.FAILED, error=failure.code, latency_ms=latency, failure=failure)
    return _Outcome(
        AnalysisStatus.DONE,
        result=answer.findings.model_dump(mode="json"),
        prompt_tokens=answer.usage.prompt_tokens,
        output_tokens=answer.usage.output_tokens,
        latency_ms=round((time.perf_counter() - started) * 1000),
    )


async def _record(
    database: Database, pipeline: PhotoPipeline, caller: Caller, kind: AnalysisKind, photo: PreparedPhoto
) -> _Question:
    columns = await photos.store_file(pipeline.store, caller, photo)
    question: dict[str, Any] = {
        "id": uuid7(),
        "kind": kind,
        "model": pipeline.analyzer.model,
        "prompt_version": pipeline.analyzer.prompt_version,
        "status": AnalysisStatus.RUNNING,
    }
    async with pipeline.bulkhead:
        stored = await database.run(queries.insert_question(columns, question))
    assert stored is not None  # noqa: S101 - the statement inserts, or raises
    return _Question(question["id"], stored.photo_id)


async def _finish(
    database: Database, pipeline: PhotoPipeline, caller: Caller, analysis_id: UUID, outcome: _Outcome
) -> None:
    async with pipeline.bulkhead:
        await database.run(queries.finish_analysis(caller.user_id, analysis_id, outcome.columns()))
