"""The diary over HTTP."""

from daybook.diary.router import analyses, exercise, food, photos

routers = (food.router, exercise.router, photos.router, analyses.router)
"""In the order in which the API document shows them."""
