"""What becomes of a statement, and of its connection, when something fails; and who is told."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

from daybook.database import leases, pool
from daybook.database.executor import AutocommitExecutor
from daybook.database.failures import FAILURES, classify
from daybook.database.pool import LeasingPool
from daybook.errors import Unavailable
from daybook.tracing import Recorder
from tests.fixtures.executors import executor_on, leasing_engine

PID = "SELECT pg_backend_pid()"


@pytest.fixture
async def small(database_url: str) -> AsyncIterator[AsyncEngine]:
    """A pool of two, whose statements may take half a second."""
    engine = leasing_engine(
        database_url,
        pool_size=2,
        max_overflow=0,
        pool_timeout=0.5,
        connect_args={"server_settings": {"statement_timeout": "500"}},
    )
    yield engine
    await engine.dispose()


@pytest.fixture
def reader(small: AsyncEngine) -> AutocommitExecutor:
    return executor_on(small, size=2)


async def terminate(engine: AsyncEngine, *pids: int) -> None:
    async with engine.connect() as connection:
        for pid in pids:
            await connection.execute(text(f"SELECT pg_terminate_backend({pid}, 2000)"))


def pool_of(engine: AsyncEngine) -> LeasingPool:
    pool = engine.sync_engine.pool
    assert isinstance(pool, LeasingPool)
    return pool


async def checked_out(engine: AsyncEngine) -> int:
    """How many connections are out when nothing is leased: those that somebody forgot."""
    pool = pool_of(engine)
    while await greenlet_spawn(pool.return_lease):
        pass
    return pool.checkedout()


async def fill(reader: AutocommitExecutor) -> set[int]:
    """Have both connections made, and return their backends."""
    rows = await asyncio.gather(*(reader.fetch("SELECT pg_backend_pid() FROM pg_sleep(0.1)", []) for _ in range(2)))
    return {row[0][0] for row in rows}


async def test_connections_are_the_pools_and_go_back(small: AsyncEngine, reader: AutocommitExecutor) -> None:
    pids = await fill(reader)
    assert {(await reader.fetch(PID, []))[0][0] for _ in range(5)} <= pids
    assert await checked_out(small) == 0


async def test_connections_killed_while_idle_are_not_noticed_by_callers(
    engine: AsyncEngine, small: AsyncEngine, reader: AutocommitExecutor
) -> None:
    pids = await fill(reader)
    await terminate(engine, *pids)
    for _ in range(3):
        [(pid,)] = await reader.fetch(PID, [])
        assert pid not in pids
    async with small.connect() as connection:
        assert await connection.scalar(text(PID)) not in pids
    assert await checked_out(small) == 0


async def test_a_read_that_lost_its_connection_is_run_again(
    engine: AsyncEngine, small: AsyncEngine, reader: AutocommitExecutor
) -> None:
    """The first time it runs it takes long enough to be killed; the second time there is nothing to wait for."""
    [(pid,)] = await reader.fetch(PID, [])
    sql = f"SELECT pg_backend_pid(), CASE pg_backend_pid() WHEN {pid} THEN pg_sleep(0.4) END"
    read = asyncio.create_task(reader.fetch(sql, []))
    await asyncio.sleep(0.1)
    await terminate(engine, pid)
    [(other, _)] = await read
    assert other != pid
    assert await checked_out(small) == 0


async def test_a_read_that_loses_two_connections_fails_as_unavailable(
    small: AsyncEngine, reader: AutocommitExecutor
) -> None:
    with pytest.raises(FAILURES) as failure:
        await reader.fetch("SELECT pg_terminate_backend(pg_backend_pid(), 100)", [])
    assert isinstance(classify(failure.value), Unavailable)
    assert await checked_out(small) == 0
    assert len(await reader.fetch(PID, [])) == 1


async def test_a_write_that_lost_its_connection_is_not_run_again(
    engine: AsyncEngine, reader: AutocommitExecutor
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE SEQUENCE runs"))
    dying = "SELECT nextval('runs'), pg_terminate_backend(pg_backend_pid(), 100)"
    writer = AutocommitExecutor(reader.connections, repeats_lost=False)
    for executor, runs in ((writer, 1), (reader, 3)):
        with pytest.raises(FAILURES) as failure:
            await executor.fetch(dying, [])
        assert isinstance(classify(failure.value), Unavailable)
        assert await reader.fetch("SELECT last_value FROM runs", []) == [(runs,)]
    async with engine.begin() as connection:
        await connection.execute(text("DROP SEQUENCE runs"))


async def test_a_connection_idle_for_long_is_asked_before_it_is_used(
    small: AsyncEngine, reader: AutocommitExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a server that answers it is used as it is; of one that is silent, another connection is taken."""
    pids = await fill(reader)
    monkeypatch.setattr(leases, "IDLE", 0.0)
    monkeypatch.setattr(leases, "PING_TIMEOUT", 0.2)
    assert {(await reader.fetch(PID, []))[0][0] for _ in range(3)} <= pids
    [(pid,)] = await reader.fetch(PID, [])
    os.kill(pid, signal.SIGSTOP)
    try:
        assert (await reader.fetch(PID, []))[0][0] != pid
    finally:
        os.kill(pid, signal.SIGCONT)
    assert await checked_out(small) == 0


async def test_a_read_that_is_cancelled_while_its_connection_is_asked_keeps_none(
    small: AsyncEngine, reader: AutocommitExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    [(pid,)] = await reader.fetch(PID, [])
    monkeypatch.setattr(leases, "IDLE", -1.0)
    os.kill(pid, signal.SIGSTOP)
    try:
        read = asyncio.create_task(reader.fetch(PID, []))
        await asyncio.sleep(0.2)
        read.cancel()
        await asyncio.wait([read])
        assert read.cancelled()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert await checked_out(small) == 0


async def test_a_leased_connection_is_used_again_without_a_checkout(
    small: AsyncEngine, reader: AutocommitExecutor
) -> None:
    taken: list[object] = []
    event.listen(small.sync_engine, "checkout", lambda *_: taken.append(1))
    [(pid,)] = await reader.fetch(PID, [])
    assert [await reader.fetch(PID, []) for _ in range(3)] == [[(pid,)]] * 3
    assert len(taken) == 1
    assert await checked_out(small) == 0


async def test_idle_leases_are_given_back_to_units_of_work(small: AsyncEngine, reader: AutocommitExecutor) -> None:
    pids = await fill(reader)
    assert pool_of(small).checkedout() == 2
    async with small.connect() as first, small.connect() as second:
        assert {await first.scalar(text(PID)), await second.scalar(text(PID))} == pids
    assert await checked_out(small) == 0


async def test_a_lease_ends_with_its_statement_when_a_unit_of_work_waits(
    small: AsyncEngine, reader: AutocommitExecutor
) -> None:
    """Reads that follow one another without a pause keep nobody waiting for longer than one of them takes."""

    async def read_on() -> None:
        while not waited.done():
            await reader.fetch("SELECT pg_sleep(0.05)", [])

    async def work() -> None:
        for _ in range(5):
            async with small.begin() as connection:
                await connection.execute(text("SELECT 1"))

    waited = asyncio.create_task(work())
    await asyncio.gather(*(read_on() for _ in range(6)))
    await waited
    assert await checked_out(small) == 0


async def test_what_an_idle_lease_was_last_used_for_counts_after_it_came_back(
    small: AsyncEngine, reader: AutocommitExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit of work that gets a connection from a lease that was idle for long has it asked first."""
    pids = await fill(reader)
    asked: list[object] = []
    monkeypatch.setattr(small.sync_engine.dialect, "do_ping", asked.append)
    monkeypatch.setattr(pool, "IDLE", 0.05)
    await asyncio.sleep(0.1)
    async with small.connect() as connection:
        assert await connection.scalar(text(PID)) in pids
    assert await checked_out(small) == 0


async def test_a_statement_timeout_is_unavailable_and_keeps_the_connection(
    small: AsyncEngine, reader: AutocommitExecutor
) -> None:
    [(pid,)] = await reader.fetch(PID, [])
    with pytest.raises(FAILURES) as failure:
        await reader.fetch("SELECT pg_sleep(5)", [])
    assert isinstance(classify(failure.value), Unavailable)
    assert (await reader.fetch(PID, []))[0][0] == pid


async def test_a_client_side_timeout_is_unavailable_and_drops_the_connection(database_url: str) -> None:
    engine = leasing_engine(database_url, connect_args={"command_timeout": 0.2})
    reader = executor_on(engine)
    [(pid,)] = await reader.fetch(PID, [])
    with pytest.raises(FAILURES) as failure:
        await reader.fetch("SELECT pg_sleep(5)", [])
    assert isinstance(classify(failure.value), Unavailable)
    assert (await reader.fetch(PID, []))[0][0] != pid
    await engine.dispose()


async def test_a_cancelled_read_leaves_nothing_behind(
    engine: AsyncEngine, small: AsyncEngine, reader: AutocommitExecutor
) -> None:
    for _ in range(5):
        read = asyncio.create_task(reader.fetch("SELECT 'cancel me', pg_sleep(0.4)", []))
        await asyncio.sleep(0.05)
        read.cancel()
        with pytest.raises(asyncio.CancelledError):
            await read
        assert [tuple(row) for row in await reader.fetch("SELECT 7", [])] == [(7,)]
    assert await checked_out(small) == 0
    async with engine.connect() as connection:
        running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%cancel me%' AND state = 'active'"
        assert await connection.scalar(text(f"{running} AND pid <> pg_backend_pid()")) == 0


async def test_reads_wait_for_a_free_connection_but_not_for_ever(
    small: AsyncEngine, reader: AutocommitExecutor
) -> None:
    held = [await small.connect() for _ in range(2)]
    with pytest.raises(PoolTimeoutError) as failure:
        await reader.fetch(PID, [])
    assert isinstance(classify(failure.value), Unavailable)
    waiting = asyncio.create_task(reader.fetch(PID, []))
    await asyncio.sleep(0.05)
    await held[0].close()
    assert len(await waiting) == 1
    await held[1].close()


async def test_many_reads_share_a_small_pool_with_overflow(database_url: str) -> None:
    engine = leasing_engine(database_url, pool_size=1, max_overflow=3)
    reader = executor_on(engine, size=4)
    rows = await asyncio.gather(*(reader.fetch("SELECT pg_backend_pid() FROM pg_sleep(0.01)", []) for _ in range(40)))
    assert 1 < len({row[0][0] for row in rows}) <= 4
    assert await checked_out(engine) == 0
    assert pool_of(engine).checkedin() == 1
    await engine.dispose()


async def test_a_recycled_connection_is_made_anew(database_url: str) -> None:
    engine = leasing_engine(database_url, pool_size=1, pool_recycle=0)
    reader = executor_on(engine, recycle=0)
    assert (await reader.fetch(PID, []))[0][0] != (await reader.fetch(PID, []))[0][0]
    await engine.dispose()


async def test_a_connection_refused_is_as_the_driver_says(database_url: str) -> None:
    engine = leasing_engine(database_url.replace("/daybook_", "/nowhere_"))
    with pytest.raises(FAILURES, match="does not exist"):
        await executor_on(engine).fetch(PID, [])
    await engine.dispose()


@dataclass
class Seen:
    statements: list[tuple[Any, ...]] = field(default_factory=list)
    uses: int = 0

    def begin(self, sql: str, parameters: Sequence[object], _connection: object) -> int:
        self.statements.append((sql, list(parameters)))
        return len(self.statements) - 1

    def end(self, statement: int, *, rows: int = 0, error: BaseException | None = None) -> None:
        self.statements[statement] += (rows, type(error).__name__)

    def taken(self, _connection: object) -> None:
        self.uses += 1

    def released(self, _connection: object) -> None:
        self.uses -= 1


async def test_a_recorder_sees_every_statement(reader: AutocommitExecutor) -> None:
    reader.connections.recorder = seen = Seen()
    await reader.fetch("SELECT $1::int", [7])
    with pytest.raises(FAILURES):
        await reader.fetch("SELECT 1/0", [])
    cancelled = asyncio.create_task(reader.fetch("SELECT pg_sleep(5)", []))
    await asyncio.sleep(0.05)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    assert seen.statements == [
        ("SELECT $1::int", [7], 1, "NoneType"),
        ("SELECT 1/0", [], 0, "DivisionByZeroError"),
        ("SELECT pg_sleep(5)", [], 0, "CancelledError"),
    ]


@pytest.mark.parametrize(
    ("hide_parameters", "shown"),
    [(False, "[driver] (7,)"), (True, "[driver] [SQL parameters hidden due to hide_parameters=True]")],
)
async def test_echo_shows_reads_as_it_shows_the_rest(
    database_url: str, caplog: pytest.LogCaptureFixture, hide_parameters: bool, shown: str
) -> None:
    caplog.set_level(logging.INFO, "sqlalchemy.engine.Engine")
    engine = leasing_engine(database_url, hide_parameters=hide_parameters)
    reader = executor_on(engine)
    await reader.fetch("SELECT $1::int", [7])
    assert caplog.messages[-2:] == ["SELECT $1::int", shown]
    recorder = Recorder()
    recorder.install(engine)
    with recorder.trace("reads") as trace:
        await reader.fetch("SELECT $1::int", [7])
    assert caplog.messages[-2:] == [f"[{trace.id}] SELECT $1::int", f"[{trace.id}] {shown}"]
    await engine.dispose()
