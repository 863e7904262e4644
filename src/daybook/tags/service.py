"""The rules of tags."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import MISSING
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from daybook.accounts.caller import Caller
from daybook.database.engine import Database
from daybook.errors import InvalidInput
from daybook.tags import queries
from daybook.tags.errors import TagNameTaken, TagNotFound
from daybook.tags.models import ContentTag, FoodLogTag, Tag
from daybook.tags.names import default_color, tag_key
from daybook.tags.projections import TAG
from daybook.tags.schemas import TagCreate, TagUpdate


def tag_parameters(names: Iterable[str], color: int | None = None) -> dict[str, Any]:
    """Return the parameters of `queries.ensured_tags` for these names; new tags get `color`, or one by their name."""
    spelled = _by_key(names)
    keys = sorted(spelled)
    return {
        "tag_keys": keys,
        "tag_names": [spelled[key] for key in keys],
        "tag_colors": [default_color(key) if color is None else color for key in keys],
    }


def _by_key(names: Iterable[str]) -> dict[str, str]:
    """Return the names by their keys; of several spellings, the first counts."""
    spelled: dict[str, str] = {}
    for name in names:
        spelled.setdefault(tag_key(name), name)
    return spelled


async def ensure(session: AsyncSession, caller: Caller, names: Iterable[str]) -> list[Tag]:
    """Return the caller's tags with these names, creating those that do not exist yet.

    Names that differ only in spelling are one tag; a new tag is spelled as its first name. One statement, or two if
    some tags are new.
    """
    spelled = _by_key(names)
    if not spelled:
        return []
    tags = {tag.tag_key: tag for tag in await session.scalars(queries.tags_by_key(caller.user_id, spelled))}
    # Sorted, so that of two requests that create the same tags neither waits for one that waits for it.
    new = [
        {"user_id": caller.user_id, "tag_key": key, "tagname": spelled[key], "color": default_color(key)}
        for key in sorted(spelled.keys() - tags.keys())
    ]
    if new:
        tags |= {tag.tag_key: tag for tag in await session.scalars(queries.CREATE_TAGS, new)}
    return [tags[key] for key in spelled]


async def create(database: Database, caller: Caller, new: TagCreate) -> tuple[int, bool]:
    """Return the id of the caller's tag with this name, and whether it has been created now."""
    tag = {"user_id": caller.user_id, **tag_parameters([new.tagname], new.color)}
    row = await database.run(queries.ENSURE_TAGS.params(tag))
    assert row is not None  # noqa: S101 - one row for each name
    return row.id, row.created


async def update(session: AsyncSession, caller: Caller, tag_id: int, changes: TagUpdate) -> Tag:
    """Return the changed tag; TagNotFound, or TagNameTaken when another of the caller's tags has the new name."""
    [tag] = await _lock(session, caller, tag_id)
    if changes.tagname is not MISSING:
        tag.tagname, tag.tag_key = changes.tagname, tag_key(changes.tagname)
    if changes.color is not MISSING:
        tag.color = changes.color
    try:
        await session.flush()
    except IntegrityError as error:
        raise TagNameTaken from error
    return tag


async def delete(database: Database, caller: Caller, tag_id: int) -> None:
    """Delete a tag, but not what has it; TagNotFound."""
    if await database.run(queries.delete_tag(caller.user_id, tag_id)) is None:
        raise TagNotFound


async def merge(session: AsyncSession, caller: Caller, tag_id: int, into: int) -> Tag:
    """Return the tag `into`, which everything that has the other tag now has; the other tag is deleted.

    Raises TagNotFound when either is not the caller's, InvalidInput when they are the same.
    """
    if tag_id == into:
        raise InvalidInput("A tag cannot be merged into itself.")
    tags = {tag.id: tag for tag in await _lock(session, caller, tag_id, into)}
    # Copied in the database, not as entities: a tag may be on tens of thousands of links.
    for link in (ContentTag, FoodLogTag):
        await session.execute(queries.copy_links(link, caller.user_id, tag_id, into))
    await session.delete(tags[tag_id])
    await session.flush()
    await session.refresh(tags[into], ["content_count", "food_log_count"])
    return tags[into]


async def _lock(session: AsyncSession, caller: Caller, *tag_ids: int) -> Sequence[Tag]:
    """Return the caller's tags with these ids, locked in the order of their ids; TagNotFound if one is missing."""
    statement = (
        select(Tag)
        .where(Tag.user_id == caller.user_id, Tag.id.in_(tag_ids))
        .order_by(Tag.id)
        .options(*TAG.options())
        .with_for_update()
    )
    tags = (await session.scalars(statement)).all()
    if len(tags) < len(tag_ids):
        raise TagNotFound
    return tags
