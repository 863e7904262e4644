"""The last requests, and what is known of each route: bounded, whatever the process does."""

from collections import deque
from dataclasses import dataclass, field
from itertools import islice

from daybook.tracing.records import Finding
from daybook.tracing.trace import Trace

KEPT = 100
"""Traces that are kept."""
MOST_ROUTES = 300
_SAMPLES = 200
# Traces are counted some at a time, since after each request the processor would have to fetch the code for it anew.
_BATCH = 25


@dataclass(slots=True)
class RouteStatistics:
    """A route's last requests in a few numbers."""

    method: str
    route: str
    requests: int = 0
    errors: int = 0
    most_statements: int = 0
    last_id: str = ""
    durations: deque[float] = field(default_factory=lambda: deque(maxlen=_SAMPLES))
    findings: dict[tuple[str, str], tuple[Finding, int, str]] = field(default_factory=dict)
    """What was found, by its kind and line: the finding, how often, the id of the last request with it."""

    @property
    def p95(self) -> float:
        """The time in seconds that 95 of 100 of the last requests did not exceed."""
        ordered = sorted(self.durations)
        return ordered[-(-95 * len(ordered) // 100) - 1] if ordered else 0.0

    def add(self, trace: Trace) -> None:
        """Count a finished request in."""
        self.requests += 1
        self.errors += trace.outcome is not None or (trace.status or 0) >= 500
        self.most_statements = max(self.most_statements, trace.count)
        self.last_id = trace.id
        self.durations.append(trace.seconds)
        for finding in trace.findings:
            key = (finding.kind, str(finding.site))
            if finding.silence is None and (key in self.findings or len(self.findings) < _SAMPLES):
                self.findings[key] = (finding, self.findings.get(key, (finding, 0, ""))[1] + 1, trace.id)


class History:
    """A ring of traces, and the statistics of their routes."""

    def __init__(self) -> None:
        self.finished = 0
        self._traces: dict[str, Trace] = {}
        self._routes: dict[tuple[str, str], RouteStatistics] = {}
        self._fresh: list[Trace] = []

    @property
    def traces(self) -> dict[str, Trace]:
        """The last traces by their ids, the newest last."""
        self._take_in()
        return self._traces

    @property
    def routes(self) -> dict[tuple[str, str], RouteStatistics]:
        """What is known of each method and route."""
        self._take_in()
        return self._routes

    def __contains__(self, identifier: str) -> bool:
        return identifier in self._traces

    def add(self, trace: Trace) -> None:
        """Keep a finished trace, and let the oldest go."""
        self.finished += 1
        self._traces[trace.id] = trace
        self._fresh.append(trace)
        if len(self._fresh) >= _BATCH:
            self._take_in()

    def clear(self) -> None:
        """Forget everything."""
        self._fresh.clear()
        self._traces.clear()
        self._routes.clear()
        self.finished += 1

    def _take_in(self) -> None:
        for trace in self._fresh:
            key = (trace.method, trace.route)
            route = self._routes.get(key)
            if route is None and len(self._routes) < MOST_ROUTES:
                route = self._routes[key] = RouteStatistics(*key)
            if route is not None:
                route.add(trace)
            trace.let_go()
        self._fresh.clear()
        for identifier in [*islice(self._traces, max(0, len(self._traces) - KEPT))]:
            del self._traces[identifier]
