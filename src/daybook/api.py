"""Mounts every feature under /api. A route is for signed-in callers unless it is in a `public` router."""

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from daybook.accounts import router as accounts
from daybook.accounts.authentication import Bearer
from daybook.diary import router as diary

api = APIRouter(prefix="/api")
# Matching is linear: what is called most comes first.
for feature in (diary, accounts):
    api.include_router(feature.router)
api.include_router(accounts.public)


def _asks_for_a_token(dependant: Dependant) -> bool:
    return isinstance(dependant.call, Bearer) or any(map(_asks_for_a_token, dependant.dependencies))


for router in (diary.router, accounts.router):
    for route in iter_route_contexts(router.routes):
        if not _asks_for_a_token(route.dependant):
            raise TypeError(f"{route.path} names no caller; it belongs into a public router, or needs one")
