"""Statements on the driver itself: SQL already, each by itself, on a connection of the engine's own pool.

What SQLAlchemy does around a statement (a Connection, a transaction, a result) costs more than a small statement. Here
is the rest: a connection of the pool, asyncpg's fetch, outside a transaction, and what has to happen when it fails.

A connection that lies ready in the pool is taken for the one statement by the pool's own `_do_get` and
`_do_return_conn`, which every kind of pool implements. The checkout that sessions need around it, with its events, a
reset and a guard against being forgotten, is a fifth of what a small read takes.
"""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import EmulatedDBAPIException, InvalidatePoolError, MissingGreenlet
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry, ManagesConnection, Pool, PoolProxiedConnection, QueuePool
from sqlalchemy.util import greenlet_spawn
from sqlalchemy.util.concurrency import in_greenlet

IDLE = 5.0
"""Seconds after which a pooled connection is asked whether it still lives."""
_RETURNED = "daybook.returned"
"""What a connection's `info` in the pool has: when it came back."""


class Recorder(Protocol):
    """What debugging tools see of the statements that do not pass through SQLAlchemy."""

    def begin(self, sql: str, parameters: Sequence[object], connection: ManagesConnection) -> Any:
        """Take note that the driver runs a statement, from the stack of the code that asks for it."""

    def end(self, statement: Any, *, rows: int = 0, error: BaseException | None = None) -> None:
        """Take note that it has ended: with so many rows, or with an error."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Runs statements that only read; made by `open_reader`, one for the whole process, and safe to share."""

    driver: "Driver"

    async def fetch(self, sql: str, parameters: Sequence[object], /) -> list[Any]:
        """Return the statement's rows; raises as `Driver.run` does.

        A read whose connection turns out to be lost is run once more, on another one.
        """
        try:
            return await self.driver.run(sql, parameters)
        except ConnectionLost:
            return await Writer(self.driver).fetch(sql, parameters)


@dataclass(frozen=True, slots=True)
class Writer:
    """Runs statements that may write, each atomic by itself without BEGIN and COMMIT; safe to share."""

    driver: "Driver"

    async def fetch(self, sql: str, parameters: Sequence[object], /) -> list[Any]:
        """Return the statement's rows; raises as `Driver.run` does.

        It is never run twice: whether one that lost its connection was carried out, only its caller can tell, by an
        id or a key of its own.
        """
        try:
            return await self.driver.run(sql, parameters)
        except ConnectionLost as lost:
            raise lost.error from lost.error.__cause__


@dataclass(slots=True)
class Driver:
    """Runs a statement on a pooled connection."""

    engine: AsyncEngine
    recorder: Recorder | None = None

    async def run(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        """Return the statement's rows.

        Raises ConnectionLost, and else what `database.failures.classify` knows: asyncpg's errors as they are,
        SQLAlchemy's TimeoutError when no connection is free.
        """
        pool = self.engine.sync_engine.pool
        entry = _take_ready(pool)
        if entry is None:
            return await self._run_waiting(sql, parameters)
        try:
            return await self._execute(entry, sql, parameters)
        except BaseException as error:
            await _judge(entry, error)
            raise
        finally:
            entry.info[_RETURNED] = time.monotonic()
            if isinstance(pool, QueuePool) and pool.overflow() <= 0:
                pool._do_return_conn(entry)  # noqa: SLF001 - see above
            else:
                # One more than the pool keeps: it will be closed, and that is input and output.
                await greenlet_spawn(pool._do_return_conn, entry)  # noqa: SLF001 - see above

    async def _run_waiting(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        """Run it on a connection that has to be waited for, made, or asked whether it still lives."""
        try:
            connection = await self.engine.raw_connection()
        except EmulatedDBAPIException as error:
            raise error.driver_exception from error
        try:
            return await self._execute(connection, sql, parameters)
        except BaseException as error:
            await _judge(connection, error)
            raise
        finally:
            await greenlet_spawn(connection.close)

    async def _execute(self, connection: ManagesConnection, sql: str, parameters: Sequence[object]) -> list[Any]:
        driver: Any = connection.driver_connection
        if self.engine.sync_engine.logger.isEnabledFor(logging.INFO):
            self._echo(sql, parameters)
        if self.recorder is None:
            rows: list[Any] = await driver.fetch(sql, *parameters)
            return rows
        statement = self.recorder.begin(sql, parameters, connection)
        try:
            rows = await driver.fetch(sql, *parameters)
        except BaseException as error:
            self.recorder.end(statement, error=error)
            raise
        self.recorder.end(statement, rows=len(rows))
        return rows

    def _echo(self, sql: str, parameters: Sequence[object]) -> None:
        """Log the statement as SQLAlchemy's own echo does."""
        engine = self.engine.sync_engine
        engine.logger.info("%s", sql)
        if engine.hide_parameters:
            engine.logger.info("[driver] [SQL parameters hidden due to hide_parameters=True]")
        else:
            engine.logger.info("[driver] %r", tuple(parameters))


class ConnectionLost(Exception):
    """The connection was lost while the statement ran, by `error`."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


def _take_ready(pool: Pool) -> ConnectionPoolEntry | None:
    """Return a connection that can be used at once, if there is one; nothing is waited for, and no greenlet needed."""
    if not (isinstance(pool, QueuePool) and pool.checkedin()):
        return None
    try:
        entry = pool._do_get()  # noqa: SLF001 - see above
    except MissingGreenlet:
        return None
    try:
        connection: Any = entry.get_connection()  # type: ignore[attr-defined]  # as the pool itself does
    except MissingGreenlet:
        connection = None  # it was due to be made anew
    except BaseException:
        pool._do_return_conn(entry)  # noqa: SLF001 - or the pool would have one less for good
        raise
    idle = time.monotonic() - entry.info.get(_RETURNED, 0.0)
    if connection is None or connection.driver_connection.is_closed() or idle > IDLE:
        pool._do_return_conn(entry)  # noqa: SLF001 - into the place that it has just left
        return None
    return entry


async def _judge(connection: ConnectionPoolEntry | PoolProxiedConnection, error: BaseException) -> None:
    """Drop a connection that is not to be used again after a failure, and raise ConnectionLost if it was lost."""
    lost = connection.driver_connection.is_closed()  # type: ignore[union-attr]  # asyncpg's, until it is dropped
    if lost or isinstance(error, TimeoutError) or not isinstance(error, Exception):
        # Lost, or given up in mid-query (a timeout, a cancelled request): never to be handed out again.
        await greenlet_spawn(connection.invalidate, error)
    if lost and isinstance(error, Exception):
        raise ConnectionLost(error) from error


def open_reader(engine: AsyncEngine, recorder: Recorder | None = None) -> Reader:
    """Return a reader on `engine`, whose connections are from now on checked as they are taken from the pool.

    This replaces `pool_pre_ping`, which spends three round trips (BEGIN, a ping, ROLLBACK) on every checkout;
    ValueError when that is on. That a connection was closed is known without asking; so only one that was idle
    for `IDLE` seconds is asked.
    """
    if engine.sync_engine.pool._pre_ping:  # noqa: SLF001 - there is no public way to ask
        raise ValueError("make the engine with pool_pre_ping=False: its reader checks idle connections itself")
    # Before any other listener of this event, which runs them in the order in which they were registered.
    event.listen(engine.sync_engine, "do_connect", _only_in_greenlet)
    event.listen(engine.sync_engine, "checkin", _note_return)
    event.listen(engine.sync_engine, "checkout", _refuse_lost)
    return Reader(Driver(engine, recorder))


def _only_in_greenlet(*_: object) -> None:
    """Say so before a connection is begun that nobody can wait for."""
    if not in_greenlet():
        raise MissingGreenlet("a connection can only be made in a greenlet")


def _note_return(_connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    entry.info[_RETURNED] = time.monotonic()


def _refuse_lost(connection: Any, entry: ConnectionPoolEntry, _proxied: PoolProxiedConnection) -> None:
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError("the connection was closed while it was idle")
    if time.monotonic() - entry.info.get(_RETURNED, math.inf) < IDLE:
        return
    try:
        connection.ping()
    except (EmulatedDBAPIException, OSError) as error:
        raise InvalidatePoolError("the connection was lost while it was idle") from error
