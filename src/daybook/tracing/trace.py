"""What is known of one request: its statements, its connections, where its time went."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

from daybook.tracing.callsite import DEFAULT, Call, CallSites, Site
from daybook.tracing.fingerprint import Shape
from daybook.tracing.silence import Silence

DETAILS = 100
"""Statements, connections and transaction marks of a trace that are kept one by one; past it they are counted."""
MOST_GROUPS = 500
"""Different statements of a trace that are watched for repetition."""
MOST_IDENTITIES = 200
"""Different parameters of one statement that are told apart."""


@dataclass(frozen=True, slots=True)
class Load:
    """Why the ORM ran a statement: an attribute touched (`lazy`), columns read again, or loading ahead (`eager`)."""

    kind: Literal["lazy", "column", "eager"]
    attribute: str
    parent: int
    to_many: bool = False


@dataclass(slots=True, eq=False)
class OrmSpan:
    """One call of a session: `inner` is what pool, driver and nested calls took of it, `objects` what it made."""

    started: float
    parent: "OrmSpan | None"
    ended: float = 0.0
    inner: float = 0.0
    call: Call | None = None
    load: Load | None = None
    objects: Counter[str] | None = None

    @property
    def seconds(self) -> float:
        """The time the ORM itself took: compiling and hydrating."""
        return max(0.0, self.ended - self.started - self.inner)


@dataclass(slots=True, eq=False)
class Hold:
    """A connection, from its checkout to its return."""

    trace: "Trace | None"
    connection: int
    driver: object
    site: Site | None
    started: float
    ended: float | None = None
    sql: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it is, or was, held."""
        return (self.ended or time.perf_counter()) - self.started


@dataclass(slots=True, eq=False)
class Statement:
    """One round to the database. Times are of `time.perf_counter`; `ended` is 0 while it runs."""

    number: int
    sql: str
    shape: Shape
    call: Call
    started: float
    hold: Hold | None
    span: OrmSpan | None
    cached: bool | None = None
    identity: int | None = None
    parameters: Sequence[Any] | None = None
    silence: Silence | None = None
    same_as: int = 0
    ended: float = 0.0
    rows: int = 0
    columns: int = 0
    error: str | None = None
    group: "Group | None" = None
    trace: "Trace | None" = None

    @property
    def seconds(self) -> float:
        """The driver's time; 0 while it runs."""
        return max(0.0, self.ended - self.started)


@dataclass(slots=True, eq=False)
class Group:
    """The statements of a trace that have the same SQL and the same application stack."""

    first: Statement
    count: int = 0
    rows: int = 0
    seconds: float = 0.0
    repeats: int = 0
    most_distinct: int = 0
    distinct: set[int] = field(default_factory=set)
    parents: set[int] = field(default_factory=set)
    spans: list[OrmSpan] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    attempt: int = 0
    epoch: int = 0


class Trace:
    """Everything one request did with the database. Mutable: every task that the request starts writes into it."""

    def __init__(
        self,
        method: str,
        path: str,
        *,
        identify: Callable[[], str],
        call_sites: CallSites,
        watches: Sequence[list["Statement"]] = (),
        keep_parameters: bool = False,
    ) -> None:
        self._identify = identify
        self._id = ""
        self.method = method
        self.path = path
        self.route = path
        self.endpoint: str | None = None
        self.status: int | None = None
        self.outcome: str | None = None
        self.budget: int | None = None
        self.at = time.time()
        self.started = time.perf_counter()
        self.response_started: float | None = None
        self.response_ended: float | None = None
        self.ended: float | None = None
        self.call_sites = call_sites
        self.watches = watches
        self.keep_parameters = keep_parameters

        self.statements: list[Statement] = []
        self.count = 0
        self.errors = 0
        self.rows = 0
        self.db = 0.0
        self.db_wall = 0.0
        self.pool = 0.0
        self.orm = 0.0
        self.blocked: list[tuple[float, float]] = []
        self.holds: list[Hold] = []
        self.held = 0.0
        self.marks: list[tuple[float, int, str]] = []
        self.groups: dict[tuple[str, int, int], Group] = {}
        self.failures: list[tuple[str, Load, Site | None]] = []
        self.idle_holds: list[Hold] = []
        self.findings: list[Any] = []
        self._attempt = 0
        self._epoch = 0
        self._running = 0
        self._running_since = 0.0

    @property
    def id(self) -> str:
        """Settled when it is first needed: what gives the request its id may run inside what traces it."""
        if not self._id:
            self._id = self._identify()
        return self._id

    @property
    def seconds(self) -> float:
        """From the request's arrival to its end, or to now."""
        return (self.ended or time.perf_counter()) - self.started

    def begin(self, statement: Statement) -> None:
        """Take note that a statement starts."""
        self.count += 1
        if len(self.statements) < DETAILS:
            self.statements.append(statement)
        if self._running == 0:
            self._running_since = statement.started
        self._running += 1
        if statement.shape.writes:
            self._epoch += 1
        self._join_group(statement)

    def end(self, statement: Statement) -> None:
        """Take note that it ended, well or not."""
        self.db += statement.seconds
        self.rows += statement.rows
        self._running -= 1
        if self._running == 0:
            self.db_wall += statement.ended - self._running_since
        if group := statement.group:
            group.rows += statement.rows
            group.seconds += statement.seconds
        if statement.error:
            self.fail()

    def fail(self) -> None:
        """Take note that a statement or a commit failed: what is repeated from here on is a retry."""
        self.errors += 1
        self._attempt += 1
        self._epoch += 1

    def let_go(self) -> None:
        """Drop what only the findings needed, and every circle, so that memory is free as soon as the trace is."""
        self.groups = {}
        for statement in self.statements:
            if statement.ended:
                statement.group = statement.trace = None
        for hold in self.holds:
            if hold.ended:
                hold.trace = None

    def _join_group(self, statement: Statement) -> None:
        key = (statement.shape.fingerprint, statement.call.stack, id(statement.silence))
        group = self.groups.get(key)
        if group is None:
            if len(self.groups) >= MOST_GROUPS:
                return
            group = self.groups[key] = Group(statement)
        statement.group = group
        statement.same_as = group.first.number
        if group.attempt != self._attempt:
            group.attempt = self._attempt
            group.distinct = set()
        group.count += 1
        if statement.span is not None and len(group.spans) < DETAILS:
            group.spans.append(statement.span)
        if statement.identity is not None and len(group.distinct) < MOST_IDENTITIES:
            group.distinct.add(statement.identity)
            group.most_distinct = max(group.most_distinct, len(group.distinct))
            if group.epoch != self._epoch:
                group.epoch = self._epoch
                group.seen = set()
            if statement.identity in group.seen:
                group.repeats += 1
            group.seen.add(statement.identity)
        load = statement.span.load if statement.span else None
        if load is not None and load.kind != "eager" and len(group.parents) < MOST_IDENTITIES:
            group.parents.add(load.parent)


def locate(trace: Trace | None, span: OrmSpan | None) -> Call:
    """Return where the running code was called from; all that one call of a session does comes from one place."""
    if span is not None and span.call is None and span.parent is not None:
        span.call = span.parent.call
    if span is not None and span.call is not None:
        return span.call
    call = (trace.call_sites if trace is not None else DEFAULT).find()
    if span is not None:
        span.call = call
    return call


current_trace: ContextVar[Trace | None] = ContextVar("current_trace", default=None)
"""The trace of the running request; tasks that it starts inherit it."""
current_span: ContextVar[OrmSpan | None] = ContextVar("current_span", default=None)
"""The session call under way."""
