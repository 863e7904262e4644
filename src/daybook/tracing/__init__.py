"""Query tracing for FastAPI and SQLAlchemy's asyncio: every statement a request ran, and why.

It imports nothing of the application around it. docs/tracing.md tells how to read it and how to use it elsewhere.
"""

from daybook.tracing.budget import assert_constant_queries, no_findings, sql_budget
from daybook.tracing.middleware import BUDGET, TraceMiddleware
from daybook.tracing.recorder import Recorder
from daybook.tracing.routes import debug_routes
from daybook.tracing.silence import sql_expected, unused_silences
from daybook.tracing.text import make_echo_readable
from daybook.tracing.watch import watch_statements

__all__ = [
    "BUDGET",
    "Recorder",
    "TraceMiddleware",
    "assert_constant_queries",
    "debug_routes",
    "make_echo_readable",
    "no_findings",
    "sql_budget",
    "sql_expected",
    "unused_silences",
    "watch_statements",
]
