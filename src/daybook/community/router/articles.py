"""Articles over HTTP. Every signed-in person may read them; changing one takes its author."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from daybook.accounts.authentication import CommunityAccess, CommunityReader, CommunityWriter, LibraryWriter
from daybook.community.enums import Feed, TopicOrder
from daybook.community.errors import ArticleNotFound, NothingToPublish, TooMuchToPublish
from daybook.community.schemas import (
    ArticleCreate,
    ArticleRead,
    ArticleSummary,
    ArticleUpdate,
    ArticleVoteRead,
    DownloadRead,
    DownloadRequest,
    TopicRead,
)
from daybook.community.service import articles, downloads, feeds, votes
from daybook.library.errors import ContentNotFound
from daybook.tags.errors import TagNotFound
from daybook.tags.schemas import TagName
from daybook.web.page import JSON, Cursor, Limit, Page, page_json
from daybook.web.problem import problems
from daybook.web.schema import BigId
from daybook.web.session import Now, TheDatabase, sql_budget

router = APIRouter(prefix="/api/articles", tags=["community"])


@router.post(
    "",
    status_code=201,
    response_model=ArticleRead,
    responses=problems(TagNotFound, ContentNotFound, NothingToPublish, TooMuchToPublish),
    openapi_extra=sql_budget(2),
)
async def publish_article(new: ArticleCreate, caller: CommunityWriter, database: TheDatabase) -> Response:
    """Publish what is under one of the caller's tags, or chosen contents; copies, which change no more."""
    article_id = await articles.publish(database, caller, new)
    return Response(await articles.read(database.reader, caller, article_id), 201, media_type=JSON)


@router.get("", response_model=Page[ArticleSummary], responses=problems(), openapi_extra=sql_budget(2))
async def list_articles(
    access: CommunityAccess,
    feed: Annotated[
        Feed,
        Query(
            description="newest; popular: by downloads; upvote: by votes; hot: by both, the more recent the better; "
            "random. An article whose counts change while you page may move."
        ),
    ] = Feed.NEWEST,
    seed: Annotated[
        int | None,
        Query(ge=0, le=feeds.MAX_SEED, description="Of the random feed: the same seed gives the same order."),
    ] = None,
    topic: Annotated[TagName | None, Query(description="Only of this topic, in any letter case and width.")] = None,
    author: Annotated[BigId | None, Query(description="Only by the person with this id.")] = None,
    limit: Limit = 50,
    cursor: Cursor | None = None,
) -> Response:
    """Articles, in one of several orders."""
    selection = feeds.Selection(topic=topic, author=author)
    page = await feeds.read(access.reader, feed, selection, seed=seed, limit=limit, cursor=cursor)
    return Response(page_json(page), media_type=JSON)


@router.get("/topics", response_model=list[TopicRead], responses=problems(), openapi_extra=sql_budget(1))
async def list_topics(
    caller: CommunityReader,  # noqa: ARG001 - anybody, but signed in
    database: TheDatabase,
    by: Annotated[
        TopicOrder,
        Query(description="popular: by how many articles have it; newest: by the latest of them; name."),
    ] = TopicOrder.POPULAR,
    limit: Limit = 50,
) -> list[TopicRead]:
    """Topics, with how many articles have them; counted among the newest, of which there are thousands."""
    return await articles.read_topics(database, by, limit)


@router.get(
    "/{article_id}", response_model=ArticleRead, responses=problems(ArticleNotFound), openapi_extra=sql_budget(1)
)
async def get_article(article_id: BigId, access: CommunityAccess) -> Response:
    """One article, with its links in their order."""
    return Response(await articles.read(access.reader, access.caller, article_id), media_type=JSON)


@router.patch(
    "/{article_id}", response_model=ArticleRead, responses=problems(ArticleNotFound), openapi_extra=sql_budget(7)
)
async def update_article(
    article_id: BigId, changes: ArticleUpdate, caller: CommunityWriter, database: TheDatabase
) -> Response:
    """Change an article of yours."""
    await articles.update(database, caller, article_id, changes)
    return Response(await articles.read(database.reader, caller, article_id), media_type=JSON)


@router.delete("/{article_id}", status_code=204, responses=problems(ArticleNotFound), openapi_extra=sql_budget(1))
async def delete_article(article_id: BigId, caller: CommunityWriter, database: TheDatabase) -> None:
    """Delete an article of yours. Links that others have downloaded stay theirs."""
    await articles.delete(database, caller, article_id)


@router.put(
    "/{article_id}/vote",
    response_model=ArticleVoteRead,
    responses=problems(ArticleNotFound),
    openapi_extra=sql_budget(1),
)
async def vote_for_article(article_id: BigId, caller: CommunityWriter, database: TheDatabase) -> ArticleVoteRead:
    """Vote for an article; once more is the same."""
    return await votes.vote_for_article(database, caller, article_id)


@router.delete(
    "/{article_id}/vote",
    response_model=ArticleVoteRead,
    responses=problems(ArticleNotFound),
    openapi_extra=sql_budget(1),
)
async def withdraw_article_vote(article_id: BigId, caller: CommunityWriter, database: TheDatabase) -> ArticleVoteRead:
    """Take the caller's vote back; once more is the same."""
    return await votes.withdraw_article_vote(database, caller, article_id)


@router.post(
    "/{article_id}/download",
    response_model=DownloadRead,
    responses=problems(ArticleNotFound),
    openapi_extra=sql_budget(6),
)
async def download_article(
    article_id: BigId, wanted: DownloadRequest, caller: LibraryWriter, database: TheDatabase, now: Now
) -> DownloadRead:
    """Copy an article's links into the caller's library, under a tag; once more adds what is not there."""
    return await downloads.download(database, caller, article_id, wanted.tagname, now)
