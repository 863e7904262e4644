"""Statements that repeat one another: what tells a loop from what is meant."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from daybook.tracing.fingerprint import identity_of

if TYPE_CHECKING:
    from daybook.tracing.trace import OrmSpan, Statement

MOST_IDENTITIES = 200
"""Different parameters of one statement that are told apart."""
MOST_SPANS = 100


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
