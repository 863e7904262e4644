"""The diary over HTTP."""

from fastapi import APIRouter

from daybook.diary.router import analyses, exercise, food, photos

router = APIRouter(tags=["diary"])
for part in (food, exercise, analyses, photos):
    router.include_router(part.router)
