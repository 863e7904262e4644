"""What is known of one request: its statements, its connections, where its time went.

Every statement of every request passes here, so it is written to be cheap: plain fields, nothing made before it is
needed, and what only a reader or a finding asks for is made when they ask.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter, time
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy.orm import RelationshipProperty
from sqlalchemy.pool import ConnectionPoolEntry

from daybook.tracing.callsite import DEFAULT, Call, CallSites, Site
from daybook.tracing.fingerprint import Shape
from daybook.tracing.group import Group, Groups
from daybook.tracing.silence import Silence

if TYPE_CHECKING:
    from daybook.tracing.findings import Finding

DETAILS = 100
"""Statements, connections and transaction marks of a trace that are kept one by one; past it they are counted."""
MOST_PARAMETERS = 10_000
"""Characters of parameters that are kept with a statement, when they are."""


@dataclass(frozen=True, slots=True)
class Load:
    """Why the ORM ran a statement: an attribute touched (`lazy`), columns read again, or loading ahead (`eager`)."""

    kind: Literal["lazy", "column", "eager"]
    attribute: str
    parent: int
    to_many: bool = False
    relationship: RelationshipProperty[Any] | None = None
    """What is loaded ahead."""


@dataclass(slots=True, eq=False)
class OrmSpan:
    """One call of a session: `inner` is what pool, driver and nested calls took of it, `objects` what it made."""

    started: float
    parent: "OrmSpan | None"
    ended: float = 0.0
    inner: float = 0.0
    call: Call | None = None
    load: Load | None = None
    hold: "Hold | None" = None
    objects: Counter[type] | None = None

    @property
    def seconds(self) -> float:
        """The time the ORM itself took: compiling and hydrating."""
        return max(0.0, self.ended - self.started - self.inner)


@dataclass(slots=True, eq=False)
class Hold:
    """A connection, from its checkout to its return."""

    trace: "Trace | None"
    """Whose it is while it is held."""
    entry: ConnectionPoolEntry
    """The connection's place in the pool."""
    started: float
    site: Site | None = None
    ended: float | None = None
    sql: float = 0.0
    orm: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it is, or was, held."""
        return (self.ended or perf_counter()) - self.started


@dataclass(slots=True, eq=False)
class Statement:
    """One round to the database. Times are of `time.perf_counter`; `ended` is 0 while it runs."""

    sql: str
    shape: Shape
    call: Call
    hold: Hold | None
    span: OrmSpan | None
    silence: Silence | None
    parameters: Sequence[Any] | None
    """None where no two runs should be compared; forgotten with the request's end, unless they are to be kept."""
    started: float
    cached: bool | None = None
    number: int = 0
    ended: float = 0.0
    rows: int = 0
    columns: int = 0
    error: str | None = None
    attempt: int = 0
    epoch: int = 0
    same_as: int = 0
    group: Group | None = None

    @property
    def seconds(self) -> float:
        """The driver's time; 0 while it runs."""
        return max(0.0, self.ended - self.started)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a request loads ahead, by which line, and the mapped attributes that it reads, if that is to be seen."""

    loaded: set[tuple[RelationshipProperty[Any], Site | None]] = field(default_factory=set)
    read: set[tuple[type, str]] = field(default_factory=set)


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
    findings: "Sequence[Finding]" = ()

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
