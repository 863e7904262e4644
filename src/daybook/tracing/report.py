"""A trace as JSON: what the page draws, and what a script can read. Times are milliseconds since the request began."""

import os
from collections.abc import Sequence
from typing import Any

from sqlalchemy.pool import ConnectionPoolEntry

from daybook.tracing.history import History, RouteStatistics
from daybook.tracing.records import Finding, Hold, OrmSpan, Statement
from daybook.tracing.silence import unused_silences
from daybook.tracing.text import WASTE, count_of
from daybook.tracing.trace import Trace

Json = dict[str, Any]

_MOST_OF_SQL = 20_000
_MOST_OF_PARAMETER = 200


def overview(history: History) -> Json:
    """Return the routes, the worst first, and the last requests, the newest first."""
    routes = sorted(history.routes.values(), key=lambda route: (not route.findings, -route.p95))
    return {
        "pid": os.getpid(),
        "version": history.finished,
        "routes": [_route(route) for route in routes],
        "requests": [summary(trace) for trace in reversed(history.traces.values())],
        "unusedSilences": [{"reason": silence.reason, "site": _text(silence.site)} for silence in unused_silences()],
    }


def summary(trace: Trace) -> Json:
    """Return what a list shows of a request."""
    told = [finding for finding in trace.findings if finding.silence is None]
    return {
        "id": trace.id,
        "pid": os.getpid(),
        "at": trace.at,
        "method": trace.method,
        "path": trace.path,
        "route": trace.route,
        "status": trace.status,
        "outcome": trace.outcome,
        "count": trace.count,
        "rows": trace.rows,
        "budget": trace.budget,
        "ms": {
            "total": _ms(trace.seconds),
            "db": _ms(trace.db),
            "dbWall": _ms(trace.db_wall),
            "pool": _ms(trace.pool),
            "orm": _ms(trace.orm),
            "blocked": _ms(sum(end - begin for begin, end in trace.blocked)),
            "held": _ms(trace.held),
        },
        "findingKinds": sorted({finding.kind for finding in told}),
        "errors": sum(finding.error for finding in told),
        "nPlusOne": count_of(told, "n+1"),
        "waste": count_of(trace.findings, *WASTE),
    }


def detail(trace: Trace) -> Json:
    """Return everything that is known of a request."""

    def since(moment: float | None) -> float | None:
        return None if moment is None else _ms(moment - trace.started)

    lanes = _lanes(trace)
    return summary(trace) | {
        "endpoint": _qualified_name(trace.endpoint) if trace.endpoint is not None else None,
        "responseStarted": since(trace.response_started),
        "responseEnded": since(trace.response_ended),
        "connections": len(lanes),
        "holds": [
            {
                "lane": lanes[hold.entry],
                "start": since(hold.started),
                "end": since(hold.ended),
                "site": _text(hold.site),
                "sql": _ms(hold.sql),
            }
            for hold in trace.holds
        ],
        "marks": [{"lane": lanes[entry], "at": since(at), "what": what} for at, entry, what in trace.marks],
        "blocked": [{"start": since(begin), "end": since(end)} for begin, end in trace.blocked],
        "statements": [_statement(statement, trace, lanes) for statement in trace.statements],
        "findings": [_finding(finding) for finding in trace.findings],
    }


def _lanes(trace: Trace) -> dict[ConnectionPoolEntry, int]:
    """Number the connections in the order in which the request first touched them."""
    used: list[Hold] = [*trace.holds, *(one.hold for one in trace.statements if one.hold is not None)]
    connections = dict.fromkeys(hold.entry for hold in used)
    connections |= dict.fromkeys(entry for _, entry, _ in trace.marks)
    return {connection: lane for lane, connection in enumerate(connections)}


def _statement(statement: Statement, trace: Trace, lanes: dict[ConnectionPoolEntry, int]) -> Json:
    span = statement.span
    end = statement.ended or trace.ended or statement.started
    return {
        "number": statement.number,
        "name": statement.shape.name,
        "sql": statement.sql[:_MOST_OF_SQL],
        "site": _text(statement.call.site),
        "lane": lanes[statement.hold.entry] if statement.hold is not None else None,
        "start": _ms(statement.started - trace.started),
        "end": _ms(end - trace.started),
        "ms": _ms(end - statement.started),
        "orm": _span(span, trace) if span is not None else None,
        "why": f"{span.load.kind}: {span.load.attribute}" if span is not None and span.load is not None else None,
        "objects": {one.__name__: count for one, count in span.objects.items()} if span and span.objects else {},
        "rows": statement.rows,
        "columns": statement.columns,
        "cached": statement.cached,
        "error": statement.error,
        "group": statement.same_as or statement.number,
        "silenced": statement.silence.reason if statement.silence is not None else None,
        "afterResponse": trace.response_ended is not None and statement.started > trace.response_ended,
        "parameters": _parameters(statement.parameters),
    }


def _span(span: OrmSpan, trace: Trace) -> Json:
    return {
        "start": _ms(span.started - trace.started),
        "end": _ms((span.ended or trace.ended or span.started) - trace.started),
        "ms": _ms(span.seconds),
    }


def _parameters(parameters: Sequence[Any] | None) -> list[str] | None:
    return None if parameters is None else [repr(value)[:_MOST_OF_PARAMETER] for value in parameters]


def _finding(finding: Finding) -> Json:
    return {
        "kind": finding.kind,
        "message": finding.message,
        "fix": finding.fix,
        "site": _text(finding.site),
        "statement": finding.statement,
        "count": finding.count,
        "error": finding.error,
        "silenced": finding.silence.reason if finding.silence is not None else None,
    }


def _route(route: RouteStatistics) -> Json:
    return {
        "method": route.method,
        "route": route.route,
        "requests": route.requests,
        "errors": route.errors,
        "p95": _ms(route.p95),
        "mostStatements": route.most_statements,
        "lastId": route.last_id,
        "findings": [
            _finding(finding) | {"requests": count, "lastId": last} for finding, count, last in route.findings.values()
        ],
    }


def _qualified_name(endpoint: object) -> str:
    return f"{endpoint.__module__}.{getattr(endpoint, '__qualname__', type(endpoint).__qualname__)}"


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
