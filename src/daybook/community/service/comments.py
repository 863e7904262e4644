"""Comments on articles."""

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncSession

from daybook.accounts.caller import Caller
from daybook.community.errors import ArticleNotFound, CommentNotFound
from daybook.community.projections import COMMENT, COMMENTS
from daybook.community.queries import articles
from daybook.community.queries import comments as queries
from daybook.community.service.articles import NOT_FOUND as NO_ARTICLE
from daybook.database.engine import Database
from daybook.database.executor import Executor
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
    if page.items == b"[]" and await database.run(articles.exists(article_id)) is None:
        raise ArticleNotFound(NO_ARTICLE)
    return page


async def read(reader: Executor, comment_id: int) -> bytes:
    """Return a comment, as JSON; CommentNotFound."""
    found = await COMMENT.first(reader, id=comment_id)
    if found is None:
        raise CommentNotFound(NOT_FOUND)
    return found


async def create(database: Database, caller: Caller, article_id: int, body: str) -> int:
    """Return the id of the new comment; ArticleNotFound."""
    made = await database.run(queries.create(caller.user_id, article_id, body))
    if made is None:
        raise ArticleNotFound(NO_ARTICLE)
    return made[0]


async def change(database: Database, caller: Caller, comment_id: int, body: str) -> None:
    """Change one of the caller's comments; CommentNotFound."""
    if await database.run(queries.update_own(caller.user_id, comment_id, body)) is None:
        raise CommentNotFound(NOT_YOURS)


async def delete(session: AsyncSession, caller: Caller, comment_id: int) -> None:
    """Delete one of the caller's comments; CommentNotFound."""
    if await session.scalar(queries.delete_own(caller.user_id, comment_id)) is None:
        raise CommentNotFound(NOT_YOURS)
