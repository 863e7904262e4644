"""Workers that import files, and are stopped, replaced and cut off from their database.

They work on a database of their own, where the importer of no other test's server looks for files.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from uuid import UUID

import pytest
from alembic import command
from sqlalchemy import insert, select, text

from daybook.accounts.caller import Caller
from daybook.accounts.models import User
from daybook.database.engine import Database, open_database
from daybook.errors import RateLimited
from daybook.library.enums import ContentType, ImportStatus
from daybook.library.imports import jobs, service
from daybook.library.imports.jobs import Batch, ImportLost
from daybook.library.imports.worker import BATCH, Importer
from daybook.library.models import Content, Import
from daybook.library.new_content import NewContent
from tests.fixtures.database import alembic_config, fresh_database
from tests.fixtures.server import settings_for
from tests.library.imports.test_service import links


@pytest.fixture(scope="module")
def own_database_url(server_url: str, worker_id: str) -> Iterator[str]:
    with fresh_database(server_url, f"daybook_imports_{worker_id}") as url:
        command.upgrade(alembic_config(url), "head")
        yield url.render_as_string(hide_password=False)


@pytest.fixture
async def database(own_database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    opened = open_database(own_database_url, settings_for(own_database_url, tmp_path))
    yield opened
    async with opened.write.begin() as session:
        await session.execute(text("DELETE FROM users"))
    await opened.close()


@pytest.fixture
async def caller(database: Database) -> Caller:
    async with database.write.begin() as session:
        user = User(user_key="mina", username="Mina", timezone="Asia/Seoul")
        session.add(user)
    return Caller(user.id, frozenset(), None)


@asynccontextmanager
async def importer(database: Database) -> AsyncIterator[Importer]:
    importer = Importer(database, lambda: datetime.now(UTC))
    importer.start()
    try:
        yield importer
    finally:
        await importer.stop()


async def receive(database: Database, caller: Caller, data: bytes) -> UUID:
    return await service.receive(database, caller, BytesIO(data), filename="x", size=len(data), tag=None)


async def reached(database: Database, import_id: UUID, *, read: int = 0, status: ImportStatus | None = None) -> Import:
    """The import once it has come so far."""
    async with asyncio.timeout(20):
        while True:
            async with database.write() as session:
                now: Import | None = await session.scalar(select(Import).where(Import.id == import_id))
            assert now is not None
            if now.read >= read and status in {None, now.status}:
                return now
            await asyncio.sleep(0.01)


async def urls(database: Database) -> Sequence[str]:
    async with database.write() as session:
        return (await session.scalars(select(Content.url))).all()


@asynccontextmanager
async def saving_elsewhere(database: Database, caller: Caller, url: str) -> AsyncIterator[None]:
    """A transaction that saves this page and does not end: whoever saves it too has to wait."""
    async with database.engine.connect() as connection:
        row = {"user_id": caller.user_id, "url": url, "url_key": url, "title": "x", "search_text": "x"}
        values = row | {"content_type": ContentType.POST, "saved_on": datetime.now(UTC).date(), "search_terms": []}
        await connection.execute(insert(Content).values(values))
        yield
        await connection.rollback()


async def cut_whoever_waits(database: Database) -> None:
    """Cut the connection of whoever waits for a lock, once somebody does."""
    waiting = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(20), database.autocommit.connect() as connection:
        while True:
            if (await connection.execute(text(f"SELECT pg_terminate_backend(pid) {waiting}"))).first():
                return
            await asyncio.sleep(0.01)


async def expire_lease(database: Database) -> None:
    async with database.write.begin() as session:
        await session.execute(text("UPDATE imports SET leased_until = now() - interval '1 s'"))


def content(n: int) -> NewContent:
    return NewContent(url=f"https://example.com/{n}", title="x", content_type=ContentType.POST)


async def test_a_worker_that_is_stopped_half_way_is_replaced(database: Database, caller: Caller) -> None:
    import_id = await receive(database, caller, links(3 * BATCH))
    async with saving_elsewhere(database, caller, f"https://example.com/{BATCH}"):
        async with importer(database):
            await reached(database, import_id, read=BATCH)
        left = await reached(database, import_id)
    assert (left.status, left.read, left.created, left.leased_until) == (ImportStatus.WAITING, BATCH, BATCH, None)
    async with importer(database):
        done = await reached(database, import_id, status=ImportStatus.DONE)
    assert (done.read, done.created, done.existing, done.attempt) == (3 * BATCH, 3 * BATCH, 0, 2)
    assert sorted(await urls(database)) == sorted(f"https://example.com/{n}" for n in range(3 * BATCH))


async def test_a_worker_goes_on_when_its_connection_is_cut(database: Database, caller: Caller) -> None:
    import_id = await receive(database, caller, links(3 * BATCH))
    async with importer(database):
        async with saving_elsewhere(database, caller, f"https://example.com/{BATCH}"):
            await cut_whoever_waits(database)
        done = await reached(database, import_id, status=ImportStatus.DONE)
    assert (done.read, done.created, done.existing) == (3 * BATCH, 3 * BATCH, 0)


async def test_who_has_lost_the_lease_writes_nothing(database: Database, caller: Caller) -> None:
    await receive(database, caller, links(3))
    first = await jobs.claim(database)
    assert first is not None
    assert await jobs.claim(database) is None
    await expire_lease(database)
    second = await jobs.claim(database)
    assert second is not None
    now = datetime.now(UTC)
    with pytest.raises(ImportLost):
        await jobs.save(database, first, Batch([content(1)]), now)
    with pytest.raises(ImportLost):
        await jobs.finish(database, first)
    await jobs.release(database, first)
    assert await urls(database) == []
    moved = await jobs.save(database, second, Batch([content(2)]), now)
    assert (moved.read, await urls(database)) == (1, ["https://example.com/2"])


async def test_a_batch_whose_commit_was_not_heard_of_is_not_counted_twice(database: Database, caller: Caller) -> None:
    import_id = await receive(database, caller, links(3))
    job = await jobs.claim(database)
    assert job is not None
    await jobs.save(database, job, Batch([content(1)]), datetime.now(UTC))
    with pytest.raises(ImportLost):
        await jobs.save(database, job, Batch([content(1)]), datetime.now(UTC))
    assert (await reached(database, import_id)).read == 1


async def test_two_workers_share_the_files_and_never_one(database: Database, caller: Caller) -> None:
    ids = [await receive(database, caller, links(BATCH + n)) for n in range(4)]
    async with importer(database), importer(database):
        done = [await reached(database, import_id, status=ImportStatus.DONE) for import_id in ids]
    assert [job.attempt for job in done] == [1, 1, 1, 1]
    assert [job.created + job.existing for job in done] == [BATCH, BATCH + 1, BATCH + 2, BATCH + 3]
    assert sum(job.created for job in done) == BATCH + 3


async def test_an_import_that_is_forgotten_stops(database: Database, caller: Caller) -> None:
    import_id = await receive(database, caller, links(3 * BATCH))
    async with importer(database):
        async with saving_elsewhere(database, caller, f"https://example.com/{2 * BATCH}"):
            await reached(database, import_id, read=2 * BATCH)
            await service.cancel(database, caller, import_id)
        other = await receive(database, caller, links(1))
        await asyncio.sleep(0)
    async with importer(database):
        await reached(database, other, status=ImportStatus.DONE)
    assert len(await urls(database)) == 2 * BATCH


async def test_whenever_a_process_stops_another_can_go_on(database: Database, caller: Caller) -> None:
    """Also when it stops while it claims: nobody would know of the lease."""
    for halfmilliseconds in range(20):
        import_id = await receive(database, caller, links(1))
        async with importer(database):
            await asyncio.sleep(halfmilliseconds / 2_000)
        job = await jobs.claim(database)
        if job is None:
            await reached(database, import_id, status=ImportStatus.DONE)
        else:
            assert job.id == import_id
            await jobs.finish(database, job, None)


async def test_a_file_that_kills_its_workers_is_given_up(database: Database, caller: Caller) -> None:
    import_id = await receive(database, caller, links(3))
    for _ in range(10):
        assert await jobs.claim(database) is not None
        await expire_lease(database)
    async with importer(database):
        failed = await reached(database, import_id, status=ImportStatus.FAILED)
    assert "10 attempts" in (failed.error or "")


async def test_one_person_has_only_so_many_files_waiting(database: Database, caller: Caller) -> None:
    for _ in range(service.MAX_OPEN):
        await receive(database, caller, links(1))
    with pytest.raises(RateLimited):
        await receive(database, caller, links(1))
    async with database.write.begin() as session:
        session.add(somebody_else := User(user_key="juno", username="Juno", timezone="Asia/Seoul"))
    await receive(database, Caller(somebody_else.id, frozenset(), None), links(1))
