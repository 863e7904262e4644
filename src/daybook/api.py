"""Mounts every feature under /api. A route is for signed-in callers unless it is in a `public` router."""

from fastapi import APIRouter, Depends

from daybook.accounts import router as accounts
from daybook.accounts.authentication import authenticate
from daybook.diary import router as diary

api = APIRouter(prefix="/api")
api.include_router(accounts.public)

signed_in = [Depends(authenticate)]
for feature in (accounts, diary):
    api.include_router(feature.router, dependencies=signed_in)
