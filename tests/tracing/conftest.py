"""A small application of the tests' own, traced, on a real PostgreSQL and a real port."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
import uvicorn
from asgi_correlation_id import CorrelationIdMiddleware, correlation_id
from fastapi import FastAPI
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import NullPool

from daybook.tracing import Recorder, TraceMiddleware, debug_routes
from daybook.tracing.trace import Trace
from tests.tracing.models import fill


@dataclass
class Traced:
    """A traced engine and its sessions, and what was recorded."""

    url: str
    recorder: Recorder = field(default_factory=lambda: Recorder(request_id=correlation_id.get))
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.engine: AsyncEngine = create_async_engine(self.url, poolclass=self.recorder.pool_class, **self.options)
        self.recorder.install(self.engine)
        self.sessions = async_sessionmaker(self.engine, sync_session_class=self.recorder.session_class)

    async def run(self, work: Callable[[AsyncSession], Awaitable[Any]]) -> Trace:
        """Do some work in a session, as a request would, and return its trace."""
        with self.recorder.trace("work") as trace:
            async with self.sessions() as session:
                await work(session)
        return trace

    def last(self) -> Trace:
        """The trace that was finished last."""
        return next(reversed(self.recorder.history.traces.values()))

    def app(self) -> FastAPI:
        """An application whose requests are traced, and that shows them."""
        app = FastAPI()
        app.router.routes.extend(debug_routes(self.recorder))
        app.add_middleware(CorrelationIdMiddleware)
        app.add_middleware(TraceMiddleware, recorder=self.recorder)
        return app


@asynccontextmanager
async def serve(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Serve on a free port until the block ends, and yield a client."""
    # Its protocol is named, so that asyncio may turn off the 40 ms that Nagle and delayed ACKs cost a request.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(base_url=url, timeout=30, limits=limits, trust_env=False) as client:
            yield client
        server.should_exit = True
        await task


@pytest.fixture(scope="session")
async def seeded_url(server_url: str, worker_id: str) -> AsyncIterator[str]:
    """A database of these tests' own, with the seeds' tables."""
    name = f"tracing_{worker_id}"
    server = create_async_engine(server_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with server.connect() as connection:
        await connection.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        await connection.execute(text(f'CREATE DATABASE "{name}"'))
        url = make_url(server_url).set(database=name, drivername="postgresql+asyncpg")
        engine = create_async_engine(url)
        await fill(engine)
        await engine.dispose()
        yield url.render_as_string(hide_password=False)
        await connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    await server.dispose()


@pytest.fixture
async def traced(seeded_url: str) -> AsyncIterator[Traced]:
    """An engine of its own for each test."""
    traced = Traced(seeded_url)
    yield traced
    await traced.engine.dispose()
