"""Loaded and never read: told of by setting, over many requests, and not where somebody reads it now and then."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import ForeignKey, case, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    contains_eager,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
)

from daybook.tracing import Recorder
from daybook.tracing.reads import ENOUGH
from tests.tracing.conftest import Traced
from tests.tracing.models import JOINED, MENDED

User, Content = MENDED.user, MENDED.content


class Base(DeclarativeBase):
    pass


class Owner(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)


class Piece(Base):
    """A content whose class depends on its number."""

    __tablename__ = "contents"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[Owner] = relationship(lazy="raise_on_sql")
    __mapper_args__ = {"polymorphic_on": case((literal_column("contents.id % 2") == 0, "even"), else_="odd")}


class EvenPiece(Piece):
    __mapper_args__ = {"polymorphic_identity": "even"}


class OddPiece(Piece):
    __mapper_args__ = {"polymorphic_identity": "odd"}


Work = Callable[[AsyncSession, int], Awaitable[Any]]


@pytest.fixture
async def reading(seeded_url: str) -> AsyncIterator[Traced]:
    """An engine whose recorder sees what is read."""
    traced = Traced(seeded_url, recorder=Recorder(track_reads=True))
    yield traced
    await traced.engine.dispose()


async def told(reading: Traced, work: Work, *, times: int = ENOUGH) -> list[str]:
    """Do the work as many requests would, and return what is said to be never read."""
    found = []
    for number in range(times):
        trace = await reading.run(lambda session, number=number: work(session, number))  # type: ignore[misc]  # mypy knows no default of a lambda
        found += [finding for finding in trace.findings if finding.kind == "never-read"]
    return [finding.message.partition(" ")[0] for finding in found]


@pytest.mark.parametrize("load", [selectinload, joinedload])
async def test_what_no_request_reads_is_told_once_and_named(reading: Traced, load: Any) -> None:
    async def list_titles(session: AsyncSession, _number: int) -> list[str]:
        statement = select(Content).options(load(Content.user), load(Content.tags))
        return [one.title + one.user.name for one in (await session.scalars(statement)).unique()]

    assert await told(reading, list_titles, times=ENOUGH - 1) == []
    assert await told(reading, list_titles, times=2) == ["Content.tags"]
    assert await told(reading, list_titles) == []


async def test_it_names_the_line_and_the_way_out(reading: Traced) -> None:
    async def list_titles(session: AsyncSession, _number: int) -> list[str]:
        return [one.title for one in await session.scalars(select(Content).options(selectinload(Content.user)))]

    assert await told(reading, list_titles) == ["Content.user"]
    [finding] = reading.last().findings
    assert finding.message == f"Content.user was loaded in {ENOUGH} requests and read in none"
    assert finding.site is not None
    assert (finding.site.file, finding.site.function) == ("tests/tracing/test_reads.py", "list_titles")
    assert 'lazy="raise_on_sql"' in finding.fix


async def test_what_the_mapping_joins_is_seen_as_well(reading: Traced) -> None:
    async def list_names(session: AsyncSession, _number: int) -> list[str]:
        return [one.title + one.user.name for one in (await session.scalars(select(JOINED.content))).unique()]

    assert {"Content.comments", "Content.tags", "User.contents"} <= set(await told(reading, list_names))


async def read_all(session: AsyncSession, _number: int) -> None:
    """Fully read."""
    for one in (await session.scalars(select(Content).options(selectinload(Content.user)))).all():
        one.user  # noqa: B018 - to read it is the test


async def read_sometimes(session: AsyncSession, number: int) -> None:
    """Read under a condition only."""
    for one in (await session.scalars(select(Content).options(selectinload(Content.user)))).all():
        if number == 3:
            one.user  # noqa: B018 - as above


async def read_nothing_found(session: AsyncSession, _number: int) -> None:
    """An empty result."""
    statement = select(Content).where(Content.id == 0).options(joinedload(Content.user), selectinload(Content.tags))
    for one in (await session.scalars(statement)).all():
        one.user  # noqa: B018 - as above


async def read_contained(session: AsyncSession, _number: int) -> None:
    """contains_eager: the join is there to filter by."""
    statement = select(Content).join(Content.user).where(User.id == 1).options(contains_eager(Content.user))
    (await session.scalars(statement)).all()


async def read_inherited(session: AsyncSession, _number: int) -> None:
    """Loaded for the base class, read of one inheriting class."""
    for one in (await session.scalars(select(Piece).options(selectinload(Piece.user)))).all():
        if isinstance(one, EvenPiece):
            one.user  # noqa: B018 - as above


@pytest.mark.parametrize("work", [read_all, read_sometimes, read_nothing_found, read_contained, read_inherited])
async def test_no_false_alarm(reading: Traced, work: Work) -> None:
    assert await told(reading, work, times=ENOUGH + 2) == []


async def test_what_a_background_task_reads_is_read(reading: Traced) -> None:
    left: list[asyncio.Task[None]] = []

    async def answer_first(session: AsyncSession, _number: int) -> None:
        contents = (await session.scalars(select(Content).options(selectinload(Content.comments)))).all()

        async def later() -> None:
            await asyncio.sleep(0)
            for one in contents:
                one.comments  # noqa: B018 - as above

        left.append(asyncio.create_task(later()))

    assert await told(reading, answer_first, times=ENOUGH - 1) == []
    await asyncio.gather(*left)
    assert await told(reading, answer_first, times=2) == []


async def test_off_reading_is_not_seen(traced: Traced) -> None:
    async def list_titles(session: AsyncSession, _number: int) -> None:
        (await session.scalars(select(Content).options(selectinload(Content.user)))).all()

    assert await told(traced, list_titles, times=ENOUGH + 1) == []
