"""Every route says how many statements it may run; every request of every test is held to it (fixtures/server.py)."""

from collections.abc import Iterator

from fastapi.routing import RouteContext, iter_route_contexts

from daybook.app import create_app
from daybook.settings import Settings
from daybook.tracing import BUDGET

UNBOUNDED: dict[str, str] = {
    "GET /healthz": "touches no database",
    "GET /problems/{code}": "touches no database",
    "GET /readyz": "asks the database whether it answers, and nothing else",
    "GET /api/imports/{import_id}/events": "looks again each second for as long as the client listens",
}
"""The routes that declare no budget, each with its reason."""


def is_checked(route: str) -> bool:
    """Accounts for now; without this filter it is every route of the application."""
    return " /api/users" in route


def routes() -> Iterator[tuple[str, RouteContext]]:
    """Every route of the application that is checked, as METHOD path."""
    app = create_app(Settings(_env_file=None))
    for context in iter_route_contexts(app.routes):
        if context.include_in_schema:
            yield from (
                (route, context) for method in context.methods or () if is_checked(route := f"{method} {context.path}")
            )


def test_every_route_declares_how_many_statements_it_may_run() -> None:
    without = {route for route, context in routes() if not (getattr(context, "openapi_extra", None) or {}).get(BUDGET)}
    assert without == {route for route in UNBOUNDED if is_checked(route)}


def test_there_is_something_to_check() -> None:
    assert len(list(routes())) >= 13
