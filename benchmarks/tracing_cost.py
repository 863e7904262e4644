"""What tracing costs: python -m benchmarks.tracing_cost [DATABASE_URL]; without a URL, on an embedded PostgreSQL.

Servers (uvicorn, one worker each) serve the same page: off, with the recorder, with its line in the log, with echo, and
with all of it; Daybook also from a copy of its source that does not hold the package at all. They are asked in turn,
round after round, and each says itself how much processor time it has used: that is what bounds the throughput of a
worker, and what else the machine does changes it least. One process differs from the next by several percent, by where
things lie in its memory (CPython's cache of attributes, for one); so many are started, and what is printed is the mean
of what they cost more than off did in the same rounds, with its standard error. Lines of the log are formatted and
thrown away.
"""

import argparse
import asyncio
import contextlib
import gc
import logging
import math
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import uvicorn
from fastapi import FastAPI, Response
from sqlalchemy import Column, ForeignKey, Table, make_url, select, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload
from sqlalchemy.pool import NullPool, PoolProxiedConnection
from starlette.requests import Request
from starlette.routing import Route

from benchmarks.load import Call, ask, load
from benchmarks.rows import READER, fill
from benchmarks.servers import APPLICATION_CORE, OTHER_CORE, ROOT, Signer, database_server, keep_to, new_database

if TYPE_CHECKING:
    from daybook.tracing import Recorder  # what is served without the package cannot import it

NAME = "tracing_cost"
PAGE = 50
PROCESSES, ROUNDS, SECONDS, CONNECTIONS = 16, 3, 0.3, 4
PROCESSOR = "/processor"
"""Where a server says how many seconds of processor time it has used."""
OFF, WITHOUT = "off", "without the package"
TRACED = ("recorder", "recorder, log", "echo", "recorder, log, echo")


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


def build(url: str, *, recorder: "Recorder | None") -> FastAPI:
    """The page as ORM entities and as two statements on the driver, traced or not."""
    traced: dict[str, Any] = {"poolclass": recorder.pool_class} if recorder is not None else {}
    sync: dict[str, Any] = {"sync_session_class": recorder.session_class} if recorder is not None else {}
    engine = create_async_engine(url, **traced)
    sessions = async_sessionmaker(engine, **sync)
    app = FastAPI()
    if recorder is not None:
        from daybook.tracing import TraceMiddleware  # noqa: PLC0415 - as above

        recorder.install(engine)
        app.add_middleware(TraceMiddleware, recorder=recorder)

    @app.get("/orm")
    async def as_entities() -> Response:
        statement = select(Content).options(selectinload(Content.tags)).order_by(Content.id).limit(PAGE)
        async with sessions() as session:
            contents = (await session.scalars(statement)).all()
        return Response(str([(one.id, one.url, one.title, [tag.name for tag in one.tags]) for one in contents]))

    async def fetch(pooled: PoolProxiedConnection, sql: str, *parameters: Any) -> list[Any]:
        driver: Any = pooled.driver_connection
        echoing = engine.sync_engine.logger
        if echoing.isEnabledFor(logging.INFO):
            echoing.info("%s", sql)
            echoing.info("%r", parameters)
        if recorder is None:
            return list(await driver.fetch(sql, *parameters))
        statement = recorder.begin(sql, parameters, pooled)
        rows = list(await driver.fetch(sql, *parameters))
        recorder.end(statement, rows=len(rows))
        return rows

    @app.get("/driver")
    async def on_the_driver() -> Response:
        async with engine.connect() as connection:
            pooled = await connection.get_raw_connection()
            contents = {row["id"]: {**row, "tags": []} for row in await fetch(pooled, CONTENTS_SQL, PAGE)}
            for row in await fetch(pooled, TAGS_SQL, list(contents)):
                contents[row["content_id"]]["tags"].append({"id": row["id"], "name": row["name"]})
        return Response(orjson.dumps(list(contents.values())))

    return app


def build_daybook(url: str, *, recorder: "Recorder | None") -> FastAPI:
    """Daybook itself, traced or not."""
    from daybook.app import create_app  # noqa: PLC0415 - the other server does without
    from daybook.settings import Settings  # noqa: PLC0415 - as above

    settings = Settings(_env_file=None, database_url=url, debug=False, log_level="WARNING", migrate=False)
    return create_app(settings, tracing=recorder)


def new_recorder() -> "Recorder":
    """The recorder as Daybook makes it."""
    from asgi_correlation_id import correlation_id  # noqa: PLC0415 - the others do without

    from daybook import database  # noqa: PLC0415 - as above
    from daybook.tracing import Recorder, make_echo_readable  # noqa: PLC0415 - as above

    make_echo_readable(color=False)
    return Recorder(request_id=correlation_id.get, infrastructure=[Path(database.__file__).parent])


def serve(url: str, app: str, way: str) -> None:
    """Serve on a free port, printed first, until terminated."""
    keep_to(APPLICATION_CORE)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    for part, name in (("log", "daybook.tracing"), ("echo", "sqlalchemy.engine.Engine")):
        logging.getLogger(name).setLevel(logging.INFO if part in way else logging.WARNING)
    recorder = new_recorder() if "recorder" in way else None
    served = (build_daybook if app == "daybook" else build)(url, recorder=recorder)
    served.router.routes.insert(0, Route(PROCESSOR, _processor))
    assert recorder or not [name for name in sys.modules if name.startswith("daybook.tracing")]
    # Of a socket whose protocol is not named, asyncio would not know that it may turn Nagle's delays off.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # so that who asks before the application has started waits
        print(listener.getsockname()[1], flush=True)
        uvicorn.Server(uvicorn.Config(served, log_config=None, access_log=False)).run(sockets=[listener])


async def _processor(_request: Request) -> Response:
    return Response(str(time.process_time()))


@contextlib.contextmanager
def sources() -> Iterator[dict[str, Path]]:
    """Two copies of the source, alike but for the package."""
    with tempfile.TemporaryDirectory(prefix="daybook-bench-") as directory:
        copies = {OFF: Path(directory, "with"), WITHOUT: Path(directory, "without")}
        for copy in copies.values():
            shutil.copytree(ROOT / "src", copy, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.rmtree(copies[WITHOUT] / "daybook" / "tracing")
        yield copies


@contextlib.asynccontextmanager
async def serving(url: str, app: str, way: str, source: Path, signer: Signer) -> AsyncIterator[int]:
    """A server in a process of its own until the block ends; yields its port."""
    with tempfile.TemporaryDirectory(prefix="daybook-bench-") as directory:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DAYBOOK_")}
        own = {"PYTHONPATH": str(source), "DAYBOOK_SECRET_KEY": signer.key, "DAYBOOK_DATA_DIR": directory}
        command = (sys.executable, "-m", "benchmarks.tracing_cost", url, "--serve", app, "--way", way)
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=kept | own, stdout=pipe, stderr=nowhere)
        try:
            assert process.stdout is not None
            port = await process.stdout.readline()
            assert port, f"{app}, {way}: it did not start"
            yield int(port)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


@dataclass
class Figures:
    """Of one way, for each process: milliseconds of processor time a request, its part of what off took, requests/s."""

    used: list[float] = field(default_factory=list)
    of_off: list[float] = field(default_factory=list)
    speed: list[float] = field(default_factory=list)


async def ask_in_turn(ports: dict[str, int], path: str, token: str) -> dict[str, list[tuple[float, float]]]:
    """Ask the servers in turn, each round begun by another; returns what each used in each, and its requests/s."""
    call, meter = Call("GET", path, token), Call("GET", PROCESSOR, "")
    ways = [*ports]
    rounds: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for number in range(ROUNDS + 1):
        for way in ways[number % len(ways) :] + ways[: number % len(ways)]:
            before = await ask(ports[way], meter)
            outcome = await load(ports[way], call, SECONDS, CONNECTIONS)
            if number:  # the first round is for warming up
                used = await ask(ports[way], meter) - before
                rounds[way].append((used / len(outcome.seconds) * 1000, outcome.rps))
    return rounds


def add(figures: dict[str, Figures], rounds: dict[str, list[tuple[float, float]]]) -> None:
    """Add the rounds of one process of each way."""
    for way, its in rounds.items():
        parts = [mine / off for (mine, _), (off, _) in zip(its, rounds[OFF], strict=True)]
        figures[way].used.append(statistics.median(used for used, _ in its))
        figures[way].of_off.append(statistics.median(parts))
        figures[way].speed.append(statistics.median(speed for _, speed in its))


def tell(what: str, figures: dict[str, Figures]) -> None:
    """Print each way's processor time and throughput, and its cost over off."""
    print(f"\npage of {PAGE}, {what}")
    for way, its in figures.items():
        used, speed, over = statistics.mean(its.used), statistics.mean(its.speed), statistics.mean(its.of_off) - 1
        error = statistics.stdev(its.of_off) / len(its.of_off) ** 0.5 if len(its.of_off) > 1 else math.nan
        print(f"  {way:20} {used:6.2f} ms of processor  {over:+6.1%} (+-{error:.1%})  {speed:6.0f} requests/s")


async def measure(server: str, pages: Sequence[str], processes: int) -> None:
    """Compare the ways on the sample's pages, and on Daybook's."""
    signer = Signer()
    async with contextlib.AsyncExitStack() as stack:
        source = stack.enter_context(sources())
        sample = await prepare(server)
        url = await stack.enter_async_context(new_database(server, f"{NAME}_daybook"))
        rows = await fill(url, {READER: PAGE + 10})
        token = signer.token(rows.user_ids[READER])
        for page, app, path, what, ways in (
            ("orm", "sample", "/orm", "entities, selectinload", (OFF, *TRACED)),
            ("driver", "sample", "/driver", "two statements on the driver, orjson", (OFF, *TRACED)),
            ("daybook", "daybook", f"/api/log/food?limit={PAGE}", "Daybook's meals", (WITHOUT, OFF, *TRACED)),
        ):
            if page not in pages:
                continue
            figures = {way: Figures() for way in ways}
            for _ in range(processes):
                async with contextlib.AsyncExitStack() as servers:
                    ports = {
                        way: await servers.enter_async_context(
                            serving(sample if app == "sample" else url, app, way, source.get(way, source[OFF]), signer)
                        )
                        for way in ways
                    }
                    add(figures, await ask_in_turn(ports, path, token))
            tell(what, figures)


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


async def memory() -> None:
    """Print what a request of 10,000 statements, and 10,000 requests, leave in memory."""
    from daybook.tracing import Recorder  # noqa: PLC0415 - as above

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
    parser.add_argument("database_url", nargs="?", help="of a server on which databases may be made")
    parser.add_argument("--pages", nargs="*", default=("orm", "driver", "daybook"), help="orm, driver, daybook")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="of each way; fewer say less")
    parser.add_argument("--serve", choices=("sample", "daybook"), help=argparse.SUPPRESS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.database_url, arguments.serve, arguments.way)
        return
    keep_to(OTHER_CORE)
    with contextlib.ExitStack() as stack:
        server = arguments.database_url or stack.enter_context(database_server())
        asyncio.run(measure(server, arguments.pages, arguments.processes))
    asyncio.run(memory())


if __name__ == "__main__":
    main()
