"""Logging meals."""

import datetime as dt
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from daybook.accounts.caller import Caller
from daybook.diary import queries
from daybook.diary.errors import LogIdTaken
from daybook.diary.models import FoodIngredient, FoodLog
from daybook.diary.schemas import FoodLogCreate, FoodLogUpdate, Ingredient
from daybook.diary.service import logs


async def create(session: AsyncSession, caller: Caller, new: FoodLogCreate, now: dt.datetime) -> UUID | FoodLog:
    """Return the new meal's id; or the meal, if an earlier request with the same id and words has made it.

    One statement, however many ingredients. Raises LogIdTaken, or NotFound for what it names and is not the
    caller's.
    """
    ingredients = new.ingredients
    columns = new.model_dump(exclude={"ingredients"}) | {
        "id": new.id or uuid7(),
        "names": [one.name for one in ingredients],
        "colors": [one.color for one in ingredients],
        "grams": [one.grams for one in ingredients],
        "kcal": [one.calories for one in ingredients],
    }
    made = await logs.insert(session, queries.INSERT_FOOD_LOG, caller, columns, now)
    return made or await _repeated(session, caller, new)


async def _repeated(session: AsyncSession, caller: Caller, new: FoodLogCreate) -> FoodLog:
    assert new.id is not None  # noqa: S101 - an id of our own making is never taken
    said = new.model_dump(exclude={"id", "user_key", "ingredients"})
    existing = await logs.repeated(session, FoodLog, caller, new.id, said)
    if [Ingredient.model_validate(one) for one in existing.ingredients] != new.ingredients:
        raise LogIdTaken("Another log has this id already; a new log takes a new UUIDv7.")
    return existing


async def change(session: AsyncSession, caller: Caller, log_id: UUID, wanted: FoodLogUpdate) -> FoodLog:
    """Return the changed log; LogNotFound."""
    log = await logs.get_for_update(session, FoodLog, caller, log_id)
    for column, value in wanted.model_dump(exclude_unset=True, exclude={"ingredients"}).items():
        setattr(log, column, value)
    if "ingredients" in wanted.model_fields_set:
        log.ingredients = [
            FoodIngredient(position=position, **ingredient.model_dump())
            for position, ingredient in enumerate(wanted.ingredients)
        ]
        log.updated_at = func.now()  # it is the log that has changed, though none of its own columns did
    await session.flush()
    return log
