"""The statements of a diary. Each takes the owner as a required argument, so that another's row is simply not found."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Insert,
    Select,
    Table,
    and_,
    delete,
    desc,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.sql.base import ExecutableOption
from sqlalchemy.sql.dml import ReturningDelete, ReturningInsert, ReturningUpdate

from daybook.accounts.models import User
from daybook.accounts.queries import local_day
from daybook.diary.models import Analysis, AnalysisBudget, ExerciseLog, FoodIngredient, FoodLog, Photo
from daybook.diary.schemas import Ingredient
from daybook.diary.vocabulary import AnalysisKind, AnalysisStatus

Log = TypeVar("Log", FoodLog, ExerciseLog)


def _loaded(log: type[Log]) -> list[ExecutableOption]:
    """What a log is read with: nothing else is ever loaded."""
    owner_key = joinedload(log.user).load_only(User.user_key)
    return [owner_key, selectinload(FoodLog.ingredients)] if log is FoodLog else [owner_key]


# --- logs


def log_by_id(log: type[Log], user_id: int, log_id: UUID) -> Select[Log]:
    """One log."""
    return select(log).where(log.user_id == user_id, log.id == log_id).options(*_loaded(log))


def log_for_update(log: type[Log], user_id: int, log_id: UUID) -> Select[Log]:
    """One log, locked, so that of two changes at once the second sees the first."""
    return log_by_id(log, user_id, log_id).with_for_update(of=log)


def insert_log(
    log: type[Log], user_id: int, columns: dict[str, Any], user_key: str | None, now: dt.datetime
) -> ReturningInsert[Log]:
    """Make a log; no row when its id is taken, the user key is not the owner's, or the account is gone.

    Selecting from the owner's own row makes the default date the owner's local day, and takes the photo from the
    analysis that is named, in the same statement.
    """
    table = log.__table__
    assert isinstance(table, Table)  # noqa: S101 - what a mapped class of ours always has
    values: dict[str, ColumnElement[Any]] = {
        name: literal(value, table.c[name].type) for name, value in columns.items()
    }
    analysed_photo = (
        select(Analysis.photo_id)
        .where(Analysis.id == columns["analysis_id"], Analysis.user_id == user_id)
        .scalar_subquery()
    )
    values["photo_id"] = func.coalesce(values["photo_id"], analysed_photo)
    values["date"] = func.coalesce(values["date"], local_day(now))
    owner = select(User.id, *values.values()).where(User.id == user_id)
    if user_key is not None:
        owner = owner.where(User.user_key == user_key)
    return pg_insert(log).from_select(["user_id", *values], owner).on_conflict_do_nothing().returning(log)


def insert_ingredients(log_id: UUID, ingredients: Sequence[Ingredient]) -> tuple[Insert, list[dict[str, Any]]]:
    """Put all ingredients of a log in with one statement; execute it with the rows."""
    rows = [
        {"food_log_id": log_id, "position": position, **ingredient.model_dump()}
        for position, ingredient in enumerate(ingredients)
    ]
    return insert(FoodIngredient), rows


def delete_log(log: type[Log], user_id: int, log_id: UUID) -> ReturningDelete[UUID]:
    """Delete a log with what belongs to it; its id, or no row."""
    return delete(log).where(log.user_id == user_id, log.id == log_id).returning(log.id)


# --- photos and analyses


def photo(user_id: int, photo_id: UUID) -> Select[Photo]:
    """One photo."""
    return select(Photo).where(Photo.user_id == user_id, Photo.id == photo_id)


def insert_question(photo: dict[str, Any], question: dict[str, Any]) -> ReturningInsert[UUID]:
    """Keep the photo and note the question about it; the photo's id, also when the same bytes were kept before."""
    kept = pg_insert(Photo).values(photo)
    # Setting what is there already makes the row come back.
    photo_row = (
        kept.on_conflict_do_update(index_elements=[Photo.user_id, Photo.sha256], set_={"sha256": kept.excluded.sha256})
        .returning(Photo.id, Photo.user_id)
        .cte("photo")
    )
    columns = {name: literal(value, Analysis.__table__.c[name].type) for name, value in question.items()}
    return (
        insert(Analysis)
        .from_select(["photo_id", "user_id", *columns], select(*photo_row.c, *columns.values()))
        .returning(Analysis.photo_id)
    )


def known_answer(
    user_id: int, now: dt.datetime, sha256: bytes, kind: AnalysisKind, *, model: str, prompt_version: str
) -> Select[dt.date, Analysis | None]:
    """The owner's local day, and what this model said of the same bytes before when asked the same, if it was.

    No row when the account is gone.
    """
    same_photo = and_(Photo.user_id == User.id, Photo.sha256 == sha256)
    same_question = and_(
        Analysis.photo_id == Photo.id,
        Analysis.user_id == Photo.user_id,
        Analysis.kind == kind,
        Analysis.model == model,
        Analysis.prompt_version == prompt_version,
        Analysis.status == AnalysisStatus.DONE,
    )
    return (
        select(local_day(now), Analysis)
        .select_from(User)
        .outerjoin(Photo, same_photo)
        .outerjoin(Analysis, same_question)
        .where(User.id == user_id)
        .order_by(desc(Analysis.id).nulls_last())
        .limit(1)
    )


def use_budget(user_id: int, now: dt.datetime, limit: int) -> ReturningInsert[int]:
    """Count one more question of the owner's local day; no row when the limit is reached."""
    today = select(User.id, local_day(now), literal(1)).where(User.id == user_id, literal(limit) > 0)
    return (
        pg_insert(AnalysisBudget)
        .from_select(["user_id", "day", "used"], today)
        .on_conflict_do_update(
            index_elements=[AnalysisBudget.user_id, AnalysisBudget.day],
            set_={"used": AnalysisBudget.used + 1},
            where=AnalysisBudget.used < limit,
        )
        .returning(AnalysisBudget.used)
    )


def finish_analysis(user_id: int, analysis_id: UUID, outcome: dict[str, Any]) -> ReturningUpdate[UUID]:
    """Note what came of a question."""
    return (
        update(Analysis)
        .where(Analysis.user_id == user_id, Analysis.id == analysis_id)
        .values(outcome)
        .returning(Analysis.id)
    )
