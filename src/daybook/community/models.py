"""The tables of the community: published lists of links, and what readers make of them.

A vote or a download outlives the account it came from, without its name, so that a count is always that of its rows.
"""

from sqlalchemy import (
    Computed,
    Double,
    ForeignKey,
    Index,
    SmallInteger,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from daybook.accounts.models import User, owner
from daybook.database.base import Base, BigIntId, CreatedAt, Timestamped, word
from daybook.library.vocabulary import ContentType

HOT = "log(greatest(up_count + down_count, 1)) + extract(epoch FROM created_at AT TIME ZONE 'UTC') / 45000"
"""Ten times the votes and downloads weigh as much as 12.5 hours: the order changes only when somebody votes, never by
time passing, so that an index can hold it (the ranking that Reddit published in 2008)."""


class Article(Timestamped, Base):
    """A published list of links."""

    __tablename__ = "articles"

    id: Mapped[BigIntId]
    user_id: Mapped[int] = owner()
    title: Mapped[str]
    body: Mapped[str]
    topics: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    """As the author wrote them."""
    topic_keys: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    """As they are compared (`tags.names.tag_key`)."""
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

    __table_args__ = (
        Index("ix_articles_user_id_id", "user_id", "id"),
        Index("ix_articles_hot_id", "hot", "id"),
        Index("ix_articles_up_count_id", "up_count", "id"),
        Index("ix_articles_down_count_id", "down_count", "id"),
        Index("ix_articles_shuffle_id", "shuffle", "id"),
        Index("ix_articles_topic_keys", "topic_keys", postgresql_using="gin"),
    )


class ArticleItem(Base):
    """One link of an article: a copy, so that the article stays as it was published."""

    __tablename__ = "article_items"

    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    """Its place in the list, from 0."""
    url: Mapped[str]
    url_key: Mapped[str]
    content_type: Mapped[ContentType] = mapped_column(word(ContentType, "content_type"))
    title: Mapped[str]
    description: Mapped[str | None]
    thumbnail: Mapped[str | None]
    favicon: Mapped[str | None]
    video_length: Mapped[int | None]
    """seconds"""


class ArticleVote(Base):
    """That somebody likes an article."""

    __tablename__ = "article_votes"

    id: Mapped[BigIntId]
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    created_at: Mapped[CreatedAt]

    __table_args__ = (UniqueConstraint("article_id", "user_id"),)


class ArticleDownload(Base):
    """That somebody took an article's links into their library."""

    __tablename__ = "article_downloads"

    id: Mapped[BigIntId]
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    created_at: Mapped[CreatedAt]

    __table_args__ = (UniqueConstraint("article_id", "user_id"),)


class Comment(Timestamped, Base):
    """What somebody says about an article."""

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
    """What somebody thinks of a comment."""

    __tablename__ = "comment_votes"

    id: Mapped[BigIntId]
    comment_id: Mapped[int] = mapped_column(ForeignKey("comments.id", ondelete="CASCADE"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    value: Mapped[int] = mapped_column(SmallInteger)
    """1 for up, -1 for down."""
    created_at: Mapped[CreatedAt]

    __table_args__ = (UniqueConstraint("comment_id", "user_id"),)


# Counted as it is read, and so always right, also after an account has gone with its comments.
Article.comment_count = column_property(
    select(func.count()).where(Comment.article_id == Article.id).scalar_subquery(), deferred=True, raiseload=True
)
Article.item_count = column_property(
    select(func.count()).where(ArticleItem.article_id == Article.id).scalar_subquery(), deferred=True, raiseload=True
)
