"""The tables of a diary: meals, exercise, their photos, and the questions put to the model."""

import datetime as dt
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    collate,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, MappedColumn, mapped_column, relationship
from uuid_utils.compat import uuid7

from daybook.accounts.models import User, owner
from daybook.database.base import Base, CreatedAt, Timestamped, ValuesProxy, enum_column
from daybook.diary.enums import AnalysisKind, AnalysisStatus, IngredientColor, MealType
from daybook.tags.models import FoodLogTag, Tag


def uuid7_id() -> MappedColumn[UUID]:
    """Return the primary key column of a row whose id the client may choose.

    The default is generated here rather than by the database: uuidv7() came with PostgreSQL 18, and 16 is supported.
    """
    return mapped_column(primary_key=True, default=uuid7)


class Photo(Base):
    """A stored photo: upright, scaled down, without metadata. Its bytes are in the photo store."""

    __tablename__ = "photos"

    id: Mapped[UUID] = uuid7_id()
    user_id: Mapped[int] = owner()
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    """Of the bytes as they were sent, so that the same photo is recognized when it comes again."""
    media_type: Mapped[str]
    size: Mapped[int]
    """Bytes, as stored."""
    width: Mapped[int]
    height: Mapped[int]
    storage_key: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[CreatedAt]

    __table_args__ = (UniqueConstraint("user_id", "sha256"), UniqueConstraint("id", "user_id"))


class Analysis(Base):
    """One question put to the model and its outcome: the record of its cost, and the cache of its answer."""

    __tablename__ = "analyses"

    id: Mapped[UUID] = uuid7_id()
    user_id: Mapped[int] = owner()
    kind: Mapped[AnalysisKind] = mapped_column(enum_column(AnalysisKind, "kind"))
    photo_id: Mapped[UUID]
    model: Mapped[str]
    prompt_version: Mapped[str]
    status: Mapped[AnalysisStatus] = mapped_column(enum_column(AnalysisStatus, "status"))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    error: Mapped[str | None]
    """The problem code, if it failed."""
    prompt_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    latency_ms: Mapped[int | None]
    created_at: Mapped[CreatedAt]

    __table_args__ = (
        ForeignKeyConstraint(["photo_id", "user_id"], ["photos.id", "photos.user_id"], ondelete="CASCADE"),
        UniqueConstraint("id", "user_id"),
        Index("ix_analyses_user_id_id", "user_id", "id"),
        Index(
            "ix_analyses_photo_id_answer",
            "photo_id",
            "user_id",
            "kind",
            "model",
            "prompt_version",
        ),
    )


class AnalysisBudget(Base):
    """How many questions a person has put to the model on a day."""

    __tablename__ = "analysis_budgets"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    used: Mapped[int]


class AnalysisTotal(Base):
    """How many questions everybody together has put to the model on a day (UTC)."""

    __tablename__ = "analysis_totals"

    day: Mapped[dt.date] = mapped_column(primary_key=True)
    used: Mapped[int]


class FoodLog(Timestamped, Base):
    """One meal."""

    __tablename__ = "food_logs"

    id: Mapped[UUID] = uuid7_id()
    user_id: Mapped[int] = owner()
    meal_type: Mapped[MealType | None] = mapped_column(enum_column(MealType, "meal_type"))
    is_healthy: Mapped[bool | None]
    estimated_calories: Mapped[int | None]
    """kcal"""
    date: Mapped[dt.date]
    """The person's local date, never the server's."""
    note: Mapped[str | None]
    photo_id: Mapped[UUID | None]
    analysis_id: Mapped[UUID | None]
    content_id: Mapped[int | None] = mapped_column(BigInteger)
    """The saved recipe of the meal."""

    user: Mapped[User] = relationship(lazy="raise_on_sql")
    # Joined by the ids alone: the composite keys guarantee the owner, by whom PostgreSQL would read all their tags.
    tags: Mapped[list[Tag]] = relationship(
        lazy="raise_on_sql",
        secondary="food_log_tag",
        primaryjoin="FoodLog.id == food_log_tag.c.food_log_id",
        secondaryjoin="food_log_tag.c.tag_id == tags.c.id",
        order_by=collate(Tag.tagname, "C"),  # by code points, as Python sorts: on every server the same
        viewonly=True,
    )
    """For reading; `tag_links` is what changes."""
    tag_names = ValuesProxy("tags", "tagname")
    tag_links: Mapped[list[FoodLogTag]] = relationship(
        lazy="raise_on_sql", cascade="all, delete-orphan", passive_deletes=True
    )
    ingredients: Mapped[list["FoodIngredient"]] = relationship(
        lazy="raise_on_sql",
        order_by="FoodIngredient.position",
        cascade="all, delete-orphan",
        passive_deletes=True,
    )

    __table_args__ = (
        # With the owner in the key, the database itself refuses another person's photo or analysis.
        ForeignKeyConstraint(["photo_id", "user_id"], ["photos.id", "photos.user_id"], ondelete="SET NULL (photo_id)"),
        ForeignKeyConstraint(
            ["analysis_id", "user_id"], ["analyses.id", "analyses.user_id"], ondelete="SET NULL (analysis_id)"
        ),
        # Named as a text: the library's tables are built on their own.
        ForeignKeyConstraint(
            ["content_id", "user_id"], ["contents.id", "contents.user_id"], ondelete="SET NULL (content_id)"
        ),
        UniqueConstraint("id", "user_id"),
        Index("ix_food_logs_user_id_date_id", "user_id", "date", "id"),
        Index("ix_food_logs_photo_id", "photo_id", postgresql_where=text("photo_id IS NOT NULL")),
        Index("ix_food_logs_analysis_id", "analysis_id", postgresql_where=text("analysis_id IS NOT NULL")),
        Index("ix_food_logs_content_id", "content_id", postgresql_where=text("content_id IS NOT NULL")),
    )


class FoodIngredient(Base):
    """One ingredient of a meal; `position` is its place in the meal's list, from 0."""

    __tablename__ = "food_ingredients"

    food_log_id: Mapped[UUID] = mapped_column(ForeignKey("food_logs.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    color: Mapped[IngredientColor] = mapped_column(enum_column(IngredientColor, "color"))
    grams: Mapped[float | None] = mapped_column(Double)
    calories: Mapped[int | None]
    """kcal"""


class ExerciseLog(Timestamped, Base):
    """One workout, walk or other exercise."""

    __tablename__ = "exercise_logs"

    id: Mapped[UUID] = uuid7_id()
    user_id: Mapped[int] = owner()
    exercise_type: Mapped[str]
    duration: Mapped[int | None]
    """minutes"""
    calories: Mapped[int | None]
    """kcal"""
    distance: Mapped[float | None] = mapped_column(Double)
    """km"""
    date: Mapped[dt.date]
    note: Mapped[str | None]
    photo_id: Mapped[UUID | None]
    analysis_id: Mapped[UUID | None]

    user: Mapped[User] = relationship(lazy="raise_on_sql")

    __table_args__ = (
        ForeignKeyConstraint(["photo_id", "user_id"], ["photos.id", "photos.user_id"], ondelete="SET NULL (photo_id)"),
        ForeignKeyConstraint(
            ["analysis_id", "user_id"], ["analyses.id", "analyses.user_id"], ondelete="SET NULL (analysis_id)"
        ),
        Index("ix_exercise_logs_user_id_date_id", "user_id", "date", "id"),
        Index("ix_exercise_logs_photo_id", "photo_id", postgresql_where=text("photo_id IS NOT NULL")),
        Index("ix_exercise_logs_analysis_id", "analysis_id", postgresql_where=text("analysis_id IS NOT NULL")),
    )
