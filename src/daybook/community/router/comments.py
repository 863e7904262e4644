"""Comments over HTTP."""

from fastapi import APIRouter, Response

from daybook.accounts.authentication import CommunityAccess, CommunityWriter
from daybook.community.errors import ArticleNotFound, CommentNotFound
from daybook.community.models import Comment
from daybook.community.schemas import CommentCreate, CommentRead, CommentUpdate, CommentVoteCreate, CommentVoteRead
from daybook.community.service import comments, votes
from daybook.web.page import JSON, Cursor, Limit, Page, page_json
from daybook.web.problem import problems
from daybook.web.schema import BigId
from daybook.web.session import TheDatabase, WriteSession, sql_budget

router = APIRouter(prefix="/api", tags=["community"])


@router.get(
    "/articles/{article_id}/comments",
    response_model=Page[CommentRead],
    responses=problems(ArticleNotFound),
    openapi_extra=sql_budget(2),
)
async def list_comments(
    article_id: BigId, access: CommunityAccess, limit: Limit = 50, cursor: Cursor | None = None
) -> Response:
    """What people say about an article, the oldest first."""
    page = await comments.read_all(access.database, article_id, limit=limit, cursor=cursor)
    return Response(page_json(page), media_type=JSON)


@router.post(
    "/articles/{article_id}/comments",
    status_code=201,
    response_model=CommentRead,
    responses=problems(ArticleNotFound),
    openapi_extra=sql_budget(2),
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
    openapi_extra=sql_budget(2),
)
async def update_comment(
    comment_id: BigId, changes: CommentUpdate, caller: CommunityWriter, session: WriteSession
) -> Comment:
    """Change a comment of yours."""
    return await comments.update(session, caller, comment_id, changes)


@router.delete(
    "/comments/{comment_id}", status_code=204, responses=problems(CommentNotFound), openapi_extra=sql_budget(1)
)
async def delete_comment(comment_id: BigId, caller: CommunityWriter, database: TheDatabase) -> None:
    """Delete a comment of yours."""
    await comments.delete(database, caller, comment_id)


@router.put(
    "/comments/{comment_id}/vote",
    response_model=CommentVoteRead,
    responses=problems(CommentNotFound),
    openapi_extra=sql_budget(1),
)
async def vote_on_comment(
    comment_id: BigId, wanted: CommentVoteCreate, caller: CommunityWriter, database: TheDatabase
) -> CommentVoteRead:
    """Vote for or against a comment; the other value changes sides, the same is the same."""
    return await votes.vote_on_comment(database, caller, comment_id, wanted.value)


@router.delete(
    "/comments/{comment_id}/vote",
    response_model=CommentVoteRead,
    responses=problems(CommentNotFound),
    openapi_extra=sql_budget(1),
)
async def withdraw_comment_vote(comment_id: BigId, caller: CommunityWriter, database: TheDatabase) -> CommentVoteRead:
    """Take the caller's vote back; once more is the same."""
    return await votes.withdraw_comment_vote(database, caller, comment_id)
