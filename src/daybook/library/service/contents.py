"""Reading and changing saved links."""

import asyncio
import datetime as dt
from collections import Counter

from pydantic import MISSING, TypeAdapter, ValidationError
from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from daybook.accounts.caller import Caller
from daybook.database.engine import Database
from daybook.database.executor import Executor
from daybook.database.projection import KeysetPage, decode_cursor
from daybook.library import queries
from daybook.library.enums import ContentType
from daybook.library.errors import ContentNotFound, URLTaken
from daybook.library.models import Content, PostMetadata, VideoMetadata
from daybook.library.new_content import NewContent
from daybook.library.projections import BOOKMARKS, CONTENT, CONTENT_AT, CONTENTS, CONTENTS_OF_TAG, FOUND
from daybook.library.schemas import BulkCreate, BulkResult, BulkResults, ContentCreate, ContentUpdate
from daybook.library.search import by_index, index_terms, parse, search_text
from daybook.library.service.save_links import Saved, save_all
from daybook.library.urls import normalised
from daybook.tags.errors import TagNotFound
from daybook.tags.models import ContentTag
from daybook.tags.names import tag_key
from daybook.tags.queries import tag_exists
from daybook.tags.service import ensure
from daybook.web.schema import BigId

NEWEST_KEY = TypeAdapter(tuple[dt.date, BigId])
NOT_FOUND = "None of your contents has this id."


async def read(reader: Executor, caller: Caller, content_id: int) -> bytes:
    """Return one of the caller's contents, as JSON; ContentNotFound."""
    found = await CONTENT.first(reader, user_id=caller.user_id, id=content_id)
    if found is None:
        raise ContentNotFound(NOT_FOUND)
    return found


async def lookup(reader: Executor, caller: Caller, url: str) -> bytes:
    """Return the caller's content of this page, as JSON; ContentNotFound."""
    found = await CONTENT_AT.first(reader, user_id=caller.user_id, url_key=normalised(url))
    if found is None:
        raise ContentNotFound("You have not saved this page.")
    return found


async def read_some(
    reader: Executor,
    caller: Caller,
    *,
    limit: int,
    cursor: str | None,
    search: str | None = None,
    tagname: str | None = None,
    content_type: ContentType | None = None,
    bookmark: bool | None = None,
    first: dt.date | None = None,
    last: dt.date | None = None,
) -> KeysetPage:
    """Return the caller's contents that are all of this, the newest first. A search takes one statement more."""
    after = decode_cursor(cursor, NEWEST_KEY) if cursor else None
    query = parse(caller.user_id, search) if search else None
    indexed = query is not None and await by_index(reader, query)
    projection = FOUND if indexed else CONTENTS
    return await projection.page(
        reader,
        limit=limit,
        after=after,
        user_id=caller.user_id,
        tag_key=tag_key(tagname) if tagname else None,
        content_type=content_type,
        bookmark=bookmark,
        first=first,
        last=last,
        **(query.parameters(by_index=indexed) if query else {}),
    )


async def read_bookmarks(reader: Executor, caller: Caller, *, limit: int, cursor: str | None) -> KeysetPage:
    """Return the caller's bookmarked contents, the newest first."""
    after = decode_cursor(cursor, NEWEST_KEY) if cursor else None
    return await BOOKMARKS.page(reader, limit=limit, after=after, user_id=caller.user_id)


async def read_tagged(database: Database, caller: Caller, tag_id: int, *, limit: int, cursor: str | None) -> KeysetPage:
    """Return the contents that have this tag of the caller's, the newest first; TagNotFound."""
    after = decode_cursor(cursor, NEWEST_KEY) if cursor else None
    page = await CONTENTS_OF_TAG.page(database.reader, limit=limit, after=after, user_id=caller.user_id, tag_id=tag_id)
    if page.items == b"[]" and await database.run(tag_exists(caller.user_id, tag_id)) is None:
        raise TagNotFound("None of your tags has this id.")
    return page


async def save(database: Database, caller: Caller, new: ContentCreate, now: dt.datetime) -> Saved:
    """Return the content of this page, which is made unless it is there already."""
    async with database.write.begin() as session:
        [saved] = await save_all(session, caller, [_new_content(new)], now)
        return saved


def _new_content(new: ContentCreate) -> NewContent:
    return NewContent(**new.model_dump(exclude={"tags"}), tags=tuple(new.tags))


async def save_bulk(database: Database, caller: Caller, sent: BulkCreate, now: dt.datetime) -> BulkResults:
    """Save all that can be saved, in one transaction, and say of each what became of it."""
    good, results = await asyncio.to_thread(_checked, sent)
    if good:
        async with database.write.begin() as session:
            saved = await save_all(session, caller, list(good.values()), now)
        for index, one in zip(good, saved, strict=True):
            results.append(BulkResult(index=index, status="created" if one.created else "existing", id=one.id))
    results.sort(key=lambda one: one.index)
    counts = Counter(one.status for one in results)
    return BulkResults(
        created=counts["created"], existing=counts["existing"], invalid=counts["invalid"], results=results
    )


def _checked(sent: BulkCreate) -> tuple[dict[int, NewContent], list[BulkResult]]:
    """Return what can be saved, by its place, and the results of what cannot."""
    good: dict[int, NewContent] = {}
    invalid: list[BulkResult] = []
    for index, item in enumerate(sent.contents):
        try:
            good[index] = _new_content(ContentCreate.model_validate(item))
        except ValidationError as error:
            problems = [{"loc": list(one["loc"]), "message": one["msg"]} for one in error.errors()]
            invalid.append(BulkResult(index=index, status="invalid", errors=problems))
    return good, invalid


async def update(session: AsyncSession, caller: Caller, content_id: int, changes: ContentUpdate) -> Content:
    """Change a content and return it; ContentNotFound, or URLTaken when another has the new address."""
    content = await session.scalar(queries.content_for_update(caller.user_id, content_id))
    if content is None:
        raise ContentNotFound(NOT_FOUND)
    for column, value in changes.model_dump(exclude={"video_length", "body", "tags"}).items():
        setattr(content, column, value)
    if changes.url is not MISSING:
        content.url_key = normalised(changes.url)
    if changes.video_length is not MISSING:
        _set_video_length(content, changes.video_length)
    if changes.body is not MISSING:
        _set_body(content, changes.body)
    content.search_text = search_text(content.title, content.description, content.note)
    content.search_terms = index_terms(caller.user_id, content.search_text)
    content.updated_at = func.now()  # it is the content that has changed, though none of its own columns may have
    try:
        await session.flush()
    except IntegrityError as error:  # the address is all that is unique and can be changed
        raise URLTaken("Another of your contents has this address.") from error
    if changes.tags is not MISSING:
        await _set_tags(session, caller, content, changes.tags)
    return content


def _set_video_length(content: Content, seconds: int | None) -> None:
    if seconds is None:
        content.video_metadata = None
    elif content.video_metadata is None:
        content.video_metadata = VideoMetadata(video_length=seconds)
    else:
        content.video_metadata.video_length = seconds


def _set_body(content: Content, body: str | None) -> None:
    if body is None:
        content.post_metadata = None
    elif content.post_metadata is None:
        content.post_metadata = PostMetadata(body=body)
    else:
        content.post_metadata.body = body


async def _set_tags(session: AsyncSession, caller: Caller, content: Content, names: list[str]) -> None:
    """Give the content the tags of these names and no others; links that it has already stay as they are."""
    links = {link.tag_id: link for link in content.tag_links}
    tags = await ensure(session, caller, names)
    content.tag_links = [links.get(tag.id) or ContentTag(tag=tag) for tag in tags]
    # `tags` is a view of the links. It was loaded before they changed, and loading it again is two statements.
    set_committed_value(content, "tags", sorted(tags, key=lambda tag: tag.tagname))


async def set_bookmark(session: AsyncSession, caller: Caller, content_id: int, *, bookmark: bool) -> None:
    """Set or clear a bookmark; ContentNotFound."""
    if await session.scalar(queries.set_bookmark(caller.user_id, content_id, bookmark=bookmark)) is None:
        raise ContentNotFound(NOT_FOUND)


async def delete(session: AsyncSession, caller: Caller, content_id: int) -> None:
    """Delete a content; ContentNotFound."""
    if await session.scalar(queries.delete_content(caller.user_id, content_id)) is None:
        raise ContentNotFound(NOT_FOUND)
