"""Commenting on articles, and voting on comments."""

from pydantic import TypeAdapter
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession

from daybook.accounts.caller import Caller
from daybook.community import queries
from daybook.community.errors import ArticleNotFound, CommentNotFound
from daybook.community.projections import COMMENT, COMMENTS
from daybook.community.schemas import CommentVoteRead
from daybook.community.service.articles import NOT_FOUND as NO_ARTICLE
from daybook.community.vocabulary import Opinion
from daybook.database.driver import Reader
from daybook.database.engine import Database
from daybook.database.projection import KeysetPage
from daybook.web.page import decode_cursor
from daybook.web.schema import BigId

OLDEST_KEY = TypeAdapter(tuple[BigId])
NOT_FOUND = "There is no comment with this id."
NOT_YOURS = "None of your comments has this id."


async def read_all(database: Database, article_id: int, *, limit: int, cursor: str | None) -> KeysetPage:
    """Return the comments on an article, the oldest first; ArticleNotFound."""
    after = decode_cursor(cursor, OLDEST_KEY) if cursor else None
    page = await COMMENTS.page(database.reader, limit=limit, after=after, article_id=article_id)
    if page.items == b"[]" and await database.run(queries.article_exists(article_id)) is None:
        raise ArticleNotFound(NO_ARTICLE)
    return page


async def read(reader: Reader, comment_id: int) -> bytes:
    """Return a comment, as JSON; CommentNotFound."""
    found = await COMMENT.json_or_none(reader, id=comment_id)
    if found is None:
        raise CommentNotFound(NOT_FOUND)
    return found


async def create(database: Database, caller: Caller, article_id: int, body: str) -> int:
    """Return the id of the new comment; ArticleNotFound."""
    made = await database.run(queries.comment_on(caller.user_id, article_id, body))
    if made is None:
        raise ArticleNotFound(NO_ARTICLE)
    return made[0]


async def change(database: Database, caller: Caller, comment_id: int, body: str) -> None:
    """Change one of the caller's comments; CommentNotFound."""
    if await database.run(queries.change_comment(caller.user_id, comment_id, body)) is None:
        raise CommentNotFound(NOT_YOURS)


async def delete(session: AsyncSession, caller: Caller, comment_id: int) -> None:
    """Delete one of the caller's comments; CommentNotFound."""
    if await session.scalar(queries.delete_comment(caller.user_id, comment_id)) is None:
        raise CommentNotFound(NOT_YOURS)


async def vote(database: Database, caller: Caller, comment_id: int, opinion: Opinion) -> CommentVoteRead:
    """Vote on a comment, or change sides; CommentNotFound."""
    return await _counted(database, queries.vote_on_comment(caller.user_id, comment_id, opinion), opinion)


async def withdraw_vote(database: Database, caller: Caller, comment_id: int) -> CommentVoteRead:
    """Take the caller's vote back, if there is one; CommentNotFound."""
    return await _counted(database, queries.withdraw_comment_vote(caller.user_id, comment_id), None)


async def _counted(database: Database, statement: Select[int, int], opinion: Opinion | None) -> CommentVoteRead:
    row = await database.run(statement)
    if row is None:
        raise CommentNotFound(NOT_FOUND)
    return CommentVoteRead(up_count=row[0], down_count=row[1], value=opinion)
