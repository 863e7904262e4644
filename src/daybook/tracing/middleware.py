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
        token = current_trace.set(trace)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                trace.status = message["status"]
                trace.response_started = time.perf_counter()
                _add_headers(message, trace)
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
            _note_route(trace, scope)
            self.recorder.finish(trace)


def _add_headers(message: Message, trace: Trace) -> None:
    # What is known so far: SQL of a streamed body or of a background task comes later. The log line is the truth.
    found = find(trace)
    timing = (
        f'total;dur={trace.seconds * 1000:.1f}, db;dur={trace.db * 1000:.1f};desc="{trace.count}q", '
        f"pool;dur={trace.pool * 1000:.1f}, orm;dur={trace.orm * 1000:.1f}"
    )
    counts = f"q={trace.count};n1={count_of(found, 'n+1')};waste={count_of(found, *WASTE)}"
    message["headers"] = [
        *message.get("headers", ()),
        (b"server-timing", timing.encode()),
        (b"x-sql-trace", f"{os.getpid()}-{trace.id};{counts}".encode()),
    ]


def _note_route(trace: Trace, scope: Scope) -> None:
    route = scope.get("route")
    # FastAPI keeps the path with the prefixes of the including routers beside the route, which knows only its own.
    effective = scope.get("fastapi", {}).get("effective_route_context")
    trace.route = getattr(effective, "path", None) or getattr(route, "path", None) or trace.path
    endpoint = scope.get("endpoint")
    if endpoint is not None:
        trace.endpoint = f"{endpoint.__module__}.{getattr(endpoint, '__qualname__', type(endpoint).__qualname__)}"
    declared = (getattr(route, "openapi_extra", None) or {}).get(BUDGET)
    trace.budget = declared if isinstance(declared, int) else None
