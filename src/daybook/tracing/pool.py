"""The pool of debug mode: how long a request waited for a connection; who holds one, since when and where."""

import logging
import sys
from time import perf_counter
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, ManagesConnection, Pool, PoolProxiedConnection

from daybook.tracing.records import Hold, OrmSpan
from daybook.tracing.trace import DETAILS, Trace, current_span, current_trace, locate

logger = logging.getLogger("daybook.tracing")

_HOLD = "daybook.tracing.hold"
_ENTRY = "daybook.tracing.entry"
IDLE_AFTER = 0.5
"""Seconds that a connection may be held with little to do before it is worth a warning."""


class TracedPool(AsyncAdaptedQueuePool):
    """SQLAlchemy's own pool, that keeps a note of each connection it has given out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.holds: set[Hold] = set()
        """Of the connections that are out."""

    def connect(self) -> PoolProxiedConnection:
        """Return a connection; that it had to be made anew, or asked whether it lives, counts as waiting for it."""
        trace, span = current_trace.get(), current_span.get()
        call = locate(trace, span, sys._getframe(1))  # noqa: SLF001 - as in callsite.py
        connection = super().connect()
        hold = hold_of(connection)
        if hold is not None:
            hold.site = call.site
            taken, hold.started = hold.started, perf_counter()
            _add_wait(trace, span, hold.started - taken)
        return connection

    def _do_get(self) -> ConnectionPoolEntry:
        """Take a connection out; when none came free in time, log who holds them all, and raise as ever.

        Who takes one by this alone, and not by `connect`, is known by the first statement that is run on it.
        """
        trace = current_trace.get()
        started = perf_counter()
        try:
            entry = super()._do_get()
        except PoolTimeout:
            holders = "; ".join(map(describe_hold, self.holds))
            logger.error("pool exhausted: %s", holders)  # noqa: TRY400 - it is raised, and logged by who handles it
            raise
        finally:
            now = perf_counter()
            _add_wait(trace, current_span.get(), now - started)
        if entry.record_info is not None:
            entry.record_info[_ENTRY] = entry
        self._note_taken(trace, entry, now)
        return entry

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        self.note_released(record)
        super()._do_return_conn(record)

    def note_taken(self, connection: ManagesConnection) -> None:
        """Take note that a connection that stays checked out between its uses is in use again."""
        entry: ConnectionPoolEntry = (connection.record_info or {})[_ENTRY]
        self._note_taken(current_trace.get(), entry, perf_counter())

    def note_released(self, connection: ManagesConnection) -> None:
        """Take note that nobody uses it any more, or for the time being."""
        hold: Hold | None = (connection.record_info or {}).pop(_HOLD, None)
        if hold is None:
            return
        self.holds.discard(hold)
        holder, hold.holder = hold.holder, None
        hold.ended = perf_counter()
        if holder is not None:
            seconds = hold.ended - hold.started
            holder.held += seconds
            if seconds > IDLE_AFTER and held_for_nothing(hold) and len(holder.idle_holds) < DETAILS:
                holder.idle_holds = (*holder.idle_holds, hold)

    def _note_taken(self, trace: Trace | None, entry: ConnectionPoolEntry, now: float) -> None:
        hold = Hold(trace, entry, now)
        self.holds.add(hold)
        if entry.record_info is not None:
            entry.record_info[_HOLD] = hold
        if trace is not None and len(trace.holds) < DETAILS:
            trace.holds.append(hold)


def _add_wait(trace: Trace | None, span: OrmSpan | None, seconds: float) -> None:
    if trace is not None:
        trace.pool += seconds
    if span is not None:
        span.inner += seconds


def hold_of(connection: ManagesConnection) -> Hold | None:
    """Return the note about a connection that is checked out."""
    return (connection.record_info or {}).get(_HOLD)


def is_being_made(connection: ManagesConnection, pool: Pool) -> bool:
    """Whether a pool's connection was not given out yet: SQLAlchemy is asking what kind of server it has reached."""
    record_info = connection.record_info
    return record_info is not None and _HOLD not in record_info and isinstance(pool, TracedPool)


def held_for_nothing(hold: Hold) -> bool:
    """Whether SQL, and what the ORM makes of it, took less than a tenth of the time that a connection is held."""
    return hold.sql + hold.orm < hold.seconds / 10


def describe_hold(hold: Hold) -> str:
    """Return a sentence for a log about a connection that is held."""
    who = f"{hold.holder.method} {hold.holder.route}" if hold.holder is not None else "code outside any request"
    where = hold.site or "an unknown line"
    return f"{who} holds 1 connection for {hold.seconds:.1f} s at {where} (SQL {hold.sql * 1000:.0f} ms)"
