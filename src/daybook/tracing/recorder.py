"""Listens to an engine and its sessions, and writes what they do into the trace of the running request."""

import logging
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, event
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.engine.interfaces import CacheStats, DBAPICursor, ExceptionContext, ExecuteStyle
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import Session
from sqlalchemy.pool import Pool

from daybook.tracing import text
from daybook.tracing.callsite import CallSites
from daybook.tracing.findings import find
from daybook.tracing.fingerprint import Shape, identity_of, shape_of, shape_of_text
from daybook.tracing.heartbeat import Heartbeat
from daybook.tracing.history import History
from daybook.tracing.pool import TracedPool, hold_of
from daybook.tracing.session import TracedSession
from daybook.tracing.silence import silence_of
from daybook.tracing.trace import DETAILS, Hold, Statement, Trace, current_span, current_trace, locate
from daybook.tracing.watch import open_watches, watch

logger = logging.getLogger("daybook.tracing")

_MOST_PARAMETERS = 10_000
"""Characters of parameters that are kept with a statement, when they are."""


class Recorder:
    """The one object that an application makes, and hands to where its engine and its middleware are made.

    `request_id` returns the running request's id, when it has one. `infrastructure` are the directories whose code
    runs statements on behalf of its callers, and is never named as the place they come from. Parameters' values are
    kept (and shown, and EXPLAIN ANALYZE is possible) only with `keep_parameters`.
    """

    session_class: ClassVar[type[Session]] = TracedSession
    """What sessions have to be made with: `async_sessionmaker(..., sync_session_class=recorder.session_class)`."""
    pool_class: ClassVar[type[Pool]] = TracedPool
    """What the engine has to be made with: `create_async_engine(..., poolclass=recorder.pool_class)`."""

    def __init__(
        self,
        *,
        request_id: Callable[[], str | None] = lambda: None,
        infrastructure: Sequence[Path] = (),
        keep_parameters: bool = False,
    ) -> None:
        self.history = History()
        self.engine: AsyncEngine | None = None
        self.on_finish: list[Callable[[Trace], None]] = []
        self._request_id = request_id
        self._call_sites = CallSites(infrastructure)
        self._keep_parameters = keep_parameters
        self._heartbeat = Heartbeat()
        self._running: WeakKeyDictionary[Connection, Statement] = WeakKeyDictionary()

    def install(self, engine: AsyncEngine) -> None:
        """Listen to this engine, and to those derived from it, for as long as it lives.

        At the engine's construction, and never for one request: a listener that was registered once slows an
        engine down for good.
        """
        self.engine = engine
        target = engine.sync_engine
        event.listen(target, "engine_connect", self._label)
        event.listen(target, "before_cursor_execute", self._before)
        event.listen(target, "after_cursor_execute", self._after)
        event.listen(target, "handle_error", self._failed)
        event.listen(target, "commit", lambda connection: self._mark(connection, "COMMIT"))
        event.listen(target, "rollback", lambda connection: self._mark(connection, "ROLLBACK"))

    def start(self, method: str, path: str) -> Trace:
        """Return a new trace; whoever starts one sets `current_trace` to it, and finishes it."""
        self._heartbeat.start()
        return Trace(
            method,
            path,
            watches=open_watches(),
            identify=self._identify,
            call_sites=self._call_sites,
            keep_parameters=self._keep_parameters,
        )

    def finish(self, trace: Trace) -> None:
        """Close a trace: judge it, keep it, log it."""
        trace.ended = time.perf_counter()
        trace.blocked = self._heartbeat.blocked(trace.started, trace.ended)
        self._heartbeat.stop()
        trace.findings = find(trace)
        for finding in trace.findings:
            if finding.silence is not None:
                finding.silence.used += 1
        self.history.add(trace)
        text.log(trace)
        for tell in self.on_finish:
            tell(trace)
        trace.let_go()

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
        self, sql: str, parameters: Sequence[Any] = (), *, connection: object = None
    ) -> Iterator[Statement]:
        """Record, and echo, a statement that is run on the driver itself.

        `connection` is the driver's, when it came from the engine's pool. Set `rows` and `columns` of what is
        yielded to how many came back. What is raised within is recorded, and goes on.
        """
        shape = shape_of_text(sql)
        hold = self._hold_of_driver(connection)
        identity = None if any(isinstance(value, list) for value in parameters) else identity_of(tuple(parameters))
        statement = self._begin(sql, shape, hold, identity, parameters)
        if self.engine is not None:
            text.echo(self.engine, sql, parameters)
        try:
            yield statement
        except BaseException as error:
            self._end(statement, type(error).__name__)
            raise
        self._end(statement)

    def logging_token(self) -> str | None:
        """Return what stands in brackets before each echoed line of the running request."""
        trace = current_trace.get()
        return trace.id if trace is not None else None

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
        """Record a statement that the driver has run and whose caller has echoed it; times of `time.perf_counter`."""
        trace = current_trace.get()
        held = [hold for hold in trace.holds if hold.ended is None] if trace is not None else []
        identity = None if any(isinstance(value, list) for value in parameters) else identity_of(tuple(parameters))
        run = self._begin(sql, shape_of_text(sql), held[-1] if held else None, identity, parameters, started=started)
        run.rows = rows or 0
        self._end(run, type(error).__name__ if error is not None else None, ended=ended)

    def _identify(self) -> str:
        # The end of an id and not its start, which is the same for a while where it is made from the time.
        given = self._request_id()
        name = re.sub(r"[^A-Za-z0-9_]", "", given)[-8:] if given else ""
        name = name or f"{random.getrandbits(32):08x}"
        return name if name not in self.history.traces else f"{name}_{random.getrandbits(16):04x}"

    def _label(self, connection: Connection) -> None:
        if (trace := current_trace.get()) and connection.engine.logger.isEnabledFor(logging.INFO):
            connection.execution_options(logging_token=trace.id)

    def _before(
        self,
        connection: Connection,
        _cursor: DBAPICursor,
        sql: str,
        parameters: Any,
        context: DefaultExecutionContext,
        executemany: bool,
    ) -> None:
        many = executemany or context.execute_style is ExecuteStyle.INSERTMANYVALUES
        self._running[connection] = self._begin(
            sql,
            shape_of(sql, context.compiled),
            hold_of(connection.connection),
            None if many else identity_of(parameters),
            parameters,
            option=context.execution_options.get("sql_expected"),
            cached=context.cache_hit is CacheStats.CACHE_HIT if context.compiled else None,
        )

    def _after(
        self,
        connection: Connection,
        cursor: DBAPICursor,
        _sql: str,
        _parameters: Any,
        _context: DefaultExecutionContext,
        _executemany: bool,
    ) -> None:
        statement = self._running.pop(connection, None)
        if statement is not None:
            statement.rows = max(0, cursor.rowcount)
            statement.columns = len(cursor.description or ())
            self._end(statement)

    def _failed(self, failure: ExceptionContext) -> None:
        # It comes for a statement that was cancelled, too, where `after_cursor_execute` does not.
        error = failure.original_exception
        statement = self._running.pop(failure.connection, None) if failure.connection is not None else None
        if statement is not None:
            self._end(statement, type(error).__name__)
        elif trace := current_trace.get():
            trace.fail()

    def _begin(
        self,
        sql: str,
        shape: Shape,
        hold: Hold | None,
        identity: int | None,
        parameters: Any,
        *,
        option: str | None = None,
        cached: bool | None = None,
        started: float | None = None,
    ) -> Statement:
        trace = current_trace.get()
        span = current_span.get()
        call = locate(trace, span)
        statement = Statement(
            number=trace.count + 1 if trace is not None else 0,
            sql=sql,
            shape=shape,
            call=call,
            started=0.0,
            hold=hold,
            span=span,
            cached=cached,
            identity=identity,
            silence=silence_of(option, call.site),
        )
        if trace is not None:
            if trace.keep_parameters and len(trace.statements) < DETAILS and len(repr(parameters)) < _MOST_PARAMETERS:
                statement.parameters = parameters
            statement.trace = trace
        watch(statement)
        statement.started = time.perf_counter() if started is None else started
        if trace is not None:
            trace.begin(statement)
        return statement

    def _end(self, statement: Statement, error: str | None = None, *, ended: float | None = None) -> None:
        statement.ended = time.perf_counter() if ended is None else ended
        statement.error = error
        if statement.hold is not None:
            statement.hold.sql += statement.seconds
        if statement.span is not None:
            statement.span.inner += statement.seconds
        if statement.trace is not None:
            statement.trace.end(statement)

    def _mark(self, connection: Connection, what: str) -> None:
        trace = current_trace.get()
        if trace is None or len(trace.marks) >= DETAILS or connection.closed or connection.invalidated:
            return
        if connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT":
            return  # the driver has nothing to end
        if hold := hold_of(connection.connection):
            trace.marks.append((time.perf_counter(), hold.connection, what))

    def _hold_of_driver(self, connection: object) -> Hold | None:
        pool = self.engine.sync_engine.pool if self.engine is not None else None
        if connection is None or not isinstance(pool, TracedPool):
            return None
        return next((hold for hold in pool.holds if hold.driver is connection), None)
