"""The statements of a diary. Each takes the owner as a required argument, so that another's rows are never found."""

import datetime as dt
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    BigInteger,
    ColumnElement,
    DateTime,
    Double,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    delete,
    desc,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.orm import selectinload, undefer
from sqlalchemy.sql.dml import ReturningDelete, ReturningInsert, ReturningUpdate

from daybook.accounts.models import User
from daybook.accounts.queries import local_day
from daybook.database.compiled import CompiledStatement
from daybook.diary.enums import AnalysisKind, AnalysisStatus
from daybook.diary.models import Analysis, AnalysisBudget, AnalysisTotal, ExerciseLog, FoodIngredient, FoodLog, Photo
from daybook.diary.projections import EXERCISE, FOOD
from daybook.tags.models import FoodLogTag
from daybook.tags.queries import ensured_tags

Log = TypeVar("Log", FoodLog, ExerciseLog)

USER_ID = bindparam("user_id", type_=BigInteger)
"""The owner, in statements that are compiled once."""


# --- logs


def food_log_for_update(user_id: int, log_id: UUID) -> Select[FoodLog]:
    """One meal with what its answer shows, locked, so that of two changes at once the second sees the first."""
    return (
        select(FoodLog)
        .where(FoodLog.user_id == user_id, FoodLog.id == log_id)
        # New links take the owner from their log.
        .options(*FOOD.by_id.options(), selectinload(FoodLog.tag_links), undefer(FoodLog.user_id))
        .with_for_update(of=FoodLog)
    )


def exercise_log_for_update(user_id: int, log_id: UUID) -> Select[ExerciseLog]:
    """One exercise log with what its answer shows, locked."""
    return (
        select(ExerciseLog)
        .where(ExerciseLog.user_id == user_id, ExerciseLog.id == log_id)
        .options(*EXERCISE.by_id.options())
        .with_for_update(of=ExerciseLog)
    )


def _insert_log(log: type[FoodLog | ExerciseLog]) -> CTE:
    """Insert a log from parameters named as its columns, `user_key` and `now`.

    No row comes back when the id is taken, the user key is not the owner's, or the account no longer exists. Selecting
    from the owner's own row makes the default date the owner's local date; the default photo is the analysis's.
    """
    table = log.__table__
    parameters = {
        column.name: bindparam(column.name, type_=column.type)
        for column in table.c
        if column.name not in {"user_id", "created_at", "updated_at"}
    }
    user_key = bindparam("user_key", type_=Text)
    analyzed_photo = (
        select(Analysis.photo_id)
        .where(Analysis.id == parameters["analysis_id"], Analysis.user_id == USER_ID)
        .scalar_subquery()
    )
    today = local_day(bindparam("now", type_=DateTime(timezone=True)))
    values: dict[str, ColumnElement[Any]] = parameters | {
        "photo_id": func.coalesce(parameters["photo_id"], analyzed_photo),
        "date": func.coalesce(parameters["date"], today),
    }
    owner = select(User.id, *values.values()).where(
        User.id == USER_ID, or_(user_key.is_(None), User.user_key == user_key)
    )
    inserted = pg_insert(log).from_select(["user_id", *values], owner).on_conflict_do_nothing()
    return inserted.returning(log.id).cte("log")


def _insert_food_log(*, tagged: bool) -> Select[UUID]:
    """Insert a meal and its ingredients, whose columns are arrays: `names`, `colors`, `grams`, `kcal`.

    If `tagged`, with the tags of `ensured_tags`, whose parameters it then takes as well.
    """
    log = _insert_log(FoodLog)
    arrays = {"names": Text, "colors": Text, "grams": Double, "kcal": Integer}
    unnested = func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in arrays.items()))
    items = unnested.table_valued("name", "color", "grams", "calories", with_ordinality="position").render_derived()
    ingredients = insert(FoodIngredient).from_select(
        ["food_log_id", "name", "color", "grams", "calories", "position"],
        select(
            log.c.id, items.c.name, items.c.color, items.c.grams, items.c.calories, items.c.position - 1
        ).select_from(log.join(items, true())),
    )
    inserted = select(log.c.id).add_cte(ingredients.cte("ingredients"))
    if not tagged:
        return inserted
    tags = ensured_tags()
    links = insert(FoodLogTag).from_select(
        ["food_log_id", "tag_id", "user_id"],
        select(log.c.id, tags.c.id, USER_ID).select_from(log.join(tags, true())),
    )
    return inserted.add_cte(links.cte("links"))


# Logging is the write that `make bench` holds to a figure, so it is compiled once; and it is one statement, atomic
# without a transaction, one round trip. Each returns the id of the new log, or no row.
INSERT_FOOD_LOG = CompiledStatement("INSERT_FOOD_LOG", _insert_food_log(tagged=False))
INSERT_TAGGED_FOOD_LOG = CompiledStatement("INSERT_TAGGED_FOOD_LOG", _insert_food_log(tagged=True))
INSERT_EXERCISE_LOG = CompiledStatement("INSERT_EXERCISE_LOG", select(_insert_log(ExerciseLog).c.id))
# The user key of `user_id`, or no row when the account no longer exists.
OWNERS_KEY = CompiledStatement("OWNERS_KEY", select(User.user_key).where(User.id == USER_ID))


def delete_log(log: type[Log], user_id: int, log_id: UUID) -> ReturningDelete[UUID]:
    """Delete a log with what belongs to it; its id, or no row."""
    return delete(log).where(log.user_id == user_id, log.id == log_id).returning(log.id)


# --- photos and analyses


def stored_photo(user_id: int, photo_id: UUID) -> Select[str, str, bytes]:
    """Where the photo's file is, its media type, and the hash of what was sent; or no row."""
    return select(Photo.storage_key, Photo.media_type, Photo.sha256).where(
        Photo.user_id == user_id, Photo.id == photo_id
    )


def claimed_keys(storage_keys: list[str]) -> Select[str]:
    """Those of the keys that a row of any owner has: for the sweeper, which acts for nobody."""
    return select(Photo.storage_key).where(Photo.storage_key.in_(storage_keys))


def insert_question(photo: dict[str, Any], question: dict[str, Any]) -> ReturningInsert[UUID]:
    """Insert the photo, unless its owner has it already, and the question about it; the photo's id."""
    insert_photo = pg_insert(Photo).values(photo)
    # DO NOTHING would not return the row that is there already.
    photo_row = (
        insert_photo.on_conflict_do_update(
            index_elements=[Photo.user_id, Photo.sha256], set_={"sha256": insert_photo.excluded.sha256}
        )
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
) -> Select[dt.date, UUID | None, UUID | None, dict[str, Any] | None]:
    """The owner's local date, and the id, photo and result of this model's answer to the same question, if known.

    No row when the account no longer exists.
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
        select(local_day(now), Analysis.id, Analysis.photo_id, Analysis.result)
        .select_from(User)
        .outerjoin(Photo, same_photo)
        .outerjoin(Analysis, same_question)
        .where(User.id == user_id)
        .order_by(desc(Analysis.id).nulls_last())
        .limit(1)
    )


def use_budget(user_id: int, now: dt.datetime, limit: int) -> ReturningInsert[int]:
    """Count one more question on the owner's local date; the count, or no row when the limit is reached."""
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


def use_total_budget(day: dt.date, limit: int) -> ReturningInsert[int]:
    """Count one more question of the whole server; the count, or no row when the limit is reached."""
    first = select(literal(day), literal(1)).where(literal(limit) > 0)
    return (
        pg_insert(AnalysisTotal)
        .from_select(["day", "used"], first)
        .on_conflict_do_update(
            index_elements=[AnalysisTotal.day],
            set_={"used": AnalysisTotal.used + 1},
            where=AnalysisTotal.used < limit,
        )
        .returning(AnalysisTotal.used)
    )


def finish_analysis(user_id: int, analysis_id: UUID, outcome: dict[str, Any]) -> ReturningUpdate[UUID]:
    """Record the outcome of a question; its id."""
    return (
        update(Analysis)
        .where(Analysis.user_id == user_id, Analysis.id == analysis_id)
        .values(outcome)
        .returning(Analysis.id)
    )
