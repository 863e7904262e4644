"""One trace a request: plain ASGI, so that streaming, background tasks and cancellation are as without it."""

import os
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from daybook.tracing.findings import find
from daybook.tracing.recorder import Recorder
from daybook.tracing.text import WASTE, count_of
from daybook.tracing.trace import Trace, current_trace

BUDGET = "x-sql-budget"
"""Where a route declares how many statements it may run: a key of its `openapi_extra`, which imports nothing."""
_MOST_ROUTES = 1000


class TraceMiddleware:
    """Traces every request but those for the page at `prefix`; belongs outermost."""

    def __init__(self, app: ASGIApp, *, recorder: Recorder, prefix: str = "/_debug/sql") -> None:
        self.app = app
        self.recorder = recorder
        self.prefix = prefix
        # What was found out about a route, by its identity: routes have no hash. It is kept, so that it stays the one.
        self._routes: dict[int, tuple[object, str, int | None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self.prefix):
            await self.app(scope, receive, send)
            return
        trace = self.recorder.start(scope["method"], scope["path"])
        trace.scope = scope
        token = current_trace.set(trace)

        async def watched(message: Message) -> None:
            kind = message["type"]
            if kind == "http.response.start":
                trace.status = message["status"]
                trace.response_started = perf_counter()
                message["headers"] = (*message.get("headers", ()), *_headers(trace, trace.response_started))
            await send(message)
            if kind == "http.response.body" and not message.get("more_body", False):
                trace.response_ended = perf_counter()

        try:
            await self.app(scope, receive, watched)
        except BaseException as error:
            trace.outcome = type(error).__name__
            raise
        finally:
            current_trace.reset(token)
            trace.scope = None  # it holds what was sent, secrets among it
            self._note_route(trace, scope)
            self.recorder.finish(trace)

    def _note_route(self, trace: Trace, scope: Scope) -> None:
        trace.endpoint = scope.get("endpoint")
        route = scope.get("route")
        if route is None:
            return
        # FastAPI keeps the path with the prefixes of the including routers beside the route, which knows only its own.
        effective = scope["fastapi"].get("effective_route_context", route) if "fastapi" in scope else route
        known = self._routes.get(id(effective))
        if known is None:
            if len(self._routes) >= _MOST_ROUTES:
                self._routes.clear()
            declared = (getattr(route, "openapi_extra", None) or {}).get(BUDGET)
            path = getattr(effective, "path", None) or trace.path
            known = self._routes[id(effective)] = (effective, path, declared if isinstance(declared, int) else None)
        _, trace.route, trace.budget = known


def _headers(trace: Trace, now: float) -> tuple[tuple[bytes, bytes], ...]:
    # What is known so far: SQL of a streamed body or of a background task comes later. The log line is the truth.
    found = find(trace) if trace.count > 1 or trace.cascades else ()  # one plain statement is neither loop nor waste
    loops, waste = (count_of(found, "n+1"), count_of(found, *WASTE)) if found else (0, 0)
    timing = b'total;dur=%.1f, db;dur=%.1f;desc="%dq", pool;dur=%.1f, orm;dur=%.1f' % (
        (now - trace.started) * 1000,
        trace.db * 1000,
        trace.count,
        trace.pool * 1000,
        trace.orm * 1000,
    )
    counts = f"{os.getpid()}-{trace.id};q={trace.count};n1={loops};waste={waste}"
    return (b"server-timing", timing), (b"x-sql-trace", counts.encode())
