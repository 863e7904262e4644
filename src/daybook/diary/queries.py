"""The statements of a diary. Each takes the owner as a required argument, so that another's row is simply not found."""

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
from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.sql.base import ExecutableOption
from sqlalchemy.sql.dml import ReturningDelete, ReturningInsert, ReturningUpdate

from daybook.accounts.models import User
from daybook.accounts.queries import local_day
from daybook.database.compiled import CompiledStatement
from daybook.diary.enums import AnalysisKind, AnalysisStatus
from daybook.diary.models import Analysis, AnalysisBudget, ExerciseLog, FoodIngredient, FoodLog, Photo
from daybook.tags.models import FoodLogTag
from daybook.tags.queries import ensured_tags

Log = TypeVar("Log", FoodLog, ExerciseLog)

USER_ID = bindparam("user_id", type_=BigInteger)
"""The owner, in statements that are compiled once."""


def _loaded(log: type[Log]) -> list[ExecutableOption]:
    """What a log is read with: nothing else is ever loaded."""
    owner_key = joinedload(log.user).load_only(User.user_key)
    if log is not FoodLog:
        return [owner_key]
    return [owner_key, selectinload(FoodLog.ingredients), selectinload(FoodLog.tags)]


# --- logs


def log_for_update(log: type[Log], user_id: int, log_id: UUID) -> Select[Log]:
    """One log, locked, so that of two changes at once the second sees the first."""
    found = select(log).where(log.user_id == user_id, log.id == log_id)
    return found.options(*_loaded(log)).with_for_update(of=log)


def _insert_log(log: type[FoodLog | ExerciseLog]) -> CTE:
    """Make a log of the parameters that are called like its columns, `user_key` and `now`.

    No row when the id is taken, the user key is not the owner's, or the account is gone. Selecting from the owner's
    own row makes the default date the owner's local day, and the photo is taken from the analysis that is named.
    """
    table = log.__table__
    given = {
        column.name: bindparam(column.name, type_=column.type)
        for column in table.c
        if column.name not in {"user_id", "created_at", "updated_at"}
    }
    user_key = bindparam("user_key", type_=Text)
    analysed_photo = (
        select(Analysis.photo_id)
        .where(Analysis.id == given["analysis_id"], Analysis.user_id == USER_ID)
        .scalar_subquery()
    )
    today = local_day(bindparam("now", type_=DateTime(timezone=True)))
    values: dict[str, ColumnElement[Any]] = given | {
        "photo_id": func.coalesce(given["photo_id"], analysed_photo),
        "date": func.coalesce(given["date"], today),
    }
    owner = select(User.id, *values.values()).where(
        User.id == USER_ID, or_(user_key.is_(None), User.user_key == user_key)
    )
    made = pg_insert(log).from_select(["user_id", *values], owner).on_conflict_do_nothing()
    return made.returning(log.id).cte("log")


def _insert_food_log(*, tagged: bool) -> Select[UUID]:
    """Make a meal with all its ingredients, whose columns are given as arrays: `names`, `colors`, `grams`, `kcal`.

    With the tags that `ensured_tags` makes, if it is `tagged`.
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
    made = select(log.c.id).add_cte(ingredients.cte("ingredients"))
    if not tagged:
        return made
    tags = ensured_tags()
    links = insert(FoodLogTag).from_select(
        ["food_log_id", "tag_id", "user_id"],
        select(log.c.id, tags.c.id, USER_ID).select_from(log.join(tags, true())),
    )
    return made.add_cte(links.cte("links"))


# Each is one statement: atomic by itself, and one round trip. The id of the new log, or no row.
INSERT_FOOD_LOG = CompiledStatement("INSERT_FOOD_LOG", _insert_food_log(tagged=False))
INSERT_TAGGED_FOOD_LOG = CompiledStatement("INSERT_TAGGED_FOOD_LOG", _insert_food_log(tagged=True))
INSERT_EXERCISE_LOG = CompiledStatement("INSERT_EXERCISE_LOG", select(_insert_log(ExerciseLog).c.id))
# The user key of `user_id`, or no row when the account is gone.
OWNERS_KEY = CompiledStatement("OWNERS_KEY", select(User.user_key).where(User.id == USER_ID))


def delete_log(log: type[Log], user_id: int, log_id: UUID) -> ReturningDelete[UUID]:
    """Delete a log with what belongs to it; its id, or no row."""
    return delete(log).where(log.user_id == user_id, log.id == log_id).returning(log.id)


# --- photos and analyses


def photo(user_id: int, photo_id: UUID) -> Select[Photo]:
    """One photo."""
    return select(Photo).where(Photo.user_id == user_id, Photo.id == photo_id)


def claimed_keys(storage_keys: list[str]) -> Select[str]:
    """Those of the keys that a photo's row names, whoever owns it: for the sweeper, which acts for nobody."""
    return select(Photo.storage_key).where(Photo.storage_key.in_(storage_keys))


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
