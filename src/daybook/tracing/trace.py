"""What is known of one request: its statements, its connections, where its time went.

Every statement of every request passes here, so it is written to be cheap: plain fields, nothing made before it is
needed, and what only a reader or a finding asks for is made when they ask.
"""

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter, time
from types import CodeType, FrameType
from typing import Any

from sqlalchemy.pool import ConnectionPoolEntry

from daybook.tracing.callsite import DEFAULT, Call, CallSites, Site
from daybook.tracing.group import Groups
from daybook.tracing.records import Finding, Hold, Load, OrmSpan, Reading, Statement

DETAILS = 100
"""Statements, connections and transaction marks of a trace that are kept one by one; past it they are counted."""
MOST_PARAMETERS = 10_000
"""Characters of parameters that are kept with a statement, when they are."""


@dataclass(frozen=True, slots=True, eq=False)
class Tracing:
    """What all traces of a recorder have in common."""

    identify: Callable[[], str]
    """Returns the running request's id."""
    call_sites: CallSites
    keep_parameters: bool


@dataclass(slots=True, eq=False)
class Trace:
    """Everything one request did with the database. Mutable: every task that the request starts writes into it."""

    method: str
    path: str
    tracing: Tracing
    watches: Sequence[list[Statement]] = ()

    scope: Mapping[str, Any] | None = None
    """Of the running request."""
    route: str = ""
    endpoint: Any = None
    """The route's function, from when it is known."""
    status: int | None = None
    outcome: str | None = None
    budget: int | None = None
    at: float = field(default_factory=time)
    started: float = field(default_factory=perf_counter)
    response_started: float | None = None
    response_ended: float | None = None
    ended: float | None = None

    statements: list[Statement] = field(default_factory=list)
    count: int = 0
    errors: int = 0
    rows: int = 0
    db: float = 0.0
    db_wall: float = 0.0
    pool: float = 0.0
    orm: float = 0.0
    held: float = 0.0
    blocked: Sequence[tuple[float, float]] = ()
    holds: list[Hold] = field(default_factory=list)
    idle_holds: Sequence[Hold] = ()
    cascades: bool = False
    """Whether a statement has joins that its mapping asked for."""
    marks: Sequence[tuple[float, ConnectionPoolEntry, str]] = ()
    """When a transaction ended, on which connection, and how."""
    failures: Sequence[tuple[str, Load, Site | None]] = ()
    findings: Sequence[Finding] = ()

    reading: Reading | None = None

    _id: str = field(default="", init=False)
    _groups: Groups | None = field(default=None, init=False)
    _epoch: int = field(default=0, init=False)
    _running: int = field(default=0, init=False)
    _running_since: float = field(default=0.0, init=False)

    @property
    def id(self) -> str:
        """Settled when it is first needed: what gives the request its id may run inside what traces it."""
        if not self._id:
            self._id = self.tracing.identify()
        return self._id

    @property
    def seconds(self) -> float:
        """From the request's arrival to its end, or to now."""
        return (self.ended or perf_counter()) - self.started

    @property
    def entrance(self) -> CodeType | None:
        """The code of the route's function: what has called it, all requests have passed alike."""
        if self.scope is None:
            return None
        self.endpoint = self.endpoint or self.scope.get("endpoint")
        return getattr(self.endpoint, "__code__", None)

    def begin(self, statement: Statement) -> None:
        """Take note that a statement starts."""
        statement.number = self.count = self.count + 1
        if self._running == 0:
            self._running_since = statement.started
        self._running += 1
        if statement.shape.writes:
            self._epoch += 1
        if statement.shape.cascade is not None:
            self.cascades = True
        statement.attempt = self.errors
        statement.epoch = self._epoch
        if self.ended is not None:
            statement.parameters = None  # what the request left running is listed, and no longer judged
        if self.count <= DETAILS:
            self.statements.append(statement)
        elif self.ended is None:
            self.groups().compare(statement)

    def end(self, statement: Statement) -> None:
        """Take note that it ended, well or not."""
        self.db += statement.ended - statement.started
        self.rows += statement.rows
        self._running -= 1
        if self._running == 0:
            self.db_wall += statement.ended - self._running_since
        if statement.group is not None:
            statement.group.rows += statement.rows
        if statement.error is not None:
            self.fail()

    def fail(self) -> None:
        """Take note that a statement or a commit failed: what is repeated from here on is a retry."""
        self.errors += 1
        self._epoch += 1

    def groups(self) -> Groups:
        """Return which statements repeat one another so far."""
        if self._groups is None:
            self._groups = Groups()
        self._groups.take_in(self.statements)
        return self._groups

    def let_go(self) -> None:
        """Drop what only the findings needed, and every circle, so that memory is free as soon as the trace is."""
        self.reading = None
        self._groups = None
        keep = self.tracing.keep_parameters
        for statement in self.statements:
            statement.group = None
            if not keep or len(repr(statement.parameters)) > MOST_PARAMETERS:
                statement.parameters = None


def locate(trace: Trace | None, span: OrmSpan | None, within: FrameType | None = None) -> Call:
    """Return where the code that runs `within` a frame was called from.

    All that one call of a session does comes from one place.
    """
    if span is not None:
        if span.call is None and span.parent is not None:
            span.call = span.parent.call
        if span.call is not None:
            return span.call
    sites = trace.tracing.call_sites if trace is not None else DEFAULT
    call = sites.find(trace.entrance if trace is not None else None, within=within)
    if span is not None:
        span.call = call
    return call


current_trace: ContextVar[Trace | None] = ContextVar("current_trace", default=None)
"""The trace of the running request; tasks that it starts inherit it."""
current_span: ContextVar[OrmSpan | None] = ContextVar("current_span", default=None)
"""The session call under way."""
