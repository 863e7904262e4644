"""The tables of the library: saved links and imports."""

import datetime as dt
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, UniqueConstraint, collate, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.orm import Mapped, mapped_column, relationship
from uuid_utils.compat import uuid7

from daybook.accounts.models import owner
from daybook.database.base import Base, BigIntId, CreatedAt, Timestamped, ValuesProxy, enum_column
from daybook.library.enums import ContentType, ImportStatus
from daybook.tags.models import ContentTag, Tag


class Content(Timestamped, Base):
    """One saved link."""

    __tablename__ = "contents"

    id: Mapped[BigIntId]
    user_id: Mapped[int] = owner()
    url: Mapped[str]
    """As browsers write it (`addresses.parse_url`)."""
    url_key: Mapped[str]
    """Normalized (`library.urls.normalized`), for comparison: a page is saved once, however its address is written."""
    content_type: Mapped[ContentType] = mapped_column(enum_column(ContentType, "content_type"))
    title: Mapped[str]
    description: Mapped[str | None]
    note: Mapped[str | None]
    """The owner's own words; never published."""
    thumbnail: Mapped[str | None]
    favicon: Mapped[str | None]
    bookmark: Mapped[bool] = mapped_column(server_default=text("false"))
    saved_on: Mapped[dt.date]
    """The owner's local date."""
    search_text: Mapped[str]
    """The text that is searched (`library.search.search_text`)."""
    search_terms: Mapped[list[str]] = mapped_column(ARRAY(TEXT))
    """The terms of its index (`library.search.index_terms`)."""

    video_metadata: Mapped["VideoMetadata | None"] = relationship(
        lazy="raise_on_sql", cascade="all, delete-orphan", passive_deletes=True
    )
    post_metadata: Mapped["PostMetadata | None"] = relationship(
        lazy="raise_on_sql", cascade="all, delete-orphan", passive_deletes=True
    )
    # Joined by the ids alone: the composite keys guarantee the owner, by whom PostgreSQL would read all their tags.
    tags: Mapped[list[Tag]] = relationship(
        lazy="raise_on_sql",
        secondary="content_tag",
        primaryjoin="Content.id == content_tag.c.content_id",
        secondaryjoin="content_tag.c.tag_id == tags.c.id",
        order_by=collate(Tag.tagname, "C"),  # by code points, as Python sorts: on every server the same
        viewonly=True,
    )
    """For reading; `tag_links` is what changes."""
    tag_names = ValuesProxy("tags", "tagname")
    tag_links: Mapped[list[ContentTag]] = relationship(
        lazy="raise_on_sql", cascade="all, delete-orphan", passive_deletes=True
    )

    __table_args__ = (
        UniqueConstraint("user_id", "url_key"),
        UniqueConstraint("id", "user_id"),
        Index("ix_contents_user_id_saved_on_id", "user_id", "saved_on", "id"),
        Index("ix_contents_bookmarks", "user_id", "saved_on", "id", postgresql_where=text("bookmark")),
        Index("ix_contents_search_terms", "search_terms", postgresql_using="gin"),
    )


class VideoMetadata(Base):
    """What only a video has."""

    __tablename__ = "video_metadata"

    content_id: Mapped[int] = mapped_column(ForeignKey("contents.id", ondelete="CASCADE"), primary_key=True)
    video_length: Mapped[int]
    """seconds"""


class PostMetadata(Base):
    """What only a post has."""

    __tablename__ = "post_metadata"

    content_id: Mapped[int] = mapped_column(ForeignKey("contents.id", ondelete="CASCADE"), primary_key=True)
    body: Mapped[str]


class Import(Base):
    """One uploaded file of links, and the progress of its import.

    It is also the job: the worker that holds the lease works on it, and a process that dies loses it to another one.
    That may be on another machine, and so the file is in the database until it has been read (`ImportChunk`).
    """

    __tablename__ = "imports"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    user_id: Mapped[int] = owner()
    filename: Mapped[str]
    format: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    """Bytes."""
    tag: Mapped[str | None]
    """The tag that every link of the file gets."""
    status: Mapped[ImportStatus] = mapped_column(enum_column(ImportStatus, "status"))
    read: Mapped[int] = mapped_column(server_default=text("0"))
    """How many entries have been processed; the next one follows these."""
    created: Mapped[int] = mapped_column(server_default=text("0"))
    existing: Mapped[int] = mapped_column(server_default=text("0"))
    """How many were in the library already."""
    unreadable: Mapped[int] = mapped_column(server_default=text("0"))
    problems: Mapped[list[str]] = mapped_column(ARRAY(TEXT), server_default=text("'{}'"))
    """What is wrong with the first of the unreadable entries."""
    error: Mapped[str | None]
    """Why it failed as a whole."""
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    """The number of workers so far. Writes of an earlier one are refused."""
    leased_until: Mapped[dt.datetime | None]
    created_at: Mapped[CreatedAt]
    finished_at: Mapped[dt.datetime | None]

    __table_args__ = (
        Index("ix_imports_user_id_id", "user_id", "id"),
        Index("ix_imports_open", "id", postgresql_where=text("status IN ('waiting', 'running')")),
    )


class ImportChunk(Base):
    """A piece of a file that is to be imported."""

    __tablename__ = "import_chunks"

    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
