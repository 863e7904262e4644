"""Statements that repeat one another: what tells a loop from what is meant."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from daybook.tracing.callsite import Call
from daybook.tracing.fingerprint import identity_of
from daybook.tracing.silence import Silence

if TYPE_CHECKING:
    from daybook.tracing.trace import OrmSpan, Statement

MOST_IDENTITIES = 200
"""Different parameters of one statement that are told apart."""
MOST_SPANS = 100
MOST_GROUPS = 500
"""Different statements of a trace that are watched for repetition."""


@dataclass(slots=True, eq=False)
class Group:
    """The statements of a trace that have the same SQL and the same application stack."""

    first: "Statement"
    rows: int = 0
    count: int = 0
    repeats: int = 0
    most_distinct: int = 0
    distinct: set[int] = field(default_factory=set)
    parents: set[int] = field(default_factory=set)
    spans: "list[OrmSpan]" = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)
    _attempt: int = 0
    _epoch: int = 0

    def __post_init__(self) -> None:
        self.join(self.first)

    def join(self, statement: "Statement") -> None:
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


@dataclass(slots=True, eq=False)
class Groups:
    """The groups of a trace."""

    found: list[Group] = field(default_factory=list)
    """Of statements that were repeated, and of those with joins of the mapping, each with its like."""
    _firsts: "dict[tuple[str, Call, Silence | None], Statement]" = field(default_factory=dict)
    _compared: int = 0

    def take_in(self, statements: "Sequence[Statement]") -> None:
        """Compare those of the statements that were not there the last time."""
        for statement in statements[self._compared :]:
            self._compared += 1
            self.compare(statement)

    def compare(self, statement: "Statement") -> None:
        """Put the statement to those before it that have the same SQL and the same application stack."""
        key = (statement.shape.fingerprint, statement.call, statement.silence)
        first = self._firsts.get(key)
        if first is not None:
            if first.group is None:
                self.found.append(Group(first))
            assert first.group is not None  # noqa: S101 - a group takes its first in
            first.group.join(statement)
        elif len(self._firsts) < MOST_GROUPS:
            self._firsts[key] = statement
            if statement.shape.cascade is not None:
                self.found.append(Group(statement))
