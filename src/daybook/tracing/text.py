"""What the log says: a line for each request, a line for each finding, and the engine's echo made easy to read."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.log import InstanceLogger

from daybook.tracing.records import Finding
from daybook.tracing.trace import Trace, current_trace

logger = logging.getLogger("daybook.tracing")

ECHO_LOGGER = "sqlalchemy.engine.Engine"
WASTE = ("joined-cascade", "duplicate")
"""Kinds of finding that tell of something loaded for nothing."""
_MOST_OF_PARAMETERS = 300
_DIM, _BOLD, _RESET = "\x1b[2m", "\x1b[1m", "\x1b[0m"


def log(trace: Trace) -> None:
    """Write what is to be said of a finished request."""
    if logger.isEnabledFor(logging.INFO):
        logger.info("%s", summary(trace))
    for finding in trace.findings:
        if finding.silence is None:
            level = logging.ERROR if finding.error else logging.WARNING
            logger.log(level, "%s", "\n    ".join(describe(finding, trace.id)))


def summary(trace: Trace) -> str:
    """Return the line about a request. Times are in milliseconds."""
    parts = [
        f"sql[{trace.id}] {trace.method} {trace.route}",
        trace.outcome or str(trace.status or "-"),
        f"{milliseconds(trace.seconds)}ms q={trace.count} db={milliseconds(trace.db)}",
        # Statements under gather run beside one another: their sum is more than what the clock shows.
        *([f"dbwall={milliseconds(trace.db_wall)}"] if trace.db - trace.db_wall > 0.001 else []),
        f"pool={milliseconds(trace.pool)} orm={milliseconds(trace.orm)}",
        f"blocked={milliseconds(sum(end - begin for begin, end in trace.blocked))}",
        f"held={milliseconds(trace.held)} rows={trace.rows}",
        f"n+1={count_of(trace.findings, 'n+1')} waste={count_of(trace.findings, *WASTE)}",
    ]
    return " ".join(parts)


def count_of(findings: Sequence[Finding], *kinds: str) -> int:
    """Return how many findings of these kinds are not silenced."""
    return sum(finding.kind in kinds and finding.silence is None for finding in findings) if findings else 0


def describe(finding: Finding, identifier: str) -> Iterator[str]:
    """Yield the lines about a finding."""
    level = "ERROR" if finding.error else "WARN"
    where = f" at {finding.site}" if finding.site else ""
    yield f"sql[{identifier}] {level} {finding.kind}: {finding.message}{where}"
    yield f"fix: {finding.fix}"


def milliseconds(seconds: float) -> str:
    """Return a time in milliseconds with as many digits as tell something."""
    value = seconds * 1000
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")


def echo(engine: AsyncEngine, sql: str, parameters: Sequence[Any]) -> None:
    """Echo a statement that is run on the driver itself as the engine echoes its own."""
    echoing = engine.sync_engine.logger
    if not echoing.isEnabledFor(logging.INFO):
        return
    shown = "[SQL parameters hidden due to hide_parameters=True]" if engine.sync_engine.hide_parameters else None
    echoing.info("%s", sql)
    echoing.info("[driver sql] %s", shown or _cut(repr(tuple(parameters)), _MOST_OF_PARAMETERS))


def label_echo(engine: AsyncEngine) -> None:
    """Let each line of the engine's echo begin with the id of the request that it is about."""
    echoing = engine.sync_engine.logger
    named = echoing.logger if isinstance(echoing, InstanceLogger) else echoing
    if _label not in named.filters:
        named.filters.insert(0, _label)  # before what makes lines readable, which looks for it


def _label(record: logging.LogRecord) -> bool:
    # SQLAlchemy's own `logging_token` can only be set by an event of connections, which slows each of them down.
    if trace := current_trace.get():
        record.msg = f"[{trace.id}] {record.msg}"
    return True


class ReadableEcho(logging.Filter):
    """Makes the engine's echo readable at a glance: SQL indented below its first line, parameters cut, in color.

    A filter of the logger `sqlalchemy.engine.Engine`, so that it works with any handler.
    """

    def __init__(self, *, color: bool) -> None:
        super().__init__()
        self._color = color

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record's message; nothing is kept back."""
        message = record.getMessage()
        token, _, said = message.partition("] ") if message.startswith("[") else ("", "", message)
        if token and not said.startswith("["):
            record.msg = self._paint(f"{token}] ", _DIM) + self._statement(said)
        elif token:
            record.msg = self._paint(f"    {_cut(said, _MOST_OF_PARAMETERS)}", _DIM)
        else:
            record.msg = self._statement(said)
        record.args = ()
        return True

    def _statement(self, sql: str) -> str:
        verb, space, rest = sql.partition(" ")
        return self._paint(verb, _BOLD) + space + rest.replace("\n", "\n    ")

    def _paint(self, words: str, style: str) -> str:
        return f"{style}{words}{_RESET}" if self._color else words


def make_echo_readable(*, color: bool) -> None:
    """Let the echo of every engine of the process be readable; `color` says whether it is read in a terminal."""
    echoing = logging.getLogger(ECHO_LOGGER)
    if not any(isinstance(one, ReadableEcho) for one in echoing.filters):
        echoing.addFilter(ReadableEcho(color=color))


def _cut(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[:most]} ... ({len(words)} characters)"
