"""Comments over HTTP."""

from fastapi import APIRouter, Response

from daybook.accounts.authentication import CommunityAccess, CommunityWriter
from daybook.community.errors import ArticleNotFound, CommentNotFound
from daybook.community.schemas import CommentCreate, CommentRead, CommentUpdate, CommentVoteCreate, CommentVoteRead
from daybook.community.service import comments, votes
from daybook.web.page import JSON, Cursor, Limit, Page, page_json
from daybook.web.problem import problems
from daybook.web.schema import BigId
from daybook.web.session import TheDatabase, WriteSession, sql_budget

router = APIRouter(tags=["community"])


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
    article_id: BigId, new: CommentCreate, caller: CommunityWriter, database: TheDatabase
) -> Response:
    """Say something about an article."""
    comment_id = await comments.create(database, caller, article_id, new.body)
    return Response(await comments.read(database.reader, comment_id), 201, media_type=JSON)


@router.patch(
    "/comments/{comment_id}",
    response_model=CommentRead,
    responses=problems(CommentNotFound),
    openapi_extra=sql_budget(2),
)
async def change_comment(
    comment_id: BigId, wanted: CommentUpdate, caller: CommunityWriter, database: TheDatabase
) -> Response:
    """Change the caller's own comment."""
    await comments.change(database, caller, comment_id, wanted.body)
    return Response(await comments.read(database.reader, comment_id), media_type=JSON)


@router.delete(
    "/comments/{comment_id}", status_code=204, responses=problems(CommentNotFound), openapi_extra=sql_budget(1)
)
async def delete_comment(comment_id: BigId, caller: CommunityWriter, session: WriteSession) -> None:
    """Delete the caller's own comment."""
    await comments.delete(session, caller, comment_id)


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
