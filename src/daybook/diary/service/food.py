"""Logging meals."""

import datetime as dt
from uuid import UUID

from pydantic import MISSING
from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value
from uuid_utils.compat import uuid7

from daybook.accounts.caller import Caller
from daybook.database.executor import Executor
from daybook.diary import queries
from daybook.diary.errors import LogNotFound
from daybook.diary.models import FoodIngredient, FoodLog
from daybook.diary.projections import FOOD
from daybook.diary.schemas import FoodLogCreate, FoodLogRead, FoodLogUpdate
from daybook.diary.service import logs
from daybook.errors import NotFound
from daybook.tags import service as tags
from daybook.tags.models import FoodLogTag


async def create(executor: Executor, caller: Caller, new: FoodLogCreate, now: dt.datetime) -> UUID | FoodLogRead:
    """Return the id of the new meal; or the meal, if an earlier request with the same id and values created it.

    One statement, however many ingredients and tags. Raises LogIdTaken, or NotFound for a photo, analysis or recipe
    that is not the caller's.
    """
    ingredients = new.ingredients
    columns = dict(new) | {
        "id": new.id or uuid7(),
        "names": [ingredient.name for ingredient in ingredients],
        "colors": [ingredient.color for ingredient in ingredients],
        "grams": [ingredient.grams for ingredient in ingredients],
        "kcal": [ingredient.calories for ingredient in ingredients],
    }
    statement = queries.INSERT_FOOD_LOG
    if new.tags:
        statement = queries.INSERT_TAGGED_FOOD_LOG
        columns |= tags.tag_parameters(new.tags)
    log_id = await logs.insert(executor, statement, caller, columns, now)
    return log_id or await logs.get_same(executor, FOOD, caller, new)


async def update(session: AsyncSession, caller: Caller, log_id: UUID, changes: FoodLogUpdate) -> FoodLog:
    """Return the updated meal; LogNotFound, or NotFound for a recipe that is not the caller's."""
    log = await session.scalar(queries.food_log_for_update(caller.user_id, log_id))
    if log is None:
        raise LogNotFound
    if changes.tags is not MISSING:
        await _set_tags(session, caller, log, changes.tags)
    if changes.ingredients is not MISSING:
        log.ingredients = [
            FoodIngredient(position=position, **ingredient.model_dump())
            for position, ingredient in enumerate(changes.ingredients)
        ]
    for column, value in changes.model_dump(exclude={"ingredients", "tags"}).items():
        setattr(log, column, value)
    log.updated_at = func.now()  # the log has changed, even if none of its own columns has
    try:
        await session.flush()
    except IntegrityError as error:  # the recipe is the only reference that can be changed
        raise NotFound("None of your contents has this id.") from error
    return log


async def _set_tags(session: AsyncSession, caller: Caller, log: FoodLog, names: list[str]) -> None:
    """Give the meal the tags of these names and no others; links that it has already stay as they are."""
    links = {link.tag_id: link for link in log.tag_links}
    new_tags = await tags.ensure(session, caller, names)
    log.tag_links = [links.get(tag.id) or FoodLogTag(tag=tag) for tag in new_tags]
    # `tags` is a view of the links. It was loaded before they changed, and loading it again is two statements.
    set_committed_value(log, "tags", sorted(new_tags, key=lambda tag: tag.tagname))
