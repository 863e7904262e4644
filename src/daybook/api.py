"""Mounts every feature under /api. A route is for signed-in callers unless it is in a `public` router."""

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from daybook.accounts import router as accounts
from daybook.accounts.authentication import Bearer
from daybook.community import router as community
from daybook.diary import router as diary
from daybook.library import router as library
from daybook.tags import router as tags
from daybook.web.hot import serve_hot_operations
from daybook.web.problem import note_fixed_paths
from daybook.web.signature import dependencies_of

# Matching is linear: what is called most comes first.
SIGNED_IN: tuple[APIRouter, ...] = (*diary.routers, *library.routers, tags.router, *community.routers, accounts.router)
PUBLIC: tuple[APIRouter, ...] = (accounts.public,)

TAGS = [
    {"name": "diary", "description": "Meals, exercise and photos, and what the model sees in a photo."},
    {"name": "library", "description": "Saved links: one by one, in bulk, by files in and out; search."},
    {"name": "tags", "description": "The caller's own tags, which saved links and meals share."},
    {"name": "community", "description": "Published articles, with votes, downloads and comments."},
    {"name": "accounts", "description": "Accounts, signing in, sessions, and API tokens for scripts."},
    {"name": "service", "description": "The server itself: whether it is ready, and what its problems mean."},
]
"""The tags of the operations, in the order in which the documentation shows them."""


def mount(app: FastAPI) -> None:
    """Mount the features; TypeError for a route that is not public and names no caller."""
    for router in SIGNED_IN:
        for route in router.routes:
            if not (isinstance(route, APIRoute) and _names_its_caller(route)):
                raise TypeError(f"{route} names no caller; it belongs into a public router, or needs one")
    for router in (*SIGNED_IN, *PUBLIC):
        app.include_router(router)
    note_fixed_paths(app, (route for router in SIGNED_IN for route in router.routes if isinstance(route, APIRoute)))
    serve_hot_operations(app, SIGNED_IN)


def _names_its_caller(route: APIRoute) -> bool:
    return any(isinstance(dependency, Bearer) for dependency in dependencies_of(route.endpoint))
