"""Lists that collect statements while they are open: how tests count them."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from daybook.tracing.trace import Statement

_open: list[list[Statement]] = []
_mine: ContextVar[tuple[list[Statement], ...]] = ContextVar("watches", default=())


@contextmanager
def watch_statements() -> Iterator[list[Statement]]:
    """Yield the list of the statements run meanwhile: by this task and those it starts, and by requests that come in.

    What runs beside them, outside any request, is not counted.
    """
    statements: list[Statement] = []
    token = _mine.set((*_mine.get(), statements))
    _open.append(statements)
    try:
        yield statements
    finally:
        _open[:] = [one for one in _open if one is not statements]
        _mine.reset(token)


def open_watches() -> list[list[Statement]]:
    """Return the watches that a request which comes in now is counted by."""
    return list(_open)


def watch(statement: Statement) -> None:
    """Add a statement to each list that wants it."""
    theirs = statement.trace.watches if statement.trace is not None else ()
    if not theirs and not _mine.get():
        return
    for statements in {id(one): one for one in (*theirs, *_mine.get())}.values():
        statements.append(statement)
