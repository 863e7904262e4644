"""Logging meals."""

import datetime as dt
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from daybook.accounts.caller import Caller
from daybook.database.executor import Executor
from daybook.diary import queries
from daybook.diary.models import FoodIngredient, FoodLog
from daybook.diary.projections import FOOD
from daybook.diary.schemas import FoodLogCreate, FoodLogRead, FoodLogUpdate
from daybook.diary.service import logs
from daybook.errors import NotFound
from daybook.tags import service as tags
from daybook.tags.models import FoodLogTag


async def create(runner: Executor, caller: Caller, new: FoodLogCreate, now: dt.datetime) -> UUID | FoodLogRead:
    """Return the new meal's id; or the meal, if an earlier request with the same id and words has made it.

    One statement, however many ingredients and tags. Raises LogIdTaken, or NotFound for what it names and is not the
    caller's.
    """
    ingredients = new.ingredients
    columns = dict(new) | {
        "id": new.id or uuid7(),
        "names": [one.name for one in ingredients],
        "colors": [one.color for one in ingredients],
        "grams": [one.grams for one in ingredients],
        "kcal": [one.calories for one in ingredients],
    }
    statement = queries.INSERT_FOOD_LOG
    if new.tags:
        statement = queries.INSERT_TAGGED_FOOD_LOG
        columns |= tags.tag_parameters(new.tags)
    made = await logs.insert(runner, statement, caller, columns, now)
    return made or await logs.repeated(runner, FOOD, caller, new)


async def change(session: AsyncSession, caller: Caller, log_id: UUID, wanted: FoodLogUpdate) -> FoodLog:
    """Return the changed log; LogNotFound, or NotFound for a content that is not the caller's."""
    log = await logs.get_for_update(session, FoodLog, caller, log_id)
    for column, value in wanted.model_dump(exclude_unset=True, exclude={"ingredients", "tags"}).items():
        setattr(log, column, value)
    if "ingredients" in wanted.model_fields_set:
        log.ingredients = [
            FoodIngredient(position=position, **ingredient.model_dump())
            for position, ingredient in enumerate(wanted.ingredients)
        ]
    log.updated_at = func.now()  # it is the log that has changed, though none of its own columns may have
    try:
        await session.flush()
    except IntegrityError as error:  # what it was cooked from is all that it names and can be changed
        raise NotFound("None of your contents has this id.") from error
    if "tags" in wanted.model_fields_set:
        await tags.replace(session, caller, FoodLogTag, log_id, wanted.tags)
        await session.refresh(log, ["tags"])
    return log
