"""What tracing costs on a page of 50: python -m benchmarks.tracing_cost DATABASE_URL

Servers (uvicorn, one worker each) serve the same page: off, with the recorder, with its line in the log, with echo, and
with all of it. They are asked in turn, round after round, so that what else the machine does meets all of them alike,
and what is compared is the processor time that each has used for a request: what bounds the throughput of a worker.
Lines of the log are formatted and thrown away.
"""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import socket
import statistics
import sys
import time
import tracemalloc
from typing import Any

import orjson
import psutil
import uvicorn
from fastapi import FastAPI, Response
from sqlalchemy import Column, ForeignKey, Table, make_url, select, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload
from sqlalchemy.pool import NullPool

from daybook.tracing import Recorder, TraceMiddleware, make_echo_readable

NAME = "tracing_cost"
PAGE = 50
ROUNDS = 40
CONNECTIONS = 4
REQUESTS = 10
WAYS = ("off", "recorder", "recorder, log", "echo", "recorder, log, echo")


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


CONTENTS_SQL = "SELECT id, url, title, description FROM contents ORDER BY id LIMIT $1"
TAGS_SQL = "SELECT content_id, id, name FROM tags JOIN content_tag ON tag_id = id WHERE content_id = ANY($1)"


def build(url: str, *, recorder: Recorder | None, echo: bool) -> FastAPI:
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

    async def fetch(driver: Any, sql: str, *parameters: Any) -> list[Any]:
        if recorder is None:
            return list(await driver.fetch(sql, *parameters))
        with recorder.driver_statement(sql, parameters, connection=driver) as statement:
            rows = list(await driver.fetch(sql, *parameters))
            statement.rows = len(rows)
        return rows

    @app.get("/driver")
    async def on_the_driver() -> Response:
        async with engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            contents = {row["id"]: {**row, "tags": []} for row in await fetch(driver, CONTENTS_SQL, PAGE)}
            for row in await fetch(driver, TAGS_SQL, list(contents)):
                contents[row["content_id"]]["tags"].append({"id": row["id"], "name": row["name"]})
        return Response(orjson.dumps(list(contents.values())))

    return app


def serve(url: str, way: str) -> None:
    """Serve on a free port, printed first, until terminated."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - it is no file
        logging.basicConfig(level=logging.INFO, stream=nowhere, format="%(asctime)s %(levelname)s %(message)s")
        logging.getLogger("sqlalchemy.engine.Engine").addHandler(logging.NullHandler())
        make_echo_readable(color=False)
        logging.getLogger("daybook.tracing").setLevel(logging.INFO if "log" in way else logging.WARNING)
        app = build(url, recorder=Recorder() if "recorder" in way else None, echo="echo" in way)
        # Of a socket whose protocol is not named, asyncio would not know that it may turn Nagle's delays off.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
            listener.bind(("127.0.0.1", 0))
            print(listener.getsockname()[1], flush=True)
            uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False)).run(sockets=[listener])


async def load(port: int, path: str) -> None:
    """Ask for the page REQUESTS times on each of some connections at once."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(REQUESTS):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head.partition(b"\r\n")[0]
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


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
    """Print each way's processor time and throughput, and its cost over off."""
    command = [sys.executable, "-m", "benchmarks.tracing_cost", url, "--serve"]
    async with contextlib.AsyncExitStack() as stack:
        servers = {}
        for way in WAYS:
            server = await asyncio.create_subprocess_exec(*command, way, stdout=asyncio.subprocess.PIPE)
            stack.push_async_callback(server.wait)
            stack.callback(server.terminate)
            assert server.stdout is not None
            servers[way] = (int(await server.stdout.readline()), psutil.Process(server.pid))
        for path, what in (("/orm", "entities, selectinload"), ("/driver", "two statements on the driver, orjson")):
            for port, _ in servers.values():
                await load(port, path)
            used = dict.fromkeys(WAYS, 0.0)
            speed: dict[str, list[float]] = {way: [] for way in WAYS}
            for _ in range(ROUNDS):
                for way, (port, process) in servers.items():
                    before, started = sum(process.cpu_times()[:2]), time.perf_counter()
                    await load(port, path)
                    speed[way].append(REQUESTS * CONNECTIONS / (time.perf_counter() - started))
                    used[way] += sum(process.cpu_times()[:2]) - before
            print(f"\npage of {PAGE}, {what}")
            for way in WAYS:
                each = used[way] / ROUNDS / REQUESTS / CONNECTIONS * 1000
                over = used[way] / used["off"] - 1
                fast = statistics.median(speed[way])
                print(f"  {way:20} {each:6.2f} ms of processor  {over:+6.1%}  {fast:6.0f} requests/s")


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


def main() -> None:
    """Measure, or be one of the servers that are measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database_url", help="of a server on which a database may be made, postgresql+asyncpg://...")
    parser.add_argument("--serve", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.database_url, arguments.serve)
        return
    asyncio.run(measure(asyncio.run(prepare(arguments.database_url))))
    asyncio.run(memory())


if __name__ == "__main__":
    main()
