"""The last requests, and what is known of each route: bounded, whatever the process does."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from daybook.tracing.findings import Finding
from daybook.tracing.trace import Trace

KEPT = 100
"""Traces that are kept."""
MOST_ROUTES = 300
_SAMPLES = 200


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
        """Count one request in."""
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
        self.traces: OrderedDict[str, Trace] = OrderedDict()
        self.routes: dict[tuple[str, str], RouteStatistics] = {}
        self.finished = 0

    def add(self, trace: Trace) -> None:
        """Keep a finished trace, and let the oldest go."""
        self.finished += 1
        self.traces[trace.id] = trace
        if len(self.traces) > KEPT:
            self.traces.popitem(last=False)
        key = (trace.method, trace.route)
        route = self.routes.get(key)
        if route is None:
            if len(self.routes) >= MOST_ROUTES:
                return
            route = self.routes[key] = RouteStatistics(*key)
        route.add(trace)

    def clear(self) -> None:
        """Forget everything."""
        self.traces.clear()
        self.routes.clear()
        self.finished += 1
