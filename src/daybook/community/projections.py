"""How the community is read: response schemas over the tables, each compiled to one statement at import."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AliasPath, Field, create_model
from sqlalchemy import BigInteger, ColumnElement, Double, SQLColumnExpression, Text, bindparam, select

from daybook.community.enums import Feed, TopicOrder
from daybook.community.models import Article, ArticleTopic, Comment, Topic
from daybook.community.schemas import ArticleRead, ArticleSummary, CommentRead, TopicRead
from daybook.database.projection import Projection
from daybook.web.schema import Schema

TOPIC_KEY = bindparam("topic_key", type_=Text)


@dataclass(frozen=True, slots=True)
class FeedProjections:
    """The two ways to read a feed, each a range of an index."""

    all: Projection[Any]
    """Of all authors, or of `author`; then also of `topic_key`, since an author has few articles."""
    of_topic: Projection[Any]
    """Of all authors, of `topic_key`, which the sort key begins with."""


def _through(schema: type[Schema], relationship: str) -> type[Schema]:
    """Return the same schema, read through a to-one relationship."""
    fields: Mapping[str, Any] = {
        name: Annotated[(field.annotation, *field.metadata, Field(validation_alias=AliasPath(relationship, name)))]
        for name, field in schema.model_fields.items()
    }
    return create_model(schema.__name__, __base__=Schema, **fields)


TOPIC_SUMMARY = _through(ArticleSummary, "article")


def _feed(*ranks: str, ascending: bool = False) -> FeedProjections:
    """Return the feed that is ordered by columns that `ArticleTopic` has copies of, and by id where they are equal."""

    def order(mapped: type[Article | ArticleTopic], *key: str) -> list[SQLColumnExpression[Any]]:
        columns = [getattr(mapped, name) for name in key]
        return [column.asc() if ascending else column.desc() for column in columns]

    def half(mapped: type[Article | ArticleTopic]) -> list[ColumnElement[bool]]:
        place = mapped.shuffle
        return [place >= bindparam("least", type_=Double), place < bindparam("below", type_=Double)]

    # Not EXISTS, which may be planned as reading all of the topic.
    has_topic = (
        select(ArticleTopic.article_id)
        .where(ArticleTopic.topic_key == TOPIC_KEY, ArticleTopic.article_id == Article.id)
        .scalar_subquery()
        .is_not(None)
    )
    return FeedProjections(
        all=Projection(
            ArticleSummary,
            Article,
            optional=[Article.user_id == bindparam("author", type_=BigInteger), has_topic, *half(Article)],
            order_by=order(Article, *ranks, "id"),
        ),
        of_topic=Projection(
            TOPIC_SUMMARY,
            ArticleTopic,
            where=[ArticleTopic.topic_key == TOPIC_KEY],
            optional=half(ArticleTopic),
            order_by=order(ArticleTopic, "topic_key", *ranks, "article_id"),
        ),
    )


FEEDS = {
    Feed.NEWEST: _feed(),
    Feed.POPULAR: _feed("down_count"),
    Feed.HOT: _feed("hot"),
    Feed.UPVOTE: _feed("up_count"),
}
SHUFFLED = {ascending: _feed("shuffle", ascending=ascending) for ascending in (True, False)}
"""In the order of their random places, from `least` or up to `below`; by whether the places ascend."""


def _topics(place: SQLColumnExpression[int]) -> Projection[TopicRead]:
    """Return the first `count` topics of an order."""
    first = place <= bindparam("count", type_=BigInteger)
    return Projection(TopicRead, Topic, where=[first], order_by=[place], pages=False)


TOPICS = {
    TopicOrder.POPULAR: _topics(Topic.by_count),
    TopicOrder.NEWEST: _topics(Topic.by_latest),
    TopicOrder.NAME: _topics(Topic.by_name),
}
ARTICLE = Projection(ArticleRead, Article, where=[Article.id == bindparam("id", type_=BigInteger)])
"""By `id`, as `caller_id` sees it."""
COMMENTS = Projection(
    CommentRead,
    Comment,
    where=[Comment.article_id == bindparam("article_id", type_=BigInteger)],
    order_by=[Comment.id],
)
"""Of `article_id`, the oldest first."""
COMMENT = Projection(CommentRead, Comment, where=[Comment.id == bindparam("id", type_=BigInteger)])
