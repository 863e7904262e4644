"""The engine's pool: it asks for leased connections back, and whether an idle connection still lives."""

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import EmulatedDBAPIException, InvalidatePoolError
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, PoolProxiedConnection

IDLE = 5.0
"""Seconds after which a connection that nobody used is asked whether it still lives."""
USED_AT = "daybook.used_at"
"""What the `info` of a connection has that comes back from a lease: when it was used last."""
_IDLE_SINCE = "daybook.idle_since"


class LeasingPool(AsyncAdaptedQueuePool):
    """SQLAlchemy's own pool, which asks for a leased connection back before it lets a checkout wait.

    It also replaces SQLAlchemy's ping before use, which spends three round trips (BEGIN, a ping, ROLLBACK) on every
    checkout. That a connection was closed is known without asking; so only one that was idle for longer is asked.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.return_lease: Callable[[], bool] = bool
        """Gives a leased connection back that is idle; False when there is none."""
        self.waiting = 0
        """How many checkouts are under way."""
        event.listen(self, "checkin", _note_idle)
        event.listen(self, "checkout", _refuse_lost)

    def connect(self) -> PoolProxiedConnection:
        """Return a connection; SQLAlchemy's TimeoutError when none comes free in time."""
        if not self.checkedin():
            self.return_lease()
        self.waiting += 1
        try:
            return super().connect()
        finally:
            self.waiting -= 1

    def dispose(self) -> None:
        """Close every connection that is idle, the leased ones too."""
        while self.return_lease():
            pass
        super().dispose()


def _note_idle(_connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    entry.info[_IDLE_SINCE] = entry.info.pop(USED_AT, None) or time.monotonic()


def _refuse_lost(connection: Any, entry: ConnectionPoolEntry, _proxied: PoolProxiedConnection) -> None:
    """Have the pool take another connection for one that was lost while it was idle."""
    if connection.driver_connection.is_closed():
        raise InvalidatePoolError("the connection was closed while it was idle")
    since = entry.info.get(_IDLE_SINCE)
    if since is None or time.monotonic() - since < IDLE:
        return
    try:
        connection.ping()
    except (EmulatedDBAPIException, OSError) as error:
        raise InvalidatePoolError("the connection was lost while it was idle") from error
