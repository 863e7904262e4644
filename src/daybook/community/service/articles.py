"""Publishing, reading and changing articles."""

from collections.abc import Sequence

from pydantic import MISSING

from daybook.accounts.caller import Caller
from daybook.community.enums import TopicOrder
from daybook.community.errors import ArticleNotFound, NothingToPublish, TooMuchToPublish
from daybook.community.models import ArticleTopic
from daybook.community.projections import ARTICLE
from daybook.community.queries import articles as queries
from daybook.community.schemas import MAX_ITEMS, ArticleCreate, ArticleUpdate, TopicRead
from daybook.database.engine import Database
from daybook.database.executor import Executor
from daybook.errors import FieldError
from daybook.library.errors import ContentNotFound
from daybook.tags.errors import TagNotFound
from daybook.tags.names import tag_key
from daybook.tags.queries import tag_exists

NOT_FOUND = "There is no article with this id."
NOT_YOURS = "None of your articles has this id."


async def publish(database: Database, caller: Caller, new: ArticleCreate) -> int:
    """Return the id of the new article, which has copies of the caller's contents; in one statement.

    Raises TagNotFound or ContentNotFound for what is not the caller's, NothingToPublish for a tag that nothing has,
    TooMuchToPublish for one that more have than an article holds.
    """
    if new.content_ids is not None:
        links = queries.chosen_contents(caller.user_id, new.content_ids)
        at_least = len(new.content_ids)
    else:
        assert new.tag_id is not None  # noqa: S101 - tells the type checker what the schema has checked
        links = queries.contents_of_tag(caller.user_id, new.tag_id)
        at_least = 1
    statement = queries.publish(
        caller.user_id,
        new.model_dump(include={"title", "body"}),
        _by_key(new.topics),
        links,
        at_least=at_least,
    )
    row = await database.run(statement)
    assert row is not None  # noqa: S101 - the statement returns one row, whatever it finds
    article_id, found = row
    if article_id is not None:
        return article_id
    if new.content_ids is not None:
        raise _missing(new.content_ids, found or [])
    if found:
        raise TooMuchToPublish(f"More than {MAX_ITEMS} of your contents have this tag; choose some by contentIds.")
    if new.tag_id and await database.run(tag_exists(caller.user_id, new.tag_id)) is None:
        raise TagNotFound("None of your tags has this id.")
    raise NothingToPublish("None of your contents has this tag.")


def _by_key(topics: Sequence[str]) -> dict[str, str]:
    return {tag_key(topic): topic for topic in topics}


def _missing(wanted: Sequence[int], found: Sequence[int]) -> ContentNotFound:
    known = set(found)
    errors = [
        FieldError(("contentIds", index), f"none of your contents has the id {content_id}")
        for index, content_id in enumerate(wanted)
        if content_id not in known
    ]
    return ContentNotFound("Some of these contents are not among yours.", errors=errors)


async def read(reader: Executor, caller: Caller, article_id: int) -> bytes:
    """Return an article with its links, as JSON; ArticleNotFound."""
    found = await ARTICLE.first(reader, id=article_id, caller_id=caller.user_id)
    if found is None:
        raise ArticleNotFound(NOT_FOUND)
    return found


async def read_topics(database: Database, order: TopicOrder, limit: int) -> list[TopicRead]:
    """Return topics, and how many of the newest articles have them."""
    async with database.read() as session:
        rows = await session.execute(queries.topics(order, limit))
        return [TopicRead(topic=topic, article_count=count) for topic, count in rows]


async def update(database: Database, caller: Caller, article_id: int, changes: ArticleUpdate) -> None:
    """Change one of the caller's articles; ArticleNotFound."""
    async with database.write.begin() as session:
        article = await session.scalar(queries.for_update(caller.user_id, article_id))
        if article is None:
            raise ArticleNotFound(NOT_YOURS)
        if changes.title is not MISSING:
            article.title = changes.title
        if changes.body is not MISSING:
            article.body = changes.body
        if changes.topics is not MISSING:
            article.topics = changes.topics
            article.topic_rows = [
                ArticleTopic(topic_key=key, topic=topic) for key, topic in _by_key(changes.topics).items()
            ]


async def delete(database: Database, caller: Caller, article_id: int) -> None:
    """Delete one of the caller's articles. Links that others have downloaded stay theirs. Raises ArticleNotFound."""
    if await database.run(queries.delete_own(caller.user_id, article_id)) is None:
        raise ArticleNotFound(NOT_YOURS)
