"""Connections leased from the engine's pool: each serves one statement after the other, without a checkout for each.

What SQLAlchemy does around a statement (a Connection, a transaction, a result) costs more than a small statement, and
so does a checkout from the pool with its events and its reset. A lease is one checkout, `AsyncEngine.raw_connection()`,
for as long as it serves; docs/decisions/0009-leased-connections.md has the figures.

Leases and units of work share one pool. Every connection of it may be leased, and none is kept from a unit of work:
`LeasingPool` asks for one that is idle when a checkout would find none, and a statement that ends while a checkout
waits gives its connection back.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.exc import EmulatedDBAPIException
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ManagesConnection, PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from daybook.database.pool import IDLE, USED_AT, LeasingPool

PING_TIMEOUT = 1.0
"""Seconds in which it has to answer."""
_MADE = "daybook.made"
"""What a connection's `info` has: when it was first leased, from which on its age is counted."""


class StatementRecorder(Protocol):
    """What debugging tools see of the statements that do not pass through SQLAlchemy."""

    def begin(self, sql: str, parameters: Sequence[object], connection: ManagesConnection) -> Any:
        """Take note that a statement begins, from the stack of the code that asks for it."""

    def end(self, statement: Any, *, rows: int = 0, error: BaseException | None = None) -> None:
        """Take note that it has ended: with so many rows, or with an error."""

    def taken(self, connection: ManagesConnection) -> None:
        """Take note that a leased connection is in use from now on."""

    def released(self, connection: ManagesConnection) -> None:
        """Take note that it is idle again."""


class ConnectionLost(Exception):
    """The connection was lost while the statement ran, by `error`."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


@dataclass(slots=True)
class Lease:
    """A connection that is checked out of the pool for one statement after the other."""

    connection: PoolProxiedConnection
    driver: Any
    """asyncpg's own connection."""
    until: float
    """When it is old enough to be replaced."""
    used_at: float = -math.inf
    """When its last statement ended."""


class LeasedConnections:
    """Runs statements on connections leased from an engine whose pool is a `LeasingPool`.

    `size` is how many connections the pool has, overflow included. `recycle` is the age in seconds at which a
    connection is given back to be replaced; -1 for never.
    """

    def __init__(
        self, engine: AsyncEngine, *, size: int, recycle: float = -1, recorder: StatementRecorder | None = None
    ) -> None:
        pool = engine.sync_engine.pool
        if not isinstance(pool, LeasingPool):
            raise TypeError("leasing takes an engine that was made with poolclass=LeasingPool")
        pool.return_lease = self._return_idle
        self.recorder = recorder
        self._engine = engine
        self._pool = pool
        self._recycle = recycle if recycle >= 0 else math.inf
        self._idle: deque[Lease] = deque()
        # As many statements at once as there are connections; further ones wait in the order in which they came.
        self._turns = asyncio.Semaphore(size)

    async def fetch(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        """Return the statement's rows.

        Raises ConnectionLost, and else what `database.failures.classify` knows: asyncpg's errors as they are,
        SQLAlchemy's TimeoutError when no connection comes free in time.
        """
        if self._turns.locked():
            await self._wait()
        else:
            await self._turns.acquire()
        try:
            lease = await self._take()
            try:
                rows = await self._execute(lease, sql, parameters)
            except BaseException as error:
                await self._judge(lease, error)
                raise
            await self._put_back(lease)
            return rows
        finally:
            self._turns.release()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._pool.timeout()):
                await self._turns.acquire()
        except TimeoutError:
            raise PoolTimeoutError("all connections are busy with other statements") from None

    async def _take(self) -> Lease:
        """Return a connection that is fit for use: an idle one, or one more of the pool's."""
        while self._idle:
            lease = self._idle.pop()  # the one used last: its caches, here and in its backend, are warm
            now = time.monotonic()
            try:
                lives = not lease.driver.is_closed() and (now - lease.used_at <= IDLE or await _answers(lease.driver))
            except BaseException:  # cancelled while it was asked: it would be out of the pool for good
                await greenlet_spawn(lease.connection.invalidate)
                raise
            if not lives:
                await greenlet_spawn(lease.connection.invalidate)
            elif now >= lease.until:
                await greenlet_spawn(lease.connection.close)
            else:
                if self.recorder is not None:
                    self.recorder.taken(lease.connection)
                return lease
        try:
            connection = await self._engine.raw_connection()
        except EmulatedDBAPIException as error:
            raise error.driver_exception from error
        made_at = connection.info.setdefault(_MADE, time.monotonic())
        return Lease(connection, connection.driver_connection, made_at + self._recycle)

    async def _put_back(self, lease: Lease) -> None:
        """Keep a connection for the next statement, unless somebody waits for it or the pool has one too many."""
        surplus = self._pool.overflow() > 0 and not self._turns.locked()
        if self._pool.waiting or surplus:
            await greenlet_spawn(lease.connection.close)
            return
        if self.recorder is not None:
            self.recorder.released(lease.connection)
        lease.used_at = time.monotonic()
        self._idle.append(lease)

    def _return_idle(self) -> bool:
        """Give one idle connection back to the pool, in a greenlet of SQLAlchemy's; False when there is none."""
        if not self._idle:
            return False
        lease = self._idle.popleft()
        lease.connection.info[USED_AT] = lease.used_at
        lease.connection.close()
        return True

    async def _judge(self, lease: Lease, error: BaseException) -> None:
        """Drop a connection that is not to be used again after a failure; ConnectionLost if it was lost."""
        lost = lease.driver.is_closed()
        if not lost and isinstance(error, Exception) and not isinstance(error, TimeoutError):
            await self._put_back(lease)
            return
        # Lost, or given up in mid-query (a timeout, a cancelled request): never to be used again.
        await greenlet_spawn(lease.connection.invalidate, error)
        if lost and isinstance(error, Exception):
            for other in self._idle:
                other.used_at = -math.inf  # what ended one may have ended all: they are asked first
            raise ConnectionLost(error) from error

    async def _execute(self, lease: Lease, sql: str, parameters: Sequence[object]) -> list[Any]:
        if self._engine.sync_engine.logger.isEnabledFor(logging.INFO):
            self._echo(sql, parameters)
        if self.recorder is None:
            rows: list[Any] = await lease.driver.fetch(sql, *parameters)
            return rows
        statement = self.recorder.begin(sql, parameters, lease.connection)
        try:
            rows = await lease.driver.fetch(sql, *parameters)
        except BaseException as error:
            self.recorder.end(statement, error=error)
            raise
        self.recorder.end(statement, rows=len(rows))
        return rows

    def _echo(self, sql: str, parameters: Sequence[object]) -> None:
        """Log the statement as SQLAlchemy's own echo does."""
        engine = self._engine.sync_engine
        engine.logger.info("%s", sql)
        if engine.hide_parameters:
            engine.logger.info("[driver] [SQL parameters hidden due to hide_parameters=True]")
        else:
            engine.logger.info("[driver] %r", tuple(parameters))


async def _answers(driver: Any) -> bool:
    try:
        await driver.fetchval("SELECT 1", timeout=PING_TIMEOUT)
    except Exception:  # noqa: BLE001 - whatever it is, another connection is taken
        return False
    return True
