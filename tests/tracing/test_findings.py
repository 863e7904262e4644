"""The seeds' incident, and the ways to load one row at a time: each is told with its line and its fix."""

import logging

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import MissingGreenlet
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from tests.tracing.conftest import Traced
from tests.tracing.models import JOINED, LAZY, MENDED


@pytest.fixture(autouse=True)
def _told_from_information_on(caplog: pytest.LogCaptureFixture) -> None:
    """An application that was served before in this process may have made the log quieter."""
    caplog.set_level(logging.INFO, "daybook.tracing")


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings and errors of the log."""
    return [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]


async def test_a_joined_cascade_is_told_with_its_mapping_its_rows_and_its_fix(
    traced: Traced, caplog: pytest.LogCaptureFixture
) -> None:
    async def list_contents(session: AsyncSession) -> None:
        (await session.scalars(select(JOINED.content))).unique().all()

    trace = await traced.run(list_contents)
    [finding] = trace.findings
    assert finding.kind == "joined-cascade"
    assert "Content.user, Content.user.contents" in finding.message
    assert trace.rows > 100
    assert f"{trace.rows} rows x" in finding.message
    assert "Content 20 User 4 Tag 3" in finding.message or "Comment 40" in finding.message
    assert finding.fix.startswith('lazy="raise_on_sql" on the mapping, or .options(lazyload(Content.comments)')
    [line] = told(caplog)
    assert "tests/tracing/test_findings.py" in line
    assert "list_contents" in line


async def test_after_the_fix_there_is_silence(traced: Traced, caplog: pytest.LogCaptureFixture) -> None:
    async def list_contents(session: AsyncSession) -> None:
        loading = (selectinload(MENDED.content.user), selectinload(MENDED.content.tags))
        (await session.scalars(select(MENDED.content).options(*loading))).all()

    trace = await traced.run(list_contents)
    assert trace.findings == []
    assert trace.count == 3
    assert told(caplog) == []


async def test_an_async_lazy_load_in_a_loop(traced: Traced) -> None:
    async def list_users(session: AsyncSession) -> None:
        for user in (await session.scalars(select(LAZY.user))).all():
            await user.awaitable_attrs.contents

    [finding] = (await traced.run(list_users)).findings
    assert (finding.kind, finding.message, finding.fix) == ("n+1", "User.contents x4", "selectinload(User.contents)")
    assert finding.site is not None
    assert finding.site.function == "list_users"


async def test_a_deferred_column_in_a_loop(traced: Traced) -> None:
    async def read_bodies(session: AsyncSession) -> None:
        for content in (await session.scalars(select(MENDED.content))).all():
            await content.awaitable_attrs.body

    [finding] = (await traced.run(read_bodies)).findings
    assert (finding.kind, finding.message) == ("n+1", "Content.body x20")


async def test_a_loop_of_get(traced: Traced) -> None:
    async def get_each(session: AsyncSession) -> None:
        for key in range(1, 5):
            await session.get(MENDED.user, key)

    [finding] = (await traced.run(get_each)).findings
    assert (finding.kind, finding.message) == ("n+1", "SELECT users x4")


async def test_a_loop_of_core_selects(traced: Traced) -> None:
    tables = MENDED.base.metadata.tables

    async def select_each(session: AsyncSession) -> None:
        for key in range(1, 4):
            await session.execute(select(tables["users"]).where(tables["users"].c.id == key))

    [finding] = (await traced.run(select_each)).findings
    assert (finding.kind, finding.message) == ("n+1", "SELECT users x3")


async def test_a_loop_of_text_with_the_values_written_in(traced: Traced) -> None:
    async def select_each(session: AsyncSession) -> None:
        for key in range(1, 4):
            await session.execute(text(f"SELECT name FROM users WHERE id = {key}"))

    trace = await traced.run(select_each)
    assert trace.count == 3
    assert len({statement.shape.fingerprint for statement in trace.statements}) == 1


async def test_a_loop_of_inserts(traced: Traced) -> None:
    async def insert_each(session: AsyncSession) -> None:
        for number in range(3):
            await session.execute(text("INSERT INTO tags (name) VALUES (:name)"), {"name": f"new {number}"})

    [finding] = (await traced.run(insert_each)).findings
    assert (finding.message, finding.fix) == ("INSERT tags x3", "one execute() with a list of parameters")


async def test_the_same_question_twice(traced: Traced) -> None:
    async def ask_twice(session: AsyncSession) -> None:
        for _ in range(2):
            await session.execute(select(MENDED.user.name).where(MENDED.user.id == 1))

    [finding] = (await traced.run(ask_twice)).findings
    assert (finding.kind, finding.message) == ("duplicate", "SELECT users x2 with the same parameters")


async def test_a_missing_greenlet_names_the_attribute(traced: Traced, caplog: pytest.LogCaptureFixture) -> None:
    async def touch(session: AsyncSession) -> None:
        user = (await session.scalars(select(LAZY.user))).all()[0]
        user.contents  # noqa: B018 - touching it is the test

    with pytest.raises(MissingGreenlet):
        await traced.run(touch)
    [line] = told(caplog)
    assert "ERROR MissingGreenlet: User.contents lazily loaded at tests/tracing/test_findings.py" in line
    assert "selectinload(User.contents)" in line
