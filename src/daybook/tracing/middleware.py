"""One trace a request: plain ASGI, so that streaming, background tasks and cancellation are as without it."""

import os
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daybook.tracing.findings import find
from daybook.tracing.recorder import Recorder
from daybook.tracing.text import WASTE, count_of
from daybook.tracing.trace import Trace, current_trace

BUDGET = "x-sql-budget"
"""Where a route declares how many statements it may run: a key of its `openapi_extra`, which imports nothing."""


class TraceMiddleware:
    """Traces every request but those for the page at `prefix`; belongs outermost."""

    def __init__(self, app: ASGIApp, *, recorder: Recorder, prefix: str = "/_debug/sql") -> None:
        self.app = app
        self.recorder = recorder
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self.prefix):
            await self.app(scope, receive, send)
            return
        trace = self.recorder.start(scope["method"], scope["path"])
        trace.scope = scope
        token = current_trace.set(trace)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                trace.status = message["status"]
                trace.response_started = time.perf_counter()
                _add_headers(message, trace, trace.response_started)
            await send(message)
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                trace.response_ended = time.perf_counter()

        try:
            await self.app(scope, receive, watched)
        except BaseException as error:
            trace.outcome = type(error).__name__
            raise
        finally:
            current_trace.reset(token)
            trace.scope = None  # it holds what was sent, secrets among it
            _note_route(trace, scope)
            self.recorder.finish(trace)


def _add_headers(message: Message, trace: Trace, now: float) -> None:
    # What is known so far: SQL of a streamed body or of a background task comes later. The log line is the truth.
    found = find(trace)
    timing = b'total;dur=%.1f, db;dur=%.1f;desc="%dq", pool;dur=%.1f, orm;dur=%.1f' % (
        (now - trace.started) * 1000,
        trace.db * 1000,
        trace.count,
        trace.pool * 1000,
        trace.orm * 1000,
    )
    loops, waste = (count_of(found, "n+1"), count_of(found, *WASTE)) if found else (0, 0)
    counts = (os.getpid(), trace.id.encode(), trace.count, loops, waste)
    message["headers"] = [
        *message.get("headers", ()),
        (b"server-timing", timing),
        (b"x-sql-trace", b"%d-%b;q=%d;n1=%d;waste=%d" % counts),
    ]


def _note_route(trace: Trace, scope: Scope) -> None:
    trace.endpoint = scope.get("endpoint")
    route = scope.get("route")
    if route is None:
        return
    # FastAPI keeps the path with the prefixes of the including routers beside the route, which knows only its own.
    effective = scope.get("fastapi", {}).get("effective_route_context", route)
    trace.route = getattr(effective, "path", None) or trace.path
    declared = (getattr(route, "openapi_extra", None) or {}).get(BUDGET)
    trace.budget = declared if isinstance(declared, int) else None
