"""The bodies that raw, orm, sync and joined take and give: plain Pydantic models."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from pydantic import AliasPath, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from daybook.diary.enums import IngredientColor, MealType
from daybook.library.enums import ContentType


class Body(BaseModel):
    """camelCase on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, from_attributes=True)


class Ingredient(Body):
    """One ingredient of a meal."""

    name: str
    color: IngredientColor
    grams: float | None = None
    calories: int | None = None


class FoodLogCreate(Body):
    """A meal to log."""

    meal_type: MealType | None = None
    is_healthy: bool | None = None
    estimated_calories: int | None = None
    ingredients: list[Ingredient] = []
    date: dt.date
    note: str | None = None


class FoodLogRead(Body):
    """A meal."""

    id: UUID
    user_key: Annotated[str, Field(validation_alias=AliasPath("user", "user_key"))]
    meal_type: MealType | None
    is_healthy: bool | None
    estimated_calories: int | None
    date: dt.date
    note: str | None
    photo_id: UUID | None
    analysis_id: UUID | None
    content_id: int | None
    ingredients: list[Ingredient]
    tags: Annotated[list[str], Field(validation_alias=AliasPath("tag_names"))]
    created_at: dt.datetime
    updated_at: dt.datetime


class FoodLogPage(Body):
    """Some meals, and where the list goes on."""

    items: list[FoodLogRead]
    next_cursor: str | None


class Logged(Body):
    """The log was made."""

    id: UUID
    message: str = "Logged."


class ContentRead(Body):
    """A saved link."""

    id: int
    url: str
    title: str
    content_type: ContentType
    description: str | None
    note: str | None
    thumbnail: str | None
    favicon: str | None
    bookmark: bool
    saved_on: dt.date
    video_length: Annotated[int | None, Field(validation_alias=AliasPath("video_metadata", "video_length"))] = None
    body: Annotated[str | None, Field(validation_alias=AliasPath("post_metadata", "body"))] = None
    tags: Annotated[list[str], Field(validation_alias=AliasPath("tag_names"))]
    created_at: dt.datetime
    updated_at: dt.datetime


class AuthorRead(Body):
    """Who wrote an article."""

    id: int
    username: str


class ArticleSummary(Body):
    """An article, as lists show it."""

    id: int
    title: str
    body: str
    topics: list[str]
    author: AuthorRead
    item_count: int
    thumbnails: list[str]
    comment_count: int
    up_count: int
    down_count: int
    created_at: dt.datetime
    updated_at: dt.datetime


class ArticlePage(Body):
    """Some articles, and where the list goes on."""

    items: list[ArticleSummary]
    next_cursor: str | None
