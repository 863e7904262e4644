"""Lists that collect statements while they are open: how tests count them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from daybook.tracing.records import Statement
from daybook.tracing.trace import Trace

open_watches: list[list[Statement]] = []
"""Those that a request which comes in now is counted by."""
_mine: ContextVar[tuple[list[Statement], ...]] = ContextVar("watches", default=())


@contextmanager
def watch_statements() -> Iterator[list[Statement]]:
    """Yield the list of the statements run meanwhile: by this task and those it starts, and by requests that come in.

    What runs beside them, outside any request, is not counted.
    """
    statements: list[Statement] = []
    token = _mine.set((*_mine.get(), statements))
    open_watches.append(statements)
    try:
        yield statements
    finally:
        open_watches[:] = [one for one in open_watches if one is not statements]
        _mine.reset(token)


def watch(statement: Statement, trace: Trace | None) -> None:
    """Add a statement to each list that wants it."""
    theirs = trace.watches if trace is not None else ()
    for statements in {id(one): one for one in (*theirs, *_mine.get())}.values():
        statements.append(statement)
