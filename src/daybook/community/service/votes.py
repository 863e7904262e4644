"""Votes: for articles, and for or against comments."""

from sqlalchemy import Select

from daybook.accounts.caller import Caller
from daybook.community.enums import Opinion
from daybook.community.errors import ArticleNotFound, CommentNotFound
from daybook.community.queries import votes
from daybook.community.schemas import ArticleVoteRead, CommentVoteRead
from daybook.database.engine import Database


async def vote_for_article(database: Database, caller: Caller, article_id: int) -> ArticleVoteRead:
    """Vote for an article, unless the caller has already; ArticleNotFound."""
    return await _article_votes(database, votes.vote_for_article(caller.user_id, article_id), voted=True)


async def withdraw_article_vote(database: Database, caller: Caller, article_id: int) -> ArticleVoteRead:
    """Withdraw the caller's vote, if there is one; ArticleNotFound."""
    return await _article_votes(database, votes.withdraw_article_vote(caller.user_id, article_id), voted=False)


async def _article_votes(database: Database, statement: Select[int], *, voted: bool) -> ArticleVoteRead:
    row = await database.run(statement)
    if row is None:
        raise ArticleNotFound
    return ArticleVoteRead(up_count=row[0], voted=voted)


async def vote_on_comment(database: Database, caller: Caller, comment_id: int, opinion: Opinion) -> CommentVoteRead:
    """Vote on a comment, or change sides; CommentNotFound."""
    return await _comment_votes(database, votes.vote_on_comment(caller.user_id, comment_id, opinion), opinion)


async def withdraw_comment_vote(database: Database, caller: Caller, comment_id: int) -> CommentVoteRead:
    """Withdraw the caller's vote, if there is one; CommentNotFound."""
    return await _comment_votes(database, votes.withdraw_comment_vote(caller.user_id, comment_id), None)


async def _comment_votes(database: Database, statement: Select[int, int], opinion: Opinion | None) -> CommentVoteRead:
    row = await database.run(statement)
    if row is None:
        raise CommentNotFound
    return CommentVoteRead(up_count=row[0], down_count=row[1], value=opinion)
