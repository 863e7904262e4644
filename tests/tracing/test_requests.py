"""Every request has a trace of its own, whatever becomes of it."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import StreamingResponse
from sqlalchemy import select, text

from daybook.tracing.text import summary
from daybook.tracing.trace import Trace
from tests.tracing.conftest import Traced, serve
from tests.tracing.models import MENDED


def distinct_statements(traced: Traced, barrier: asyncio.Barrier) -> FastAPI:
    """Each request runs statements that no other runs, and waits for all others in between."""
    app = traced.app()

    @app.get("/distinct/{number}")
    async def distinct(number: int) -> list[int]:
        async with traced.sessions() as session:
            first = await session.scalar(text(f"SELECT 1 AS first_{number}"))
        await barrier.wait()
        async with traced.sessions() as session, traced.sessions() as other:
            rest = await asyncio.gather(*(one.scalar(text(f"SELECT 2 AS rest_{number}")) for one in (session, other)))
        return [first, *rest]

    return app


async def test_two_hundred_requests_at_once_have_exactly_their_own_statements(seeded_url: str) -> None:
    traced = Traced(seeded_url, options={"pool_size": 20, "max_overflow": 0})
    finished: list[Trace] = []  # the history keeps no more than a hundred
    traced.recorder.on_finish.append(finished.append)
    async with serve(distinct_statements(traced, asyncio.Barrier(200))) as client:
        client.timeout = httpx2.Timeout(60, pool=None)
        answers = await asyncio.gather(*(client.get(f"/distinct/{number}") for number in range(200)))
    await traced.engine.dispose()
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.headers["x-sql-trace"] for answer in answers}) == 200
    ran = {trace.path: sorted(statement.sql for statement in trace.statements) for trace in finished}
    assert ran == {
        f"/distinct/{number}": [f"SELECT 1 AS first_{number}"] + [f"SELECT 2 AS rest_{number}"] * 2
        for number in range(200)
    }
    connections = {id(hold): trace for trace in finished for hold in trace.holds}
    assert len(connections) == sum(len(trace.holds) for trace in finished) == 600


async def test_requests_that_raise_stream_or_are_cancelled_report(
    traced: Traced, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "daybook.tracing")
    app = traced.app()

    @app.get("/raise")
    async def fail() -> None:
        async with traced.sessions() as session:
            await session.execute(text("SELECT 1"))
            raise RuntimeError

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            async with traced.sessions() as session:
                for number in range(3):
                    yield str(await session.scalar(text(f"SELECT {number} -- in the stream")))

        return StreamingResponse(rows())

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> None:
        async def later() -> None:
            async with traced.sessions() as session:
                await session.execute(text("SELECT 'later'"))

        tasks.add_task(later)

    @app.get("/sleep")
    async def sleep() -> None:
        async with traced.sessions() as session, asyncio.timeout(0.05):
            await session.execute(text("SELECT pg_sleep(5)"))

    async with serve(app) as client:
        assert (await client.get("/raise")).status_code == 500
        raised = traced.last()
        streamed_answer = await client.get("/stream")
        streamed = traced.last()
        await client.get("/background")
        await asyncio.sleep(0.05)
        behind = traced.last()
        await client.get("/sleep")
        cancelled = traced.last()

    assert (raised.count, raised.outcome) == (1, "RuntimeError")
    assert streamed_answer.text == "012"
    assert streamed_answer.headers["x-sql-trace"].endswith(";q=0;n1=0;waste=0")
    assert streamed.count == 3
    assert behind.count == 1
    assert behind.response_ended is not None
    assert behind.statements[0].started > behind.response_ended
    assert cancelled.statements[0].error == "CancelledError"
    assert 0.04 < cancelled.db < 1
    lines = [record.getMessage() for record in caplog.records if "q=" in record.getMessage()]
    assert [line.split()[1:4] for line in lines] == [
        ["GET", "/raise", "RuntimeError"],
        ["GET", "/stream", "200"],
        ["GET", "/background", "200"],
        ["GET", "/sleep", "TimeoutError"],
    ]


async def test_a_client_that_goes_away_is_told_too(traced: Traced) -> None:
    app = traced.app()

    @app.get("/endless")
    async def endless() -> StreamingResponse:
        async def rows() -> AsyncIterator[bytes]:
            while True:
                async with traced.sessions() as session:
                    await session.execute(text("SELECT pg_sleep(0.01)"))
                yield b"row\n"

        return StreamingResponse(rows())

    finished = asyncio.Event()
    traced.recorder.on_finish.append(lambda _trace: finished.set())
    async with serve(app) as client:
        async with client.stream("GET", "/endless") as answer:
            await anext(answer.aiter_bytes())
        async with asyncio.timeout(5):
            await finished.wait()
    assert traced.last().count >= 1


async def test_the_time_is_split_and_the_headers_say_so(traced: Traced) -> None:
    app = traced.app()

    @app.get("/slow/{number}", openapi_extra={"x-sql-budget": 1})
    async def slow(number: int) -> int:
        async with traced.sessions() as session:
            await session.execute(text("SELECT pg_sleep(0.1)"))
            return len((await session.scalars(select(MENDED.content))).all())

    async with serve(app) as client:
        answer = await client.get("/slow/1", headers={"X-Request-ID": "0123456789abcdef0123456789abcdef"})
    trace = traced.last()
    assert answer.headers["x-sql-trace"].split("-", 1)[1] == "89abcdef;q=2;n1=0;waste=0"
    assert 'desc="2q"' in answer.headers["server-timing"]
    assert (trace.id, trace.route, trace.status, trace.rows) == ("89abcdef", "/slow/{number}", 200, 21)
    assert 0.1 < trace.db < trace.held < trace.seconds
    assert 0 < trace.orm < trace.seconds - trace.db
    assert trace.pool > 0
    assert [finding.kind for finding in trace.findings] == ["over-budget"]
    assert summary(trace).startswith("sql[89abcdef] GET /slow/{number} 200 ")


async def test_statements_side_by_side_take_less_than_their_sum(traced: Traced) -> None:
    async def sleep() -> None:
        async with traced.sessions() as session:
            await session.execute(text("SELECT pg_sleep(0.1)"))

    with traced.recorder.trace("gather") as trace:
        await asyncio.gather(sleep(), sleep(), sleep())
    assert trace.db > 0.3
    assert 0.1 < trace.db_wall < 0.2
    assert len({hold.entry for hold in trace.holds}) == 3


async def test_what_blocks_the_loop_is_not_blamed_on_the_database(traced: Traced) -> None:
    async def block() -> None:
        await asyncio.sleep(0.02)
        time.sleep(0.1)  # noqa: ASYNC251 - the neighbour who blocks

    async with traced.sessions() as session:
        await session.execute(text("SELECT 1"))
        with traced.recorder.trace("asks") as trace:
            await asyncio.gather(block(), session.execute(text("SELECT pg_sleep(0.05)")))
    assert sum(end - begin for begin, end in trace.blocked) > 0.09


async def test_a_connection_that_was_held_because_the_loop_was_blocked(traced: Traced) -> None:
    async def block() -> None:
        time.sleep(0.6)  # noqa: ASYNC251 - the neighbour who blocks

    with traced.recorder.trace("starves"):
        async with traced.sessions() as session:
            await session.execute(text("SELECT 1"))
            await asyncio.gather(block(), asyncio.sleep(0))
    [finding] = traced.last().findings
    assert re.fullmatch(
        r"a connection was held for \d+ ms, \d+ ms of it in SQL, \d+ ms while the loop was blocked", finding.message
    )


async def test_a_connection_held_for_nothing_and_its_holder_when_the_pool_is_exhausted(
    seeded_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    traced = Traced(seeded_url, options={"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.2})

    async def wait_for_the_model() -> None:
        with traced.recorder.trace("report"):
            async with traced.sessions() as session:
                await session.execute(text("SELECT 1"))
                await asyncio.sleep(0.6)

    async def starve() -> None:
        await asyncio.sleep(0.1)
        async with traced.sessions() as session:
            await session.execute(text("SELECT 1"))

    done = await asyncio.gather(wait_for_the_model(), starve(), return_exceptions=True)
    await traced.engine.dispose()
    assert [type(one).__name__ for one in done] == ["NoneType", "TimeoutError"]
    [finding] = traced.last().findings
    assert finding.kind == "held"
    assert finding.site is not None
    assert finding.site.function == "wait_for_the_model"
    [exhausted] = [record.getMessage() for record in caplog.records if "exhausted" in record.getMessage()]
    assert exhausted.startswith(
        "pool exhausted: JOB report holds 1 connection for 0.3 s at tests/tracing/test_requests"
    )


async def test_who_holds_a_connection_taken_for_one_statement_of_the_driver_is_known_while_it_runs(
    seeded_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    traced = Traced(seeded_url, options={"pool_size": 1, "max_overflow": 0, "pool_timeout": 0.2})
    async with traced.engine.connect():
        pass  # so that one lies ready

    async def read_slowly() -> None:
        pool = traced.engine.sync_engine.pool
        entry = pool._do_get()  # as Daybook's own reads do
        statement = traced.recorder.begin("SELECT pg_sleep(0.5)", [], entry)
        await entry.driver_connection.fetch("SELECT pg_sleep(0.5)")  # type: ignore[union-attr]  # it is asyncpg's
        traced.recorder.end(statement, rows=1)
        pool._do_return_conn(entry)

    async def starve() -> None:
        await asyncio.sleep(0.1)
        async with traced.sessions() as session:
            await session.execute(text("SELECT 1"))

    with traced.recorder.trace("report") as trace:
        await asyncio.gather(read_slowly(), starve(), return_exceptions=True)
    await traced.engine.dispose()
    assert trace.holds[0].site is not None
    assert trace.holds[0].site.function == "read_slowly"
    [exhausted] = [record.getMessage() for record in caplog.records if "exhausted" in record.getMessage()]
    assert re.search(r"JOB report holds 1 connection for 0\.\d s at tests/tracing/\S+ read_slowly", exhausted)
