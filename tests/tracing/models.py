"""The seeds' tables, mapped as they were (`lazy="joined"`), and as they should have been."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ForeignKey, Table
from sqlalchemy.ext.asyncio import AsyncAttrs, AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


@dataclass(frozen=True)
class Mapping:
    """One way of mapping the tables."""

    base: Any
    user: Any
    content: Any
    tag: Any
    comment: Any


def map_tables(lazy: Any) -> Mapping:
    """Map users, contents, tags and comments with all relationships loaded this way."""

    class Base(AsyncAttrs, DeclarativeBase):
        pass

    content_tag = Table(
        "content_tag",
        Base.metadata,
        Column("content_id", ForeignKey("contents.id"), primary_key=True),
        Column("tag_id", ForeignKey("tags.id"), primary_key=True),
    )

    class User(Base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        contents: Mapped[list["Content"]] = relationship(lazy=lazy, join_depth=2, back_populates="user")

    class Content(Base):
        __tablename__ = "contents"
        id: Mapped[int] = mapped_column(primary_key=True)
        user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
        title: Mapped[str]
        body: Mapped[str] = mapped_column(default="", deferred=True)
        user: Mapped["User"] = relationship(lazy=lazy, join_depth=2, back_populates="contents")
        tags: Mapped[list["Tag"]] = relationship(lazy=lazy, join_depth=2, secondary=content_tag)
        comments: Mapped[list["Comment"]] = relationship(lazy=lazy, join_depth=2)

    class Tag(Base):
        __tablename__ = "tags"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    class Comment(Base):
        __tablename__ = "comments"
        id: Mapped[int] = mapped_column(primary_key=True)
        content_id: Mapped[int] = mapped_column(ForeignKey("contents.id"))
        text: Mapped[str]

    return Mapping(Base, User, Content, Tag, Comment)


JOINED = map_tables("joined")
MENDED = map_tables("raise_on_sql")
LAZY = map_tables("select")

USERS, CONTENTS = 4, 5


async def fill(engine: AsyncEngine) -> None:
    """Make the tables: 4 users with 5 contents each, every content with 2 of 3 tags and 2 comments."""
    tables = MENDED.base.metadata.tables
    numbers = range(1, USERS * CONTENTS + 1)
    async with engine.begin() as connection:
        await connection.run_sync(MENDED.base.metadata.create_all)
        await connection.execute(tables["users"].insert(), [{"name": f"user {n}"} for n in range(USERS)])
        await connection.execute(tables["tags"].insert(), [{"name": f"tag {n}"} for n in range(3)])
        contents = [{"user_id": (n - 1) % USERS + 1, "title": f"content {n}", "body": "text"} for n in numbers]
        await connection.execute(tables["contents"].insert(), contents)
        marks = [{"content_id": n, "tag_id": (n + k) % 3 + 1} for n in numbers for k in range(2)]
        await connection.execute(tables["content_tag"].insert(), marks)
        comments = [{"content_id": n, "text": f"comment {k}"} for n in numbers for k in range(2)]
        await connection.execute(tables["comments"].insert(), comments)
