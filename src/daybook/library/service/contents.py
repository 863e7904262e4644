"""The rules of saved links."""

import asyncio
import datetime as dt
from collections import Counter

from pydantic import MISSING, ValidationError
from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import set_committed_value

from daybook.accounts.caller import Caller
from daybook.database.engine import Database
from daybook.database.executor import Executor
from daybook.database.projection import KeysetPage
from daybook.library import queries
from daybook.library.enums import ContentType
from daybook.library.errors import ContentNotFound, URLTaken
from daybook.library.models import Content, PostMetadata, VideoMetadata
from daybook.library.new_content import NewContent
from daybook.library.projections import CONTENTS, CONTENTS_OF_TAG, FOUND
from daybook.library.schemas import BulkCreate, BulkError, BulkResult, BulkResults, ContentCreate, ContentUpdate
from daybook.library.search import by_index, index_terms, parse, search_text
from daybook.library.service.save_links import Saved, save_all
from daybook.library.urls import normalized
from daybook.tags.errors import TagNotFound
from daybook.tags.models import ContentTag
from daybook.tags.names import tag_key
from daybook.tags.queries import tag_exists
from daybook.tags.service import ensure

SEARCHED = {"title", "description", "note"}
"""The fields whose words a search finds."""


async def find(
    reader: Executor,
    caller: Caller,
    *,
    limit: int,
    cursor: str | None,
    q: str | None,
    tag: str | None,
    content_type: ContentType | None,
    bookmark: bool | None,
    first: dt.date | None,
    last: dt.date | None,
) -> KeysetPage:
    """Return the caller's links that meet every criterion given, newest first. A search takes one more statement."""
    query = parse(caller.user_id, q) if q else None
    indexed = query is not None and await by_index(reader, query)
    projection = FOUND if indexed else CONTENTS
    return await projection.page(
        reader,
        limit=limit,
        cursor=cursor,
        user_id=caller.user_id,
        tag_key=tag_key(tag) if tag else None,
        content_type=content_type,
        bookmark=bookmark,
        first=first,
        last=last,
        **(query.parameters(by_index=indexed) if query else {}),
    )


async def tagged(database: Database, caller: Caller, tag_id: int, *, limit: int, cursor: str | None) -> KeysetPage:
    """Return the links that have this tag of the caller's, newest first; TagNotFound."""
    page = await CONTENTS_OF_TAG.page(
        database.reader, limit=limit, cursor=cursor, user_id=caller.user_id, tag_id=tag_id
    )
    if page.items == b"[]" and await database.run(tag_exists(caller.user_id, tag_id)) is None:
        raise TagNotFound("None of your tags has this id.")
    return page


async def save(database: Database, caller: Caller, new: ContentCreate, now: dt.datetime) -> Saved:
    """Save a link unless its page is saved already, and return which of the two it was."""
    async with database.write.begin() as session:
        [saved] = await save_all(session, caller, [_new_content(new)], now)
        return saved


def _new_content(new: ContentCreate) -> NewContent:
    return NewContent(**new.model_dump(exclude={"tags"}), tags=tuple(new.tags))


async def save_bulk(database: Database, caller: Caller, batch: BulkCreate, now: dt.datetime) -> BulkResults:
    """Save the valid links in one transaction, and return the outcome for each link."""
    valid, results = await asyncio.to_thread(_validate, batch)
    if valid:
        async with database.write.begin() as session:
            saved_links = await save_all(session, caller, list(valid.values()), now)
        for index, saved in zip(valid, saved_links, strict=True):
            results.append(BulkResult(index=index, status="created" if saved.created else "existing", id=saved.id))
    results.sort(key=lambda result: result.index)
    counts = Counter(result.status for result in results)
    return BulkResults(
        created=counts["created"], existing=counts["existing"], invalid=counts["invalid"], results=results
    )


def _validate(batch: BulkCreate) -> tuple[dict[int, NewContent], list[BulkResult]]:
    """Return the valid links by their position, and the results of the invalid ones."""
    valid: dict[int, NewContent] = {}
    invalid: list[BulkResult] = []
    for index, item in enumerate(batch.contents):
        try:
            valid[index] = _new_content(ContentCreate.model_validate(item))
        except ValidationError as error:
            errors = [BulkError(loc=list(problem["loc"]), message=problem["msg"]) for problem in error.errors()]
            invalid.append(BulkResult(index=index, status="invalid", errors=errors))
    return valid, invalid


async def update(session: AsyncSession, caller: Caller, content_id: int, changes: ContentUpdate) -> Content:
    """Return the updated link; ContentNotFound, or URLTaken when another link has the new address."""
    content = await session.scalar(queries.content_for_update(caller.user_id, content_id))
    if content is None:
        raise ContentNotFound
    for column, value in changes.model_dump(exclude={"video_length", "body", "tags"}).items():
        setattr(content, column, value)
    if changes.url is not MISSING:
        content.url_key = normalized(changes.url)
    if changes.video_length is not MISSING:
        _set_video_length(content, changes.video_length)
    if changes.body is not MISSING:
        _set_body(content, changes.body)
    if SEARCHED & changes.model_fields_set:
        content.search_text = search_text(content.title, content.description, content.note)
        content.search_terms = index_terms(caller.user_id, content.search_text)
    content.updated_at = func.now()  # the link has changed, even if none of its own columns has
    try:
        await session.flush()
    except IntegrityError as error:  # of what can be changed, only the address is unique
        raise URLTaken from error
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
    """Give the content the tags of these names and no others. A tag that it has already stays linked as it is."""
    links = {link.tag_id: link for link in content.tag_links}
    tags = await ensure(session, caller, names)
    content.tag_links = [links.get(tag.id) or ContentTag(tag=tag) for tag in tags]
    # `tags` is a view of the links. It was loaded before they changed, and loading it again is two statements.
    set_committed_value(content, "tags", sorted(tags, key=lambda tag: tag.tagname))


async def set_bookmark(database: Database, caller: Caller, content_id: int, *, bookmark: bool) -> None:
    """Set or remove a bookmark; ContentNotFound."""
    if await database.run(queries.set_bookmark(caller.user_id, content_id, bookmark=bookmark)) is None:
        raise ContentNotFound


async def delete(database: Database, caller: Caller, content_id: int) -> None:
    """Delete a link; ContentNotFound."""
    if await database.run(queries.delete_content(caller.user_id, content_id)) is None:
        raise ContentNotFound
