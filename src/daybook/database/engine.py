"""The one engine of a process, and what is made from it: sessions, and executors of compiled statements."""

from dataclasses import dataclass
from typing import Any, Protocol, TypeVarTuple

import orjson
from sqlalchemy import Row, event
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, Pool
from sqlalchemy.sql.selectable import TypedReturnsRows

from daybook.database.executor import AutocommitExecutor, Executor
from daybook.database.leases import LeasedConnections, StatementRecorder
from daybook.database.pool import LeasingPool
from daybook.errors import Unavailable
from daybook.settings import Settings

Columns = TypeVarTuple("Columns")

CONNECT_TIMEOUT = 5.0
"""Seconds for making a connection."""


@dataclass(frozen=True, slots=True)
class Database:
    """The engine and what runs statements on it; made by `open_database`, closed with `close`."""

    engine: AsyncEngine
    autocommit: AsyncEngine
    """The same pool, without transactions."""
    write: async_sessionmaker[AsyncSession]
    """Units of work: `async with database.write.begin() as session`."""
    reader: Executor
    """Runs projections, each a statement by itself; one whose connection was lost runs once more."""
    writer: Executor
    """Runs writes that are one statement, compiled once; never twice."""

    async def run(self, statement: TypedReturnsRows[*Columns]) -> Row[*Columns] | None:
        """Run one statement that is a unit of work by itself, and return its row, if it has one.

        It is atomic without BEGIN and COMMIT, and holds its connection, and the locks it takes, for one round trip
        instead of three. One that every request runs is compiled once and given to `writer` instead.
        """
        async with self.autocommit.connect() as connection:
            return (await connection.execute(statement)).one_or_none()

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


class EngineTracing(StatementRecorder, Protocol):
    """What query tracing hangs into the engine when it is made; the package itself is imported in debug only."""

    @property
    def pool_class(self) -> type[Pool]:
        """The pool that knows who holds a connection."""

    @property
    def session_class(self) -> type[Session]:
        """The session that knows how long it takes."""

    def install(self, engine: AsyncEngine) -> None:
        """Listen to the engine."""


def open_database(url: str, settings: Settings, tracing: EngineTracing | None = None) -> Database:
    """Return the database at `url`; nothing is connected before the first statement."""
    pool_class: type[Pool] = (
        type("TracedLeasingPool", (LeasingPool, tracing.pool_class), {}) if tracing else LeasingPool
    )
    traced_session: dict[str, Any] = {"sync_session_class": tracing.session_class} if tracing else {}
    engine = create_async_engine(
        url,
        echo=settings.debug,
        hide_parameters=not settings.debug,
        pool_size=settings.pool_size,
        max_overflow=settings.pool_overflow,
        pool_timeout=settings.pool_timeout,
        pool_recycle=settings.pool_recycle,
        # The connection used last is the one whose caches, here and in its backend, are warm.
        pool_use_lifo=True,
        connect_args=_connect_args(settings),
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
        poolclass=pool_class,
    )
    if tracing:
        tracing.install(engine)
    event.listen(engine.sync_engine, "do_connect", _connect)
    autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")
    connections = LeasedConnections(
        engine, size=settings.pool_size + settings.pool_overflow, recycle=settings.pool_recycle, recorder=tracing
    )
    return Database(
        engine=engine,
        reader=AutocommitExecutor(connections, repeats_lost=True),
        writer=AutocommitExecutor(connections, repeats_lost=False),
        autocommit=autocommit,
        write=async_sessionmaker(engine, expire_on_commit=False, **traced_session),
    )


def _connect_args(settings: Settings) -> dict[str, object]:
    # The client's limit stands behind the server's, for the case that the server has stopped answering.
    args: dict[str, object] = {
        "timeout": CONNECT_TIMEOUT,
        "command_timeout": settings.statement_timeout + 2,
    }
    if settings.pgbouncer:
        # Transaction mode hands each transaction another server connection: a prepared statement of either cache
        # may not be there, and server settings are refused, so that limits belong on the role.
        return args | {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    milliseconds = str(int(settings.statement_timeout * 1000))
    return args | {
        "server_settings": {
            "application_name": "daybook",
            "timezone": "UTC",
            "statement_timeout": milliseconds,
            "idle_in_transaction_session_timeout": milliseconds,
            # Compiling a plan costs more than any statement of Daybook takes.
            "jit": "off",
            # And so does planning it: the statements are few, each with the index that it is meant to use.
            "plan_cache_mode": "force_generic_plan",
            # Of a disk without a moving head, or of memory: by default a small table is read whole for each row that
            # asks for three of it.
            "random_page_cost": "1.1",
        }
    }


def _connect(
    dialect: Dialect, _entry: ConnectionPoolEntry, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> DBAPIConnection:
    try:
        return dialect.connect(*args, **kwargs)
    except OSError as error:
        # asyncpg lets the socket's own errors out (refused, no such socket, no such host, timed out), and
        # SQLAlchemy does not wrap them. Here it is still known that they are the database's.
        raise Unavailable("The database cannot be reached; try again shortly.", retry_after=2) from error


def _to_json(value: object) -> str:
    return orjson.dumps(value).decode()
