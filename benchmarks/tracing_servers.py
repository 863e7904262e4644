"""What tracing_cost measures: a sample application and Daybook, each served traced or not, and the sample's rows."""

import logging
import socket
import sys
import time
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

from benchmarks.servers import APPLICATION_CORE, keep_to

if TYPE_CHECKING:
    from daybook.tracing import Recorder  # what is served without the package cannot import it

NAME = "tracing_cost"
PAGE = 50
PROCESSOR = "/processor"
"""Where a server says how many seconds of processor time it has used."""


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
        return Response(
            str([(content.id, content.url, content.title, [tag.name for tag in content.tags]) for content in contents])
        )

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
