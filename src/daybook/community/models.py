"""The tables of the community: published lists of links, with their votes, downloads and comments.

A vote or a download stays, without a name, when its account is deleted, so that a count is always that of its rows.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Computed,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    UniqueConstraint,
    bindparam,
    exists,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from daybook.accounts.models import User, owner
from daybook.database.base import Base, BigIntId, CreatedAt, Timestamped, enum_column
from daybook.library.enums import ContentType

HOT = "log(greatest(up_count + down_count, 1)) + extract(epoch FROM created_at AT TIME ZONE 'UTC') / 45000"
"""Ten times as many votes and downloads count as much as 12.5 hours: the order changes only when somebody votes, not as
time passes, so that an index can hold it (the ranking that Reddit published in 2008)."""

RANKED_BY = ("up_count", "down_count", "hot", "shuffle")
"""What feeds are ordered by, besides the id."""


class Article(Timestamped, Base):
    """A published list of links."""

    __tablename__ = "articles"

    id: Mapped[BigIntId]
    user_id: Mapped[int] = owner()
    title: Mapped[str]
    body: Mapped[str]
    topics: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    """As the author wrote them; `topic_rows` is how they are found."""
    # Items never change, so that what a feed shows of them can be kept here.
    item_count: Mapped[int]
    thumbnails: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    """Of the first items that have one."""
    up_count: Mapped[int] = mapped_column(server_default=text("0"))
    down_count: Mapped[int] = mapped_column(server_default=text("0"))
    """downloads"""
    hot: Mapped[float] = mapped_column(Double, Computed(HOT, persisted=True))
    shuffle: Mapped[float] = mapped_column(Double, server_default=text("random()"))
    """Its place in the random feed."""

    author: Mapped[User] = relationship(lazy="raise_on_sql")
    items: Mapped[list["ArticleItem"]] = relationship(
        lazy="raise_on_sql", order_by="ArticleItem.position", passive_deletes=True
    )
    topic_rows: Mapped[list["ArticleTopic"]] = relationship(
        lazy="raise_on_sql", cascade="all, delete-orphan", passive_deletes=True
    )

    __table_args__ = (
        UniqueConstraint("id", *RANKED_BY),
        Index("ix_articles_user_id_id", "user_id", "id"),
        Index("ix_articles_hot_id", "hot", "id"),
        Index("ix_articles_up_count_id", "up_count", "id"),
        Index("ix_articles_down_count_id", "down_count", "id"),
        Index("ix_articles_shuffle_id", "shuffle", "id"),
    )


class ArticleTopic(Base):
    """A topic of an article, with copies of what feeds are ordered by: each feed of a topic is a range of one index.

    The database keeps the copies equal by itself, through the foreign key that they are part of.
    """

    __tablename__ = "article_topics"

    topic_key: Mapped[str] = mapped_column(primary_key=True)
    """As topics are compared (`tags.names.tag_key`)."""
    article_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    topic: Mapped[str]
    up_count: Mapped[int]
    down_count: Mapped[int]
    hot: Mapped[float] = mapped_column(Double)
    shuffle: Mapped[float] = mapped_column(Double)

    article: Mapped[Article] = relationship(
        lazy="raise_on_sql",
        viewonly=True,
        primaryjoin=lambda: ArticleTopic.article_id == Article.id,
        foreign_keys=lambda: ArticleTopic.article_id,
    )

    __table_args__ = (
        ForeignKeyConstraint(
            ["article_id", *RANKED_BY],
            ["articles.id", *(f"articles.{column}" for column in RANKED_BY)],
            name="fk_article_topics_articles",
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        Index("ix_article_topics_article_id", "article_id"),
        *(
            Index(f"ix_article_topics_topic_key_{column}_article_id", "topic_key", column, "article_id")
            for column in RANKED_BY
        ),
    )


TOPIC_USES = 20_000
"""How many uses of topics are counted, the newest: that takes the same time however many articles there are."""

_uses = (
    select(ArticleTopic.topic_key, ArticleTopic.topic, ArticleTopic.article_id)
    .order_by(ArticleTopic.article_id.desc())
    .limit(TOPIC_USES)
    .subquery()
)
_key, _count, _latest = _uses.c.topic_key, func.count(), func.max(_uses.c.article_id)


class Topic(Base):
    """A topic and how many articles have it, counted as it is read, with its place in each order of topics."""

    __table__ = (
        select(
            _key,
            func.coalesce(func.min(_uses.c.topic), _key).label("topic"),  # a minimum may be null, as far as SQL tells
            _count.label("article_count"),
            func.row_number().over(order_by=[_count.desc(), _key]).label("by_count"),
            func.row_number().over(order_by=[_latest.desc(), _key]).label("by_latest"),
            func.row_number().over(order_by=_key).label("by_name"),
        )
        .group_by(_key)
        .subquery("topics")
    )
    __mapper_args__ = {"primary_key": [__table__.c.topic_key]}

    topic_key: Mapped[str]
    topic: Mapped[str]
    article_count: Mapped[int]
    by_count: Mapped[int]
    by_latest: Mapped[int]
    by_name: Mapped[int]


class ArticleItem(Base):
    """One link of an article: a copy, so that the article stays as it was published."""

    __tablename__ = "article_items"

    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    """Its place in the list, from 0."""
    url: Mapped[str]
    url_key: Mapped[str]
    content_type: Mapped[ContentType] = mapped_column(enum_column(ContentType, "content_type"))
    title: Mapped[str]
    description: Mapped[str | None]
    thumbnail: Mapped[str | None]
    favicon: Mapped[str | None]
    video_length: Mapped[int | None]
    """seconds"""


class ArticleVote(Base):
    """A user's vote for an article."""

    __tablename__ = "article_votes"

    id: Mapped[BigIntId]
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    created_at: Mapped[CreatedAt]

    __table_args__ = (UniqueConstraint("article_id", "user_id"),)


class ArticleDownload(Base):
    """That a user has downloaded an article's links into their library."""

    __tablename__ = "article_downloads"

    id: Mapped[BigIntId]
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    created_at: Mapped[CreatedAt]

    __table_args__ = (UniqueConstraint("article_id", "user_id"),)


class Comment(Timestamped, Base):
    """A comment on an article."""

    __tablename__ = "comments"

    id: Mapped[BigIntId]
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    user_id: Mapped[int] = owner(index=True)
    body: Mapped[str]
    up_count: Mapped[int] = mapped_column(server_default=text("0"))
    down_count: Mapped[int] = mapped_column(server_default=text("0"))

    author: Mapped[User] = relationship(lazy="raise_on_sql")

    __table_args__ = (Index("ix_comments_article_id_id", "article_id", "id"),)


class CommentVote(Base):
    """A user's vote on a comment."""

    __tablename__ = "comment_votes"

    id: Mapped[BigIntId]
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    value: Mapped[int] = mapped_column(SmallInteger)
    """1 for up, -1 for down."""
    created_at: Mapped[CreatedAt]

    __table_args__ = (UniqueConstraint("comment_id", "user_id"),)


# A subquery a row each, loaded only where a statement asks for it. Changing an article changes none of them.
_ON_DEMAND: dict[str, Any] = {"deferred": True, "raiseload": True, "expire_on_flush": False}

# Counted when it is read, and therefore right even after an account has been deleted with its comments.
Article.comment_count = column_property(
    select(func.count()).where(Comment.article_id == Article.id).correlate_except(Comment).scalar_subquery(),
    **_ON_DEMAND,
)

# The user whom the statement's parameter `caller_id` names.
CALLER_ID = bindparam("caller_id", type_=BigInteger)
Article.voted = column_property(
    exists()
    .where(ArticleVote.article_id == Article.id, ArticleVote.user_id == CALLER_ID)
    .correlate_except(ArticleVote),
    **_ON_DEMAND,
)
Article.downloaded = column_property(
    exists()
    .where(ArticleDownload.article_id == Article.id, ArticleDownload.user_id == CALLER_ID)
    .correlate_except(ArticleDownload),
    **_ON_DEMAND,
)
