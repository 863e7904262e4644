"""Listens to an engine and its sessions, and writes what they do into the trace of the running request."""

import itertools
import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from types import FrameType
from typing import Any, ClassVar

from sqlalchemy import event
from sqlalchemy.engine.interfaces import CacheStats, DBAPICursor, ExceptionContext, ExecuteStyle
from sqlalchemy.exc import EmulatedDBAPIException
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Session
from sqlalchemy.pool import ManagesConnection, Pool, PoolProxiedConnection

from daybook.tracing import text
from daybook.tracing.callsite import CallSites
from daybook.tracing.findings import find
from daybook.tracing.fingerprint import Shape, shape_of, shape_of_text
from daybook.tracing.heartbeat import Heartbeat
from daybook.tracing.history import History
from daybook.tracing.pool import TracedPool, hold_of, is_being_made
from daybook.tracing.reads import Reads, note_loaded
from daybook.tracing.records import Reading, Statement
from daybook.tracing.session import TracedSession
from daybook.tracing.silence import current_silence, silence_of
from daybook.tracing.trace import DETAILS, Trace, Tracing, current_span, current_trace, locate
from daybook.tracing.watch import open_watches, watch

_NOT_OF_A_NAME = re.compile(r"[^A-Za-z0-9_]")


class Recorder:
    """The one object that an application makes, and hands to where its engine and its middleware are made.

    `request_id` returns the running request's id, when it has one. `infrastructure` are the directories whose code
    runs statements on behalf of its callers, and is never named as the place they come from. Parameters' values are
    kept (and shown, and EXPLAIN ANALYZE is possible) only with `keep_parameters`. With `track_reads`, which costs a
    little at each reading of a mapped attribute in the whole process, relationships that are loaded ahead and never
    read are told of.
    """

    session_class: ClassVar[type[Session]] = TracedSession
    """What sessions have to be made with: `async_sessionmaker(..., sync_session_class=recorder.session_class)`."""
    pool_class: ClassVar[type[Pool]] = TracedPool
    """What the engine has to be made with: `create_async_engine(..., poolclass=recorder.pool_class)`."""

    def __init__(
        self,
        *,
        request_id: Callable[[], str | None] | None = None,
        infrastructure: Sequence[Path] = (),
        keep_parameters: bool = False,
        track_reads: bool = False,
    ) -> None:
        self.history = History()
        self.engine: AsyncEngine | None = None
        self.on_finish: list[Callable[[Trace], None]] = []
        self._request_id = request_id
        self._numbers = itertools.count(random.getrandbits(31))
        self._tracing = Tracing(self._identify, CallSites(infrastructure), keep_parameters)
        self._reads = Reads() if track_reads else None
        self._heartbeat = Heartbeat()

    def install(self, engine: AsyncEngine) -> None:
        """Listen to this engine, and to those derived from it, for as long as it lives.

        At the engine's construction, and never for one request: a listener that was registered once slows an
        engine down for good. Statements are run by this one, so that other listeners to `do_execute` are only called
        if they are registered before.
        """
        self.engine = engine
        dialect = engine.sync_engine.dialect
        # None is an event of connections: an engine that has one joins its listeners anew for each connection and each
        # kind of event, which costs more than all that is done here. And only what runs the statement itself is told
        # of it after echo, whose time is not the database's.
        event.listen(engine.sync_engine, "do_execute", self._execute)
        event.listen(engine.sync_engine, "do_executemany", self._execute_many)
        event.listen(engine.sync_engine, "do_execute_no_params", self._execute_text)
        event.listen(engine.sync_engine, "handle_error", self._failed)
        for name, what in (("do_commit", "COMMIT"), ("do_rollback", "ROLLBACK")):
            setattr(dialect, name, self._marking(getattr(dialect, name), what))
        text.label_echo(engine)

    def start(self, method: str, path: str) -> Trace:
        """Return a new trace; whoever starts one sets `current_trace` to it, and finishes it."""
        self._heartbeat.start()
        trace = Trace(method, path, self._tracing, (*open_watches,), route=path)
        if self._reads is not None:
            trace.reading = Reading()
        return trace

    def finish(self, trace: Trace) -> None:
        """Close a trace: judge it, keep it, log it."""
        trace.ended = perf_counter()
        trace.blocked = self._heartbeat.stop(trace.started, trace.ended)
        trace.findings = find(trace)
        if self._reads is not None and trace.reading is not None:
            trace.findings = [*trace.findings, *self._reads.judge(trace.reading)]
        for finding in trace.findings:
            if finding.silence is not None:
                finding.silence.used += 1
        self.history.add(trace)
        text.log(trace)
        for tell in self.on_finish:
            tell(trace)

    @contextmanager
    def trace(self, name: str) -> Iterator[Trace]:
        """Trace something that is no request, such as a job."""
        trace = self.start("JOB", name)
        token = current_trace.set(trace)
        try:
            yield trace
        except BaseException as error:
            trace.outcome = type(error).__name__
            raise
        finally:
            current_trace.reset(token)
            self.finish(trace)

    @contextmanager
    def driver_statement(
        self, sql: str, parameters: Sequence[Any] = (), *, connection: ManagesConnection | None = None
    ) -> Iterator[Statement]:
        """Record, and echo, a statement that is run on the driver itself.

        `connection` is what the pool gave out, if it was the engine's. Set `rows` and `columns` of what is yielded to
        how many came back. What is raised within is recorded, and goes on.
        """
        if self.engine is not None:
            text.echo(self.engine, sql, parameters)  # before it begins: echo takes as long as a small statement
        statement = self.begin(sql, parameters, connection)
        try:
            yield statement
        except BaseException as error:
            self.end(statement, error=error)
            raise
        self.end(statement)

    def begin(self, sql: str, parameters: Sequence[object], connection: ManagesConnection | None = None) -> Statement:
        """Record that a statement is run on the driver from now on; whoever begins one ends it.

        `connection` is what the pool gave out, if it was the engine's.
        """
        within = sys._getframe(1)  # noqa: SLF001 - as in callsite.py
        return self._begin(sql, shape_of_text(sql), connection, tuple(parameters), within)

    def end(self, statement: Statement, *, rows: int = 0, error: BaseException | None = None) -> None:
        """Record that a statement has ended, and how."""
        statement.ended = perf_counter()
        seconds = statement.ended - statement.started
        statement.rows = rows or statement.rows
        if error is not None:
            # SQLAlchemy's adapter raises its own, with few names; the driver's within tells more.
            told = error.orig if isinstance(error, EmulatedDBAPIException) and error.orig else error
            statement.error = type(told).__name__
        if statement.hold is not None:
            statement.hold.sql += seconds
        if statement.span is not None:
            statement.span.inner += seconds
            statement.span.hold = statement.hold
        trace = current_trace.get()
        if trace is not None:
            trace.end(statement)

    def taken(self, connection: ManagesConnection) -> None:
        """Record that a connection which stays checked out of the engine's pool between its uses is in use again."""
        if self.engine is not None and isinstance(pool := self.engine.sync_engine.pool, TracedPool):
            pool.note_taken(connection)

    def released(self, connection: ManagesConnection) -> None:
        """Record that such a connection is idle, until it is taken again."""
        if self.engine is not None and isinstance(pool := self.engine.sync_engine.pool, TracedPool):
            pool.note_released(connection)

    def _identify(self) -> str:
        given = self._request_id() if self._request_id is not None else None
        if not given:
            return f"{next(self._numbers):08x}"
        # The end of an id and not its start, which is the same for a while where it is made from the time.
        name = given[-8:] if given.isalnum() else _NOT_OF_A_NAME.sub("", given)[-8:]
        return name if name and name not in self.history else f"{name}_{next(self._numbers):08x}"

    def _execute(self, cursor: DBAPICursor, sql: str, parameters: Any, context: Any) -> bool:
        many = context.execute_style is ExecuteStyle.INSERTMANYVALUES
        run = context.dialect.do_execute
        return self._run(context, sql, None if many else parameters, lambda: run(cursor, sql, parameters, context))

    def _execute_many(self, cursor: DBAPICursor, sql: str, parameters: Any, context: Any) -> bool:
        run = context.dialect.do_executemany
        return self._run(context, sql, None, lambda: run(cursor, sql, parameters, context))

    def _execute_text(self, cursor: DBAPICursor, sql: str, context: Any) -> bool:
        run = context.dialect.do_execute_no_params
        return self._run(context, sql, (), lambda: run(cursor, sql, context))

    def _run(self, context: Any, sql: str, parameters: Any, run: Callable[[], None]) -> bool:
        """Run a statement of SQLAlchemy's, unless it is not the application's; return whether it was run."""
        compiled, cursor, connection = context.compiled, context.cursor, context.root_connection
        if is_being_made(connection.connection, connection.engine.pool):
            return False
        statement = context.traced = self._begin(
            sql,
            shape_of(sql, compiled),
            connection.connection,
            parameters,
            sys._getframe(2),  # noqa: SLF001 - as in callsite.py
            context.execution_options.get("sql_expected"),
        )
        statement.cached = context.cache_hit is CacheStats.CACHE_HIT if compiled is not None else None
        try:
            run()
        except BaseException as error:
            self.end(statement, error=error)
            raise
        statement.columns = len(cursor.description or ())
        self.end(statement, rows=max(0, cursor.rowcount))
        trace = current_trace.get()
        if trace is not None and trace.reading is not None and statement.rows:
            note_loaded(trace.reading, statement)
        return True

    def _failed(self, failure: ExceptionContext) -> None:
        # That a statement failed to run is known already; here it is a commit, say, or the fetching of its rows.
        statement: Statement | None = getattr(failure.execution_context, "traced", None)
        if (statement is None or statement.error is None) and (trace := current_trace.get()):
            trace.fail()

    def _begin(  # noqa: PLR0917 - called for every statement, where names would cost
        self,
        sql: str,
        shape: Shape,
        connection: ManagesConnection | None,
        parameters: Sequence[Any] | None,
        within: FrameType,
        option: str | None = None,
    ) -> Statement:
        trace, span = current_trace.get(), current_span.get()
        call = locate(trace, span, within)
        silence = current_silence.get() if option is None else silence_of(option, call.site)
        hold = hold_of(connection) if connection is not None else None
        if hold is not None and hold.site is None:
            hold.site = call.site
        statement = Statement(sql, shape, call, hold, span, silence, parameters, perf_counter())
        if trace is not None:
            trace.begin(statement)
        if open_watches:
            watch(statement, trace)
        return statement

    def _marking(
        self, end: Callable[[PoolProxiedConnection], None], what: str
    ) -> Callable[[PoolProxiedConnection], None]:
        """Return a dialect's way to end a transaction that also notes when it did, if there was one to end."""

        def end_and_mark(connection: PoolProxiedConnection) -> None:
            trace = current_trace.get()
            hold = hold_of(connection) if trace is not None and len(trace.marks) < DETAILS else None
            ends = hold is not None and _in_transaction(connection.driver_connection)
            end(connection)
            if trace is not None and hold is not None and ends:
                trace.marks = (*trace.marks, (perf_counter(), hold.entry, what))

        return end_and_mark


def _in_transaction(driver: Any) -> bool:
    # One that commits each statement by itself has nothing to end. asyncpg knows, until the connection is lost.
    return not driver.is_closed() and bool(driver.is_in_transaction())
