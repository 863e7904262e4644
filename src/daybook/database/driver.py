"""Statements on the driver itself: SQL already, each by itself, on a connection of the engine's own pool.

What SQLAlchemy does around a statement (a Connection, a transaction, a result) costs more than a small statement. Here
is the rest: a pooled connection, checked out and in as always, so that whoever watches the pool sees it; asyncpg's
fetch, outside a transaction; and what has to happen when it fails.
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
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool
from sqlalchemy.util import greenlet_spawn
from sqlalchemy.util.concurrency import in_greenlet

IDLE = 5.0
"""Seconds after which a pooled connection is asked whether it still lives."""
# What a connection's `info` in the pool says: when it came back, and that it should have been asked and was not.
_RETURNED = "daybook.returned"
_UNASKED = "daybook.unasked"


class Recorder(Protocol):
    """What debugging tools see of the statements that do not pass through SQLAlchemy."""

    def logging_token(self) -> str | None:
        """Return what stands in brackets before each echoed line, as SQLAlchemy's `logging_token` does."""

    def statement(
        self,
        sql: str,
        parameters: Sequence[object],
        started: float,
        ended: float,
        *,
        rows: int | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Take note of a statement that the driver ran, from the stack of the code that asked for it.

        The times are those of `time.perf_counter()`; `rows` is None when it failed.
        """


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
        connection = self._idle_connection() or await self._connection()
        driver: Any = connection.driver_connection
        try:
            rows = await self._execute(driver, sql, parameters)
        except BaseException as error:
            lost = driver.is_closed()
            if lost or isinstance(error, TimeoutError) or not isinstance(error, Exception):
                # Lost, or given up in mid-query (a timeout, a cancelled request): never to be handed out again.
                await greenlet_spawn(connection.invalidate, error)
            else:
                await self._give_back(connection)
            if lost and isinstance(error, Exception):
                raise ConnectionLost(error) from error
            raise
        await self._give_back(connection)
        return rows

    def _idle_connection(self) -> PoolProxiedConnection | None:
        """Return a pooled connection if one can be had without waiting, and so without the cost of a greenlet."""
        pool = self.engine.sync_engine.pool
        if not (isinstance(pool, QueuePool) and pool.checkedin()):
            return None
        try:
            connection = pool.connect()
        except MissingGreenlet:
            return None
        if _UNASKED in connection.info:
            connection.close()  # into the place in the pool that it has just left
            return None
        return connection

    async def _connection(self) -> PoolProxiedConnection:
        try:
            return await self.engine.raw_connection()
        except EmulatedDBAPIException as error:
            raise error.driver_exception from error

    async def _give_back(self, connection: PoolProxiedConnection) -> None:
        pool = self.engine.sync_engine.pool
        if isinstance(pool, QueuePool) and pool.overflow() <= 0:
            connection.close()
        else:
            # One more than the pool keeps: it will be closed, and that is input and output.
            await greenlet_spawn(connection.close)

    async def _execute(self, driver: Any, sql: str, parameters: Sequence[object]) -> list[Any]:
        if self.engine.sync_engine.logger.isEnabledFor(logging.INFO):
            self._echo(sql, parameters)
        if self.recorder is None:
            rows: list[Any] = await driver.fetch(sql, *parameters)
            return rows
        started = time.perf_counter()
        try:
            rows = await driver.fetch(sql, *parameters)
        except BaseException as error:
            self.recorder.statement(sql, parameters, started, time.perf_counter(), error=error)
            raise
        self.recorder.statement(sql, parameters, started, time.perf_counter(), rows=len(rows))
        return rows

    def _echo(self, sql: str, parameters: Sequence[object]) -> None:
        """Log the statement as SQLAlchemy's own echo does."""
        engine = self.engine.sync_engine
        token = self.recorder.logging_token() if self.recorder else None
        before = f"[{token}] " if token else ""
        engine.logger.info("%s%s", before, sql)
        if engine.hide_parameters:
            engine.logger.info("%s[driver] [SQL parameters hidden due to hide_parameters=True]", before)
        else:
            engine.logger.info("%s[driver] %r", before, tuple(parameters))


class ConnectionLost(Exception):
    """The connection was lost while the statement ran, by `error`."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


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
    info = entry.info
    if _UNASKED not in info and time.monotonic() - info.get(_RETURNED, math.inf) < IDLE:
        return
    if not in_greenlet():
        info[_UNASKED] = True
        return
    info.pop(_UNASKED, None)
    try:
        connection.ping()
    except (EmulatedDBAPIException, OSError) as error:
        raise InvalidatePoolError("the connection was lost while it was idle") from error
