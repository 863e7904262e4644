"""What is no fault raises no alarm; and a silence needs something to keep quiet."""

import pytest
from sqlalchemy import bindparam, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from daybook.tracing import sql_expected, unused_silences
from tests.tracing.conftest import Traced
from tests.tracing.models import JOINED, LAZY, MENDED

TABLES = MENDED.base.metadata.tables


async def test_selectin_of_1103_parents(traced: Traced) -> None:
    async def load(session: AsyncSession) -> None:
        numbers = [{"name": f"many {number}"} for number in range(1103)]
        await session.execute(insert(MENDED.user), numbers)
        await session.execute(select(MENDED.user).options(selectinload(MENDED.user.contents)))

    trace = await traced.run(load)
    assert trace.count >= 5
    assert trace.findings == []


async def test_keyset_pages_through_5000_rows(traced: Traced) -> None:
    page = text("SELECT n FROM generate_series(1, 5000) AS n WHERE n > :after ORDER BY n LIMIT 100")

    async def read_all(session: AsyncSession) -> None:
        after = 0
        while rows := (await session.execute(page, {"after": after})).all():
            after = rows[-1].n

    trace = await traced.run(read_all)
    assert trace.rows == 5000
    assert trace.findings == []


async def test_chunks_of_a_list(traced: Traced) -> None:
    async def read(session: AsyncSession) -> None:
        for chunk in ([1, 2], [3, 4], [5, 6]):
            await session.execute(select(MENDED.content).where(MENDED.content.id.in_(chunk)))

    assert (await traced.run(read)).findings == []


async def test_counts_on_lines_of_their_own(traced: Traced) -> None:
    count = select(func.count()).select_from(TABLES["contents"]).where(TABLES["contents"].c.user_id == bindparam("u"))

    async def read(session: AsyncSession) -> None:
        await session.scalar(count, {"u": 1})
        await session.scalar(count, {"u": 2})
        await session.scalar(count, {"u": 3})

    assert (await traced.run(read)).findings == []


async def test_retries(traced: Traced) -> None:
    async def write(session: AsyncSession) -> None:
        for attempt in range(4):
            try:
                await session.execute(select(MENDED.user.name).where(MENDED.user.id == 1))
                await session.execute(text("INSERT INTO tags (name) VALUES (:name)"), {"name": f"try {attempt}"})
                await session.execute(text("SELECT 1 / :zero"), {"zero": 0 if attempt < 3 else 1})
            except DBAPIError:
                await session.rollback()

    trace = await traced.run(write)
    assert trace.count == 12
    assert trace.findings == []


async def test_reading_again_after_writing(traced: Traced) -> None:
    async def change(session: AsyncSession) -> None:
        for name in ("a", "b"):
            await session.execute(select(TABLES["tags"].c.name).where(TABLES["tags"].c.id == 1))
            await session.execute(TABLES["tags"].update().where(TABLES["tags"].c.id == 1).values(name=name))

    assert (await traced.run(change)).findings == []


JOINED_TO_USER = select(JOINED.content).join(JOINED.content.user)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(JOINED_TO_USER.where(JOINED.content.id == 0), id="an empty result"),
        pytest.param(
            select(LAZY.content).join(LAZY.content.user).options(contains_eager(LAZY.content.user)), id="contains_eager"
        ),
        pytest.param(
            select(LAZY.user).options(joinedload(LAZY.user.contents).joinedload(LAZY.content.tags)), id="joinedload"
        ),
        pytest.param(select(LAZY.content).options(joinedload("*")), id="a wildcard"),
        pytest.param(select(JOINED.content.id, JOINED.content.title), id="columns only"),
    ],
)
async def test_joins_that_the_query_asked_for(traced: Traced, statement: object) -> None:
    async def read(session: AsyncSession) -> None:
        (await session.execute(statement)).unique().all()  # type: ignore[call-overload]  # any of the above

    assert (await traced.run(read)).findings == []


async def test_a_silence_gives_its_reason(traced: Traced) -> None:
    async def read(session: AsyncSession) -> None:
        with sql_expected("three are few"):
            for key in (1, 2, 3):
                await session.execute(select(TABLES["users"]).where(TABLES["users"].c.id == key))
        quiet = select(TABLES["tags"]).execution_options(sql_expected="so are these")
        for key in (1, 2, 3):
            await session.execute(quiet.where(TABLES["tags"].c.id == key))
        with sql_expected("nothing happens here"):
            await session.execute(text("SELECT 1"))

    trace = await traced.run(read)
    assert [finding.silence.reason for finding in trace.findings if finding.silence] == [
        "three are few",
        "so are these",
    ]
    assert all(finding.silence for finding in trace.findings)
    assert "nothing happens here" in {silence.reason for silence in unused_silences()}
    assert "three are few" not in {silence.reason for silence in unused_silences()}
