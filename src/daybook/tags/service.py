"""The rules of tags."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from pydantic import MISSING, TypeAdapter
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from daybook.accounts.caller import Caller
from daybook.database.engine import Database
from daybook.database.executor import Executor
from daybook.database.projection import KeysetPage, decode_cursor
from daybook.errors import InvalidInput
from daybook.tags import queries
from daybook.tags.errors import TagNameTaken, TagNotFound
from daybook.tags.models import ContentTag, FoodLogTag, Tag
from daybook.tags.names import default_color, tag_key
from daybook.tags.projections import TAG, TAGS
from daybook.tags.schemas import TagCreate, TagUpdate
from daybook.web.schema import BigId, Text

NAME_KEY = TypeAdapter(tuple[Text, BigId])
NOT_FOUND = "None of your tags has this id."


def tag_parameters(names: Iterable[str], color: int | None = None) -> dict[str, Any]:
    """Return the parameters of `queries.ensured_tags` for these names. New tags get `color`, or one by their name."""
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
    """Return the caller's tags of these names, one for each name that differs, creating those that are new.

    One statement, or two where some are new. Of several spellings of a new tag's name, the first counts.
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


async def replace(
    session: AsyncSession,
    caller: Caller,
    link: type[ContentTag | FoodLogTag],
    item_id: int | UUID,
    names: Sequence[str],
) -> None:
    """Give something of the caller's these tags and no others; those that are new are made."""
    await session.execute(queries.remove_tags(link, caller.user_id, item_id))
    if names:
        tags = tag_parameters(names)
        await session.execute(queries.ENSURE_TAGS, {"user_id": caller.user_id, **tags})
        keys = tags["tag_keys"]
        await session.execute(queries.add_tags(link, caller.user_id, [item_id] * len(keys), keys))


async def create(database: Database, caller: Caller, new: TagCreate) -> tuple[int, bool]:
    """Return the id of the caller's tag with this name, and whether it has been created now."""
    tag = {"user_id": caller.user_id, **tag_parameters([new.tagname], new.color)}
    row = await database.run(queries.ENSURE_TAGS.params(tag))
    assert row is not None  # noqa: S101 - one row for each name
    return row.id, row.created


async def read(reader: Executor, caller: Caller, tag_id: int) -> bytes:
    """Return one of the caller's tags, as JSON; TagNotFound."""
    found = await TAG.first(reader, user_id=caller.user_id, id=tag_id)
    if found is None:
        raise TagNotFound(NOT_FOUND)
    return found


async def read_all(reader: Executor, caller: Caller, *, limit: int, cursor: str | None) -> KeysetPage:
    """Return the caller's tags, by name."""
    after = decode_cursor(cursor, NAME_KEY) if cursor else None
    return await TAGS.page(reader, limit=limit, after=after, user_id=caller.user_id)


async def update(session: AsyncSession, caller: Caller, tag_id: int, changes: TagUpdate) -> Tag:
    """Return the changed tag; TagNotFound, or TagNameTaken when another of the caller's tags has the new name."""
    tag = await session.scalar(queries.tags_for_update(caller.user_id, tag_id))
    if tag is None:
        raise TagNotFound(NOT_FOUND)
    if changes.tagname is not MISSING:
        tag.tagname, tag.tag_key = changes.tagname, tag_key(changes.tagname)
    if changes.color is not MISSING:
        tag.color = changes.color
    try:
        await session.flush()
    except IntegrityError as error:
        raise TagNameTaken("Another of your tags has this name; merge the two instead.") from error
    return tag


async def delete(database: Database, caller: Caller, tag_id: int) -> None:
    """Delete a tag; whatever had it stays. Raises TagNotFound."""
    if await database.run(queries.delete_tag(caller.user_id, tag_id)) is None:
        raise TagNotFound(NOT_FOUND)


async def merge(session: AsyncSession, caller: Caller, tag_id: int, into: int) -> Tag:
    """Return the second tag, which gets everything that has the first one; the first is deleted.

    Raises TagNotFound when either is not the caller's, InvalidInput when they are the same.
    """
    if tag_id == into:
        raise InvalidInput("A tag cannot be merged into itself.")
    tags = {tag.id: tag for tag in await session.scalars(queries.tags_for_update(caller.user_id, tag_id, into))}
    if len(tags) < 2:
        raise TagNotFound(NOT_FOUND)
    # Copied in the database, not as entities: a tag may be on tens of thousands of links.
    for link in (ContentTag, FoodLogTag):
        await session.execute(queries.copy_links(link, caller.user_id, tag_id, into))
    await session.delete(tags[tag_id])
    await session.flush()
    await session.refresh(tags[into], ["content_count", "food_log_count"])
    return tags[into]
