"""Every route says how many statements it may run; every request of every test is held to it (fixtures/server.py)."""

from collections.abc import Iterator

from fastapi.routing import RouteContext, iter_route_contexts

from daybook.app import create_app
from daybook.settings import Settings
from daybook.tracing import BUDGET

UNBOUNDED: dict[str, str] = {
    "GET /": "touches no database",
    "GET /healthz": "touches no database",
    "GET /problems/{code}": "touches no database",
    "GET /readyz": "asks the database whether it answers, and nothing else",
    "POST /api/contents/import": "stores the file in pieces of 1 MiB",
    "GET /api/contents/export": "reads the library in pages of 100",
    "GET /api/imports/{import_id}/events": "looks again each second for as long as the client listens",
}
"""The routes that declare no budget, each with its reason."""


def routes() -> Iterator[tuple[str, RouteContext]]:
    """Every route of the application, as METHOD path."""
    app = create_app(Settings(_env_file=None))
    for context in iter_route_contexts(app.routes):
        if getattr(context, "include_in_schema", False):  # a mount has no such thing
            yield from ((f"{method} {context.path}", context) for method in context.methods or ())


def test_every_route_declares_how_many_statements_it_may_run() -> None:
    without = {route for route, context in routes() if not (getattr(context, "openapi_extra", None) or {}).get(BUDGET)}
    assert without == UNBOUNDED.keys()


def test_there_is_something_to_check() -> None:
    assert len(list(routes())) >= 70
