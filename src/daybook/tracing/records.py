"""What traces are made of: statements, the calls and connections that they belong to, and what is found in them.

None of it knows a trace, so that all that looks at traces can be read one file after another.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal, Protocol

from sqlalchemy.orm import RelationshipProperty
from sqlalchemy.pool import ConnectionPoolEntry

from daybook.tracing.callsite import Call, Site
from daybook.tracing.fingerprint import Shape, identity_of
from daybook.tracing.silence import Silence

MOST_IDENTITIES = 200
"""Different parameters of one statement that are told apart."""
MOST_SPANS = 100


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

    holder: "Holder | None"
    """The trace whose it is while it is held."""
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


class Holder(Protocol):
    """Who holds a connection."""

    method: str
    route: str
    held: float
    idle_holds: Sequence[Hold]


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
    group: "Group | None" = None

    @property
    def seconds(self) -> float:
        """The driver's time; 0 while it runs."""
        return max(0.0, self.ended - self.started)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a request loads ahead, by which line, and the mapped attributes that it reads, if that is to be seen."""

    loaded: set[tuple[RelationshipProperty[Any], Site | None]] = field(default_factory=set)
    read: set[tuple[type, str]] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Group:
    """The statements of a trace that have the same SQL and the same application stack."""

    first: Statement
    rows: int = 0
    count: int = 0
    repeats: int = 0
    most_distinct: int = 0
    distinct: set[int] = field(default_factory=set)
    parents: set[int] = field(default_factory=set)
    spans: list[OrmSpan] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)
    _attempt: int = 0
    _epoch: int = 0

    def __post_init__(self) -> None:
        self.join(self.first)

    def join(self, statement: Statement) -> None:
        """Count a statement in; of one that is still running, the rows are added when it ends."""
        statement.group = self
        statement.same_as = self.first.number
        if statement.ended:
            self.rows += statement.rows
        self.count += 1
        span = statement.span
        if span is not None:
            if len(self.spans) < MOST_SPANS:
                self.spans.append(span)
            if span.load is not None and span.load.kind != "eager" and len(self.parents) < MOST_IDENTITIES:
                self.parents.add(span.load.parent)
        # What is repeated after an error is a retry, and what is asked again after a write may have changed.
        if self._attempt != statement.attempt:
            self._attempt = statement.attempt
            self.distinct = set()
        if self._epoch != statement.epoch:
            self._epoch = statement.epoch
            self._seen = set()
        identity = identity_of(statement.parameters)
        if identity is not None and len(self.distinct) < MOST_IDENTITIES:
            self.distinct.add(identity)
            self.most_distinct = max(self.most_distinct, len(self.distinct))
            if identity in self._seen:
                self.repeats += 1
            self._seen.add(identity)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to mend. `statement` is the number of the first statement it is about."""

    kind: str
    message: str
    fix: str
    site: Site | None = None
    statement: int | None = None
    count: int = 1
    error: bool = False
    silence: Silence | None = None
