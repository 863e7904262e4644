"""Counting statements in tests: exactly, by declared budget, and without heuristics."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from daybook.tracing.recorder import Recorder
from daybook.tracing.records import Statement
from daybook.tracing.text import describe
from daybook.tracing.trace import Trace
from daybook.tracing.watch import watch_statements

Argument = TypeVar("Argument")


@asynccontextmanager
async def sql_budget(*, max: int) -> AsyncIterator[list[Statement]]:  # noqa: A002 - it reads as what it is
    """Allow so many statements within; AssertionError, listing them with their lines, when there are more."""
    with watch_statements() as statements:
        yield statements
    if len(statements) > max:
        raise AssertionError(f"{len(statements)} statements, where {max} are allowed:\n{_listed(statements)}")


async def assert_constant_queries(
    call: Callable[[Argument], Awaitable[object]], small: Argument, large: Argument
) -> None:
    """Await `call(small)` and `call(large)`: AssertionError unless both run as many statements, and at least one.

    This is the test for N+1 that needs no heuristics: more rows must not mean more statements.
    """
    with watch_statements() as few:
        await call(small)
    with watch_statements() as many:
        await call(large)
    if not few:
        raise AssertionError("no statement was seen: is the recorder installed on this engine?")
    if len(few) != len(many):
        raise AssertionError(
            f"{len(few)} statements for the small one, {len(many)} for the large:\n{_listed(few)}\n--\n{_listed(many)}"
        )


@contextmanager
def no_findings(recorder: Recorder) -> Iterator[None]:
    """Fail with AssertionError when a request within has a finding that is not silenced, its budget's included.

    As a fixture that every test uses, it holds the whole suite to the budgets that the routes declare.
    """
    told: list[str] = []

    def judge(trace: Trace) -> None:
        told.extend(
            f"{trace.method} {trace.route}: " + "; ".join(describe(finding, trace.id))
            for finding in trace.findings
            if finding.silence is None
        )

    recorder.on_finish.append(judge)
    try:
        yield
    finally:
        recorder.on_finish.remove(judge)
    if told:
        raise AssertionError("\n".join(told))


def _listed(statements: list[Statement]) -> str:
    return "\n".join(f"  {one.call.site or '?'}: {' '.join(one.sql.split())[:200]}" for one in statements)
