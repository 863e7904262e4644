"""Statements that repeat one another: what tells a loop from what is meant."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from daybook.tracing.callsite import Call
from daybook.tracing.records import Group, Statement
from daybook.tracing.silence import Silence

MOST_GROUPS = 500
"""Different statements of a trace that are watched for repetition."""


@dataclass(slots=True, eq=False)
class Groups:
    """The groups of a trace."""

    found: list[Group] = field(default_factory=list)
    """Of statements that were repeated, and of those with joins of the mapping, each with its like."""
    _firsts: dict[tuple[str, Call, Silence | None], Statement] = field(default_factory=dict)
    _compared: int = 0

    def take_in(self, statements: Sequence[Statement]) -> None:
        """Compare those of the statements that were not there the last time."""
        for statement in statements[self._compared :]:
            self._compared += 1
            self.compare(statement)

    def compare(self, statement: Statement) -> None:
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
