"""Every relationship, both ways, `lazy="joined"`: it looks like orm, and reads far more (see the README's two reports).

Only the page of today is served: each meal comes with its person, and each person with
all else of theirs, multiplied with each other.
"""

import datetime as dt
import os
from collections.abc import AsyncIterator, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Select,
    Table,
    Text,
    func,
    make_url,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from benchmarks.contenders.schemas import FoodLogRead
from benchmarks.contenders.signed_in import CurrentUser


class Base(DeclarativeBase):
    """A mapping of its own on Daybook's tables."""

    type_annotation_map = {dt.datetime: DateTime(timezone=True), str: Text()}


class User(Base):
    """A person."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_key: Mapped[str]
    email: Mapped[str | None]
    username: Mapped[str]
    timezone: Mapped[str]
    logs: Mapped[list["FoodLog"]] = relationship(back_populates="user", lazy="joined")
    exercises: Mapped[list["ExerciseLog"]] = relationship(back_populates="user", lazy="joined")
    identities: Mapped[list["Identity"]] = relationship(back_populates="user", lazy="joined")


class FoodLog(Base):
    """A meal."""

    __tablename__ = "food_logs"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    meal_type: Mapped[str | None]
    is_healthy: Mapped[bool | None]
    estimated_calories: Mapped[int | None]
    date: Mapped[dt.date]
    note: Mapped[str | None]
    photo_id: Mapped[UUID | None]
    analysis_id: Mapped[UUID | None]
    content_id: Mapped[int | None]
    created_at: Mapped[dt.datetime]
    updated_at: Mapped[dt.datetime]
    user: Mapped[User] = relationship(back_populates="logs", lazy="joined")
    ingredients: Mapped[list["FoodIngredient"]] = relationship(
        back_populates="log", lazy="joined", order_by="FoodIngredient.position"
    )
    tags: Mapped[list["Tag"]] = relationship(lazy="joined", secondary="food_log_tag", order_by="Tag.tagname")

    @property
    def tag_names(self) -> list[str]:
        """The names of its tags."""
        return [tag.tagname for tag in self.tags]


food_log_tag = Table(
    "food_log_tag",
    Base.metadata,
    Column("food_log_id", ForeignKey("food_logs.id"), primary_key=True),
    Column("tag_id", ForeignKey("tags.id"), primary_key=True),
)


class Tag(Base):
    """A tag."""

    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tagname: Mapped[str]


class FoodIngredient(Base):
    """An ingredient."""

    __tablename__ = "food_ingredients"
    food_log_id: Mapped[UUID] = mapped_column(ForeignKey("food_logs.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    color: Mapped[str]
    grams: Mapped[float | None] = mapped_column(Double)
    calories: Mapped[int | None]
    log: Mapped[FoodLog] = relationship(back_populates="ingredients", lazy="joined")


class ExerciseLog(Base):
    """A time of moving."""

    __tablename__ = "exercise_logs"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    exercise_type: Mapped[str]
    duration: Mapped[int | None]
    date: Mapped[dt.date]
    user: Mapped[User] = relationship(back_populates="exercises", lazy="joined")


class Identity(Base):
    """A way to sign in."""

    __tablename__ = "identities"
    provider: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User] = relationship(back_populates="identities", lazy="joined")


engine = create_async_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg"),
    pool_size=10,
    max_overflow=0,
    connect_args={"server_settings": {"jit": "off"}},
)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


async def get_session() -> AsyncIterator[AsyncSession]:
    """A session for the request."""
    async with sessions() as session:
        yield session


def logs_of_today(user_id: int) -> Select[FoodLog]:
    """The meals of today, and, unseen, everything that the mapping leads to."""
    day = select(func.date(func.timezone(User.timezone, func.now()))).where(User.id == user_id).scalar_subquery()
    return select(FoodLog).where(FoodLog.user_id == user_id, FoodLog.date == day).order_by(FoodLog.id)


@app.get("/api/log/food/today", response_model=list[FoodLogRead])
async def today(user_id: CurrentUser, session: Annotated[AsyncSession, Depends(get_session)]) -> Sequence[FoodLog]:
    """The meals of today."""
    return (await session.scalars(logs_of_today(user_id))).unique().all()
