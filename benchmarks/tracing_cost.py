"""What tracing costs on a page of 50: python -m benchmarks.tracing_cost DATABASE_URL

One process serves the same page off, with the recorder, with echo, and with both, in turn, round after round, so that
what else the machine does meets all of them alike. Requests go through the application's ASGI interface, without a
socket: HTTP's own cost would make the shares look smaller. Lines of the log are formatted and thrown away.
"""

import argparse
import asyncio
import gc
import logging
import os
import statistics
import time
import tracemalloc
from typing import Any

from fastapi import FastAPI, Response
from sqlalchemy import Column, ForeignKey, Table, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload
from sqlalchemy.pool import NullPool

from daybook.tracing import Recorder, TraceMiddleware, make_echo_readable

NAME = "tracing_cost"
PAGE = 50
ROUNDS = 30
REQUESTS = 20


class Base(DeclarativeBase):
    """The benchmark's own tables."""


content_tag = Table(
    "content_tag",
    Base.metadata,
    Column("content_id", ForeignKey("contents.id"), primary_key=True),
    Column("tag_id", ForeignKey("tags.id"), primary_key=True),
)


class Tag(Base):
    """A tag."""

    __tablename__ = "tags"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Content(Base):
    """A content with its tags."""

    __tablename__ = "contents"
    id: Mapped[int] = mapped_column(primary_key=True)
    url: Mapped[str]
    title: Mapped[str]
    description: Mapped[str]
    tags: Mapped[list[Tag]] = relationship(secondary=content_tag, lazy="raise_on_sql")


JSON_SQL = """
SELECT coalesce(json_agg(json_build_object(
  'id', c.id, 'url', c.url, 'title', c.title, 'description', c.description, 'tags', (SELECT json_agg(t.name) FROM tags t JOIN content_tag ct ON ct.tag_id = t.id WHERE ct.content_id = c.id))))::text
FROM (SELECT * FROM contents ORDER BY id LIMIT $1) c
"""


def build(url: str, *, recorder: Recorder | None, echo: bool) -> tuple[FastAPI, AsyncEngine]:
    """The page as ORM entities and as one statement on the driver, traced or not."""
    traced: dict[str, Any] = {"poolclass": recorder.pool_class} if recorder is not None else {}
    sync: dict[str, Any] = {"sync_session_class": recorder.session_class} if recorder is not None else {}
    engine = create_async_engine(url, echo=echo, **traced)
    sessions = async_sessionmaker(engine, **sync)
    app = FastAPI()
    if recorder is not None:
        recorder.install(engine)
        app.add_middleware(TraceMiddleware, recorder=recorder)

    @app.get("/orm")
    async def as_entities() -> Response:
        statement = select(Content).options(selectinload(Content.tags)).order_by(Content.id).limit(PAGE)
        async with sessions() as session:
            contents = (await session.scalars(statement)).all()
        return Response(str([(one.id, one.url, one.title, [tag.name for tag in one.tags]) for one in contents]))

    @app.get("/driver")
    async def on_the_driver() -> Response:
        async with engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            if recorder is None:
                body = await driver.fetchval(JSON_SQL, PAGE)
            else:
                with recorder.driver_statement(JSON_SQL, [PAGE], connection=driver) as statement:
                    body = await driver.fetchval(JSON_SQL, PAGE)
                    statement.rows = 1
        return Response(body)

    return app, engine


async def ask(app: FastAPI, path: str) -> None:
    """One GET, as an ASGI server would make it."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": [],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200

    await app(scope, receive, send)


async def prepare(server: str) -> str:
    """A database of its own with 200 contents of 3 tags each."""
    engine = create_async_engine(server, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)"))
        await connection.execute(text(f"CREATE DATABASE {NAME}"))
    url = make_url(server).set(database=NAME)
    filled = create_async_engine(url, poolclass=NullPool)
    async with filled.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(text("INSERT INTO tags (name) SELECT 'tag ' || n FROM generate_series(1, 30) n"))
        contents = "SELECT 'https://a.example/' || n, 'Title ' || n, repeat('x', 200) FROM generate_series(1, 200) n"
        await connection.execute(text(f"INSERT INTO contents (url, title, description) {contents}"))
        tags = "SELECT c, (c * 7 + t) % 30 + 1 FROM generate_series(1, 200) c, generate_series(0, 2) t"
        await connection.execute(text(f"INSERT INTO content_tag {tags}"))
    return url.render_as_string(hide_password=False)


async def measure(url: str) -> None:
    """Print each way's time for a request, and its cost over off."""
    ways = {
        "off": build(url, recorder=None, echo=False),
        "recorder": build(url, recorder=Recorder(), echo=False),
        "echo": build(url, recorder=None, echo=True),
        "recorder + echo": build(url, recorder=Recorder(), echo=True),
    }
    for path, what in (("/orm", "entities, selectinload"), ("/driver", "one JSON statement on the driver")):
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, (app, _engine) in ways.items():
                await ask(app, path)
                started = time.process_time()
                for _request in range(REQUESTS):
                    await ask(app, path)
                times[name].append((time.process_time() - started) / REQUESTS * 1e3)
        print(f"\npage of {PAGE}, {what}")
        for name, measured in times.items():
            over = [one / off - 1 for one, off in zip(measured, times["off"], strict=True)]
            print(f"  {name:16} {statistics.median(measured):7.3f} ms   {statistics.median(over):+7.1%}")
    for _app, engine in ways.values():
        await engine.dispose()


async def memory() -> None:
    """Print what a request of 10,000 statements, and 10,000 requests, leave in memory."""
    tracemalloc.start()
    recorder = Recorder()
    with recorder.trace("many"):
        for number in range(10_000):
            with recorder.driver_statement(f"SELECT {number} AS column_{number}", [number]):
                pass
    kept, most = tracemalloc.get_traced_memory()
    print(f"\n10,000 statements in a request: {most / 1e6:.1f} MB at most, {kept / 1e6:.1f} MB kept")
    for number in range(10_000):
        with recorder.trace(f"route {number}"), recorder.driver_statement(f"SELECT {number}"):
            pass
    gc.collect()
    print(f"10,000 requests: {tracemalloc.get_traced_memory()[0] / 1e6:.1f} MB kept")
    tracemalloc.stop()


async def main() -> None:
    """Measure, with the log going nowhere."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database_url", help="of a server on which a database may be made, postgresql+asyncpg://...")
    server = parser.parse_args().database_url
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: ASYNC230, PTH123 - it is no file
        logging.basicConfig(level=logging.INFO, stream=nowhere, format="%(asctime)s %(levelname)s %(message)s")
        logging.getLogger("sqlalchemy.engine.Engine").addHandler(logging.NullHandler())
        make_echo_readable(color=False)
        await measure(await prepare(server))
        await memory()
        logging.getLogger().handlers.clear()


if __name__ == "__main__":
    asyncio.run(main())
