"""Publishing, reading and changing articles."""

from collections.abc import Sequence

from pydantic import MISSING
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload, undefer

from daybook.accounts.caller import Caller
from daybook.community.errors import ArticleNotFound, NothingToPublish, TooMuchToPublish
from daybook.community.models import Article, ArticleTopic
from daybook.community.projections import ARTICLE
from daybook.community.queries import articles as queries
from daybook.community.schemas import MAX_ITEMS, ArticleCreate, ArticleUpdate
from daybook.database.engine import Database
from daybook.errors import FieldError
from daybook.library.errors import ContentNotFound
from daybook.tags.errors import TagNotFound
from daybook.tags.names import tag_key
from daybook.tags.queries import tag_exists

NOT_YOURS = "None of your articles has this id."


async def publish(database: Database, caller: Caller, new: ArticleCreate) -> int:
    """Return the id of the new article, which has copies of the caller's links.

    Raises TagNotFound or ContentNotFound for what is not the caller's, NothingToPublish for a tag without links,
    TooMuchToPublish for one with more than an article holds. One statement copies the links in the database.
    """
    if new.content_ids is not None:
        links = queries.chosen_contents(caller.user_id, new.content_ids)
        at_least = len(new.content_ids)
    else:
        assert new.tag_id is not None  # noqa: S101 - tells the type checker what the schema has checked
        links = queries.contents_of_tag(caller.user_id, new.tag_id)
        at_least = 1
    statement = queries.publish(
        caller.user_id, links, title=new.title, body=new.body, topics=_by_key(new.topics), at_least=at_least
    )
    row = await database.run(statement)
    assert row is not None  # noqa: S101 - the statement returns one row, whatever it finds
    article_id, found_ids = row
    if article_id is not None:
        return article_id
    if new.content_ids is not None:
        raise _missing(new.content_ids, found_ids or [])
    if found_ids:
        raise TooMuchToPublish(f"More than {MAX_ITEMS} of your links have this tag; choose some of them by contentIds.")
    if new.tag_id and await database.run(tag_exists(caller.user_id, new.tag_id)) is None:
        raise TagNotFound
    raise NothingToPublish


def _by_key(topics: Sequence[str]) -> dict[str, str]:
    return {tag_key(topic): topic for topic in topics}


def _missing(content_ids: Sequence[int], found_ids: Sequence[int]) -> ContentNotFound:
    found = set(found_ids)
    errors = [
        FieldError(("contentIds", index), f"none of your links has the id {content_id}")
        for index, content_id in enumerate(content_ids)
        if content_id not in found
    ]
    return ContentNotFound("Some of these links are not among yours.", errors=errors)


async def update(session: AsyncSession, caller: Caller, article_id: int, changes: ArticleUpdate) -> Article:
    """Return the changed article; ArticleNotFound when it is not one of the caller's."""
    statement = (
        select(Article)
        .where(Article.user_id == caller.user_id, Article.id == article_id)
        # What is shown of the article, and its topics, which have copies of what articles are ranked by.
        .options(*ARTICLE.options(), selectinload(Article.topic_rows), undefer(Article.hot), undefer(Article.shuffle))
        .with_for_update(of=Article)
    )
    article = await session.scalar(statement, {"caller_id": caller.user_id})
    if article is None:
        raise ArticleNotFound(NOT_YOURS)
    if changes.title is not MISSING:
        article.title = changes.title
    if changes.body is not MISSING:
        article.body = changes.body
    if changes.topics is not MISSING:
        _replace_topics(article, changes.topics)
    await session.flush()
    return article


def _replace_topics(article: Article, topics: list[str]) -> None:
    rows = {row.topic_key: row for row in article.topic_rows}
    article.topics = topics
    article.topic_rows = []
    for key, topic in _by_key(topics).items():
        row = rows.get(key) or ArticleTopic(topic_key=key)
        row.topic = topic
        article.topic_rows.append(row)


async def delete(database: Database, caller: Caller, article_id: int) -> None:
    """Delete one of the caller's articles, but no links that others have downloaded from it; ArticleNotFound."""
    if await database.run(queries.delete_own(caller.user_id, article_id)) is None:
        raise ArticleNotFound(NOT_YOURS)
