"""A small shop of mapped classes that holds every type a projection knows, for the tests of projections alone."""

import datetime as dt
import enum
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import AliasPath, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel
from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    Column,
    DateTime,
    Double,
    Enum,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from daybook.database.base import ValuesProxy
from daybook.web.schema import Moment


class Base(DeclarativeBase):
    metadata = MetaData(schema="projection")
    type_annotation_map = {dt.datetime: DateTime(timezone=True), str: Text()}


class Size(enum.Enum):
    """Kept by name, as SQLAlchemy does by default, and with a quote in a value."""

    SMALL = "it's small"
    LARGE = "large 🍚"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Word(enum.StrEnum):
    """Kept by value."""

    RED = "red"
    GREEN = "green"


def word() -> Enum:
    return Enum(
        Word, native_enum=False, create_constraint=True, values_callable=lambda words: [one.value for one in words]
    )


book_tag = Table(
    "book_tag",
    Base.metadata,
    Column("book_id", ForeignKey("projection.books.id"), primary_key=True),
    Column("tag_id", ForeignKey("projection.tags.id"), primary_key=True),
    Column("position", Integer, nullable=False),
)


class Tag(Base):
    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Author(Base):
    __tablename__ = "authors"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    mentor_id: Mapped[int | None] = mapped_column(ForeignKey("projection.authors.id"))

    mentor: Mapped["Author | None"] = relationship(remote_side="Author.id", lazy="raise_on_sql")
    pupils: Mapped[list["Author"]] = relationship(order_by="Author.id", lazy="raise_on_sql", viewonly=True)


class Book(Base):
    """Has every type."""

    __tablename__ = "books"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("projection.authors.id"))
    editor_id: Mapped[int | None] = mapped_column(ForeignKey("projection.authors.id"))
    title: Mapped[str]
    subtitle: Mapped[str | None]
    in_print: Mapped[bool | None]
    key: Mapped[UUID]
    day: Mapped[dt.date]
    moment: Mapped[dt.datetime]
    maybe_moment: Mapped[dt.datetime | None]
    size: Mapped[Size] = mapped_column(Enum(Size, schema="projection"))
    level: Mapped[Level | None] = mapped_column(Enum(Level, native_enum=False, create_constraint=True))
    color: Mapped[Word] = mapped_column(word())
    price: Mapped[Decimal] = mapped_column(Numeric(12, 2))
    weight: Mapped[Decimal | None] = mapped_column(Numeric(12, 6))
    ratio: Mapped[float | None] = mapped_column(Numeric(20, 8, asdecimal=False))
    double: Mapped[float] = mapped_column(Double)
    real: Mapped[float | None] = mapped_column(REAL)
    document: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    listed: Mapped[list[Any]] = mapped_column(JSONB)
    words: Mapped[list[str]] = mapped_column(ARRAY(Text))
    numbers: Mapped[list[int] | None] = mapped_column(ARRAY(Integer))
    cover: Mapped[bytes | None] = mapped_column(LargeBinary)

    author: Mapped[Author] = relationship(foreign_keys=[author_id], lazy="raise_on_sql")
    editor: Mapped[Author | None] = relationship(foreign_keys=[editor_id], lazy="raise_on_sql")
    blurb: Mapped["Blurb | None"] = relationship(lazy="raise_on_sql", cascade="all, delete-orphan")
    chapters: Mapped[list["Chapter"]] = relationship(
        order_by="Chapter.number.desc()", lazy="raise_on_sql", cascade="all, delete-orphan"
    )
    tags: Mapped[list[Tag]] = relationship(
        secondary=book_tag, order_by=book_tag.c.position, lazy="raise_on_sql", viewonly=True
    )
    tag_names = ValuesProxy("tags", "name")


class Blurb(Base):
    __tablename__ = "blurbs"

    book_id: Mapped[int] = mapped_column(ForeignKey("projection.books.id"), primary_key=True)
    text: Mapped[str]


class Chapter(Base):
    __tablename__ = "chapters"

    book_id: Mapped[int] = mapped_column(ForeignKey("projection.books.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None]

    notes: Mapped[list["Note"]] = relationship(lazy="raise_on_sql", order_by="Note.id", cascade="all, delete-orphan")


class Note(Base):
    """Reaches its chapter by a key of two columns."""

    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    book_id: Mapped[int]
    chapter_number: Mapped[int]
    text: Mapped[str]

    __table_args__ = (
        ForeignKeyConstraint(
            ["book_id", "chapter_number"], ["projection.chapters.book_id", "projection.chapters.number"]
        ),
    )


class Schema(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


IsoMoment = Annotated[AwareDatetime, PlainSerializer(lambda moment: moment.isoformat(), when_used="json")]


class NoteRead(Schema):
    text: str


class ChapterRead(Schema):
    number: int
    title: str | None
    notes: list[NoteRead]


class TagRead(Schema):
    id: int
    name: str


class PupilRead(Schema):
    name: str


class AuthorRead(Schema):
    name: str
    mentor: PupilRead | None
    pupils: list[PupilRead]


class BookRead(Schema):
    id: int
    title: str
    subtitle: str | None
    in_print: bool | None
    key: UUID
    day: dt.date
    moment: IsoMoment
    moment_as_postgresql_has_it: Annotated[Moment, Field(validation_alias=AliasPath("moment"))]
    maybe_moment: dt.datetime | None
    size: Size
    level: Level | None
    color: Word
    price: Decimal
    price_number: Annotated[
        Decimal, PlainSerializer(float, when_used="json"), Field(validation_alias=AliasPath("price"))
    ]
    weight: Decimal | None
    ratio: float | None
    double: float
    real: float | None
    document: dict[str, Any] | None
    listed: list[Any]
    words: list[str]
    numbers: list[int] | None
    author: AuthorRead
    editor: PupilRead | None
    author_name: Annotated[str, Field(validation_alias=AliasPath("author", "name"))]
    mentor_name: Annotated[str | None, Field(validation_alias=AliasPath("author", "mentor", "name"))] = None
    blurb_text: Annotated[str | None, Field(validation_alias=AliasPath("blurb", "text"))] = None
    author_pupils: Annotated[list[PupilRead], Field(validation_alias=AliasPath("author", "pupils"))]
    chapters: list[ChapterRead]
    tags: list[TagRead]
    tag_names: list[str]
