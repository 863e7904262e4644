"""Comments on articles."""

from pydantic import MISSING
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from daybook.accounts.caller import Caller
from daybook.accounts.service import users
from daybook.community.errors import ArticleNotFound, CommentNotFound
from daybook.community.models import Comment
from daybook.community.projections import COMMENT
from daybook.community.queries import articles
from daybook.community.queries import comments as queries
from daybook.community.schemas import CommentCreate, CommentUpdate
from daybook.database.engine import Database
from daybook.database.failures import constraint_of

NOT_YOURS = "None of your comments has this id."


async def require_article(database: Database, article_id: int) -> None:
    """Raise ArticleNotFound unless there is an article with this id."""
    if await database.run(articles.exists(article_id)) is None:
        raise ArticleNotFound


async def create(session: AsyncSession, caller: Caller, article_id: int, new: CommentCreate) -> Comment:
    """Return the new comment with its author; ArticleNotFound."""
    author = await users.get(session, caller)
    comment = Comment(article_id=article_id, author=author, body=new.body)
    session.add(comment)
    try:
        await session.flush()
    except IntegrityError as error:
        if constraint_of(error) == "fk_comments_article_id_articles":
            raise ArticleNotFound from error
        raise
    return comment


async def update(session: AsyncSession, caller: Caller, comment_id: int, changes: CommentUpdate) -> Comment:
    """Return the changed comment with its author; CommentNotFound when it is not one of the caller's."""
    statement = (
        select(Comment)
        .where(Comment.user_id == caller.user_id, Comment.id == comment_id)
        .options(*COMMENT.options())
        .with_for_update(of=Comment)
    )
    comment = await session.scalar(statement)
    if comment is None:
        raise CommentNotFound(NOT_YOURS)
    if changes.body is not MISSING:
        comment.body = changes.body
    await session.flush()
    return comment


async def delete(database: Database, caller: Caller, comment_id: int) -> None:
    """Delete one of the caller's comments; CommentNotFound."""
    if await database.run(queries.delete_own(caller.user_id, comment_id)) is None:
        raise CommentNotFound(NOT_YOURS)
