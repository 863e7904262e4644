"""Comments over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from daybook.accounts.authentication import CommunityAccess, CommunityEditor, CommunityWriter
from daybook.community.errors import ArticleNotFound, CommentNotFound
from daybook.community.models import Comment
from daybook.community.projections import COMMENTS
from daybook.community.schemas import CommentCreate, CommentRead, CommentUpdate, CommentVoteCreate, CommentVoteRead
from daybook.community.service import comments, votes
from daybook.web.hot import hot
from daybook.web.page import Page, PageQuery, page_response
from daybook.web.problem import problems
from daybook.web.schema import BigId
from daybook.web.session import TheDatabase, WriteSession, statement_budget

router = APIRouter(prefix="/api", tags=["community"])


@router.get(
    "/articles/{article_id}/comments",
    response_model=Page[CommentRead],
    responses=problems(ArticleNotFound),
    openapi_extra=statement_budget(2),
)
@hot
async def list_comments(article_id: BigId, access: CommunityAccess, query: Annotated[PageQuery, Query()]) -> Response:
    """List the comments on an article, the oldest first."""
    page = await COMMENTS.page(access.reader, limit=query.limit, cursor=query.cursor, article_id=article_id)
    if page.items == b"[]":
        await comments.require_article(access.database, article_id)
    return page_response(page)


@router.post(
    "/articles/{article_id}/comments",
    status_code=201,
    response_model=CommentRead,
    responses=problems(ArticleNotFound),
    openapi_extra=statement_budget(2),
)
async def create_comment(
    article_id: BigId, new: CommentCreate, caller: CommunityWriter, session: WriteSession
) -> Comment:
    """Comment on an article."""
    return await comments.create(session, caller, article_id, new)


@router.patch(
    "/comments/{comment_id}",
    response_model=CommentRead,
    responses=problems(CommentNotFound),
    openapi_extra=statement_budget(2),
)
async def update_comment(
    comment_id: BigId, changes: CommentUpdate, caller: CommunityEditor, session: WriteSession
) -> Comment:
    """Update a comment of yours."""
    return await comments.update(session, caller, comment_id, changes)


@router.delete(
    "/comments/{comment_id}", status_code=204, responses=problems(CommentNotFound), openapi_extra=statement_budget(1)
)
async def delete_comment(comment_id: BigId, caller: CommunityWriter, database: TheDatabase) -> None:
    """Delete a comment of yours."""
    await comments.delete(database, caller, comment_id)


@router.put(
    "/comments/{comment_id}/vote",
    response_model=CommentVoteRead,
    responses=problems(CommentNotFound),
    openapi_extra=statement_budget(1),
)
async def vote_on_comment(
    comment_id: BigId, vote: CommentVoteCreate, caller: CommunityWriter, database: TheDatabase
) -> CommentVoteRead:
    """Vote for or against a comment. Voting the other way changes sides; the same vote again changes nothing."""
    return await votes.vote_on_comment(database, caller, comment_id, vote.value)


@router.delete(
    "/comments/{comment_id}/vote",
    response_model=CommentVoteRead,
    responses=problems(CommentNotFound),
    openapi_extra=statement_budget(1),
)
async def withdraw_comment_vote(comment_id: BigId, caller: CommunityWriter, database: TheDatabase) -> CommentVoteRead:
    """Withdraw your vote on a comment. Without a vote, nothing changes."""
    return await votes.withdraw_comment_vote(database, caller, comment_id)
