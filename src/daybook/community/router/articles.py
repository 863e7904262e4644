"""Articles over HTTP. Every signed-in user may read them; only the author may change one."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from daybook.accounts.authentication import CommunityAccess, CommunityEditor, CommunityWriter, Downloader, Publisher
from daybook.community.enums import Feed, TopicOrder
from daybook.community.errors import ArticleNotFound, NothingToPublish, TooMuchToPublish
from daybook.community.models import Article
from daybook.community.projections import ARTICLE, TOPICS
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
from daybook.web.hot import hot
from daybook.web.page import Limit, Page, PageQuery, json_response, page_response
from daybook.web.problem import problems
from daybook.web.schema import BigId, Schema
from daybook.web.session import Now, TheDatabase, WriteSession, statement_budget


class ArticleQuery(PageQuery):
    """Which articles to list, and in which order."""

    feed: Annotated[
        Feed,
        Field(
            description="newest; popular: most downloads; upvote: most votes; hot: votes and downloads, recent ones "
            "count more; random."
        ),
    ] = Feed.NEWEST
    seed: Annotated[
        int | None,
        Field(ge=0, le=feeds.MAX_SEED, description="For the random feed: the same seed gives the same order."),
    ] = None
    topic: Annotated[TagName | None, Field(description="Only articles with this topic.")] = None
    author: Annotated[BigId | None, Field(description="Only articles by the user with this id.")] = None


class TopicQuery(Schema):
    """How many topics to list, and in which order."""

    by: Annotated[TopicOrder, Field(description="popular: most articles; newest: latest article; name.")] = (
        TopicOrder.POPULAR
    )
    limit: Limit = 50


router = APIRouter(prefix="/api/articles", tags=["community"])


@router.post(
    "",
    status_code=201,
    response_model=ArticleRead,
    responses=problems(TagNotFound, ContentNotFound, NothingToPublish, TooMuchToPublish),
    openapi_extra=statement_budget(2),
)
async def publish_article(new: ArticleCreate, caller: Publisher, database: TheDatabase) -> Response:
    """Publish an article. It holds all links with one of your tags, or links that you choose.

    The links are copied: what you change in your library afterwards does not change the article.
    """
    article_id = await articles.publish(database, caller, new)
    article = await ARTICLE.one(database.reader, or_raise=ArticleNotFound, id=article_id, caller_id=caller.user_id)
    return json_response(article, 201)


@router.get("", response_model=Page[ArticleSummary], responses=problems(), openapi_extra=statement_budget(2))
@hot
async def list_articles(access: CommunityAccess, query: Annotated[ArticleQuery, Query()]) -> Response:
    """List articles in one of several orders.

    An article whose votes or downloads change while you page through a list ordered by them may appear twice or not
    at all.
    """
    selection = feeds.Selection(topic=query.topic, author=query.author)
    page = await feeds.read(
        access.reader, query.feed, selection, seed=query.seed, limit=query.limit, cursor=query.cursor
    )
    return page_response(page)


@router.get("/topics", response_model=list[TopicRead], responses=problems(), openapi_extra=statement_budget(1))
@hot
async def list_topics(access: CommunityAccess, query: Annotated[TopicQuery, Query()]) -> Response:
    """List topics. Each comes with how many of the newest articles have it."""
    return json_response(await TOPICS[query.by].json(access.reader, count=query.limit))


@router.get(
    "/{article_id}", response_model=ArticleRead, responses=problems(ArticleNotFound), openapi_extra=statement_budget(1)
)
@hot
async def get_article(article_id: BigId, access: CommunityAccess) -> Response:
    """Get an article with its links."""
    article = await ARTICLE.one(access.reader, or_raise=ArticleNotFound, id=article_id, caller_id=access.caller.user_id)
    return json_response(article)


@router.patch(
    "/{article_id}", response_model=ArticleRead, responses=problems(ArticleNotFound), openapi_extra=statement_budget(7)
)
async def update_article(
    article_id: BigId, changes: ArticleUpdate, caller: CommunityEditor, session: WriteSession
) -> Article:
    """Update an article of yours."""
    return await articles.update(session, caller, article_id, changes)


@router.delete("/{article_id}", status_code=204, responses=problems(ArticleNotFound), openapi_extra=statement_budget(1))
async def delete_article(article_id: BigId, caller: CommunityWriter, database: TheDatabase) -> None:
    """Delete an article of yours. Links that others have downloaded from it stay in their libraries."""
    await articles.delete(database, caller, article_id)


@router.put(
    "/{article_id}/vote",
    response_model=ArticleVoteRead,
    responses=problems(ArticleNotFound),
    openapi_extra=statement_budget(1),
)
async def vote_for_article(article_id: BigId, caller: CommunityWriter, database: TheDatabase) -> ArticleVoteRead:
    """Vote for an article. Voting again changes nothing."""
    return await votes.vote_for_article(database, caller, article_id)


@router.delete(
    "/{article_id}/vote",
    response_model=ArticleVoteRead,
    responses=problems(ArticleNotFound),
    openapi_extra=statement_budget(1),
)
async def withdraw_article_vote(article_id: BigId, caller: CommunityWriter, database: TheDatabase) -> ArticleVoteRead:
    """Withdraw your vote for an article. Without a vote, nothing changes."""
    return await votes.withdraw_article_vote(database, caller, article_id)


@router.post(
    "/{article_id}/download",
    response_model=DownloadRead,
    responses=problems(ArticleNotFound),
    openapi_extra=statement_budget(6),
)
async def download_article(
    article_id: BigId, download: DownloadRequest, caller: Downloader, database: TheDatabase, now: Now
) -> DownloadRead:
    """Download an article's links into your library. Links that you have already are only tagged."""
    return await downloads.download(database, caller, article_id, download.tagname, now)
