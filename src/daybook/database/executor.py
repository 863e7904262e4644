"""Where a compiled statement runs: by itself on a leased connection, or in the transaction of a session.

Whoever has a statement asks for an `Executor` and does not care which it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from daybook.database.leases import ConnectionLost, LeasedConnections


class Executor(Protocol):
    """What runs compiled statements."""

    async def fetch(self, sql: str, parameters: Sequence[object], /) -> list[Any]:
        """Return the statement's rows."""


@dataclass(frozen=True, slots=True)
class AutocommitExecutor:
    """Runs each statement by itself, atomic without BEGIN and COMMIT; one serves the whole process."""

    connections: LeasedConnections
    repeats_lost: bool
    """Whether a statement whose connection was lost is run once more, on another one: right for reads alone. Whether a
    write that lost its connection was carried out, only its caller can tell, by an id or a key of its own."""

    async def fetch(self, sql: str, parameters: Sequence[object], /) -> list[Any]:
        """Return the statement's rows; raises what `database.failures.classify` knows."""
        try:
            try:
                return await self.connections.fetch(sql, parameters)
            except ConnectionLost:
                if not self.repeats_lost:
                    raise
            return await self.connections.fetch(sql, parameters)
        except ConnectionLost as lost:
            raise lost.error from lost.error.__cause__


@dataclass(frozen=True, slots=True)
class SessionExecutor:
    """Runs statements in the transaction of a session, beside whatever else the session does."""

    session: AsyncSession

    async def fetch(self, sql: str, parameters: Sequence[object], /) -> list[Any]:
        """Return the statement's rows; raises SQLAlchemy's errors."""
        connection = await self.session.connection()
        return list(await connection.exec_driver_sql(sql, tuple(parameters)))
