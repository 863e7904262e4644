"""The bodies of the diary's routes."""

import datetime as dt
from typing import Annotated, Any
from uuid import UUID

from pydantic import UUID7, AliasPath, BeforeValidator, ConfigDict, Field, StringConstraints

from daybook.diary.enums import AnalysisKind, AnalysisStatus, IngredientColor, MealType
from daybook.tags.schemas import TagNames
from daybook.web.schema import STORABLE, BigId, Day, Moment, Note, Schema, Text

KOREAN_MEALS = {
    "아침식사": MealType.BREAKFAST,
    "점심식사": MealType.LUNCH,
    "저녁식사": MealType.DINNER,
    "간식": MealType.SNACK,
}


def _meal_word(word: Any) -> Any:
    return KOREAN_MEALS.get(word.strip(), word.strip().lower()) if isinstance(word, str) else word


Meal = Annotated[
    MealType,
    BeforeValidator(_meal_word),
    Field(description="In any letter case; also 아침식사, 점심식사, 저녁식사, 간식.", examples=["lunch"]),
]
Calories = Annotated[int, Field(ge=0, le=100_000, description="kcal", examples=[520])]
Grams = Annotated[float, Field(ge=0, le=100_000)]
ClientId = Annotated[
    UUID7,
    Field(
        description="A UUIDv7 of the client's own; sent again, it is the same log.",
        examples=["01920000-0000-7000-8000-000000000000"],
    ),
]
ExerciseType = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), STORABLE, Field(examples=["running"])
]
Minutes = Annotated[int, Field(ge=0, le=10_080, description="minutes", examples=[30])]
Kilometres = Annotated[float, Field(ge=0, le=100_000, description="km", examples=[5.2])]


class Ingredient(Schema):
    """One ingredient of a meal."""

    name: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), STORABLE, Field(examples=["김치"])
    ]
    color: Annotated[
        IngredientColor,
        Field(description="green: plants; red: meat, fish and seafood; teal: grains, dairy, sauces and the rest."),
    ]
    grams: Grams | None = None
    calories: Calories | None = None


Ingredients = Annotated[list[Ingredient], Field(max_length=100)]


class FoodLogCreate(Schema):
    """A meal to log. The answer of an analysis can be sent as it is, or changed."""

    model_config = ConfigDict(extra="ignore")  # clients of the seed send more

    id: ClientId | None = None
    user_key: Annotated[Text | None, Field(max_length=200, description="If sent, it has to be the caller's own.")] = (
        None
    )
    meal_type: Meal | None = None
    is_healthy: bool | None = None
    estimated_calories: Calories | None = None
    ingredients: Ingredients = []
    date: Annotated[Day | None, Field(description="By default, the day it is where the caller lives.")] = None
    note: Note | None = None
    photo_id: UUID | None = None
    analysis_id: UUID | None = None
    content_id: Annotated[BigId | None, Field(description="The saved recipe that it was cooked from.")] = None
    tags: TagNames = []


class FoodLogUpdate(Schema):
    """What to change; what is not named stays. Ingredients and tags are replaced as a whole."""

    meal_type: Meal | None = None
    is_healthy: bool | None = None
    estimated_calories: Calories | None = None
    # What cannot be null has a default that only stands for "not named".
    ingredients: Ingredients = []
    tags: TagNames = []
    date: Day = dt.date.min
    note: Note | None = None
    content_id: BigId | None = None


class FoodLogRead(Schema):
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
    created_at: Moment
    updated_at: Moment


class FoodLogFromPhoto(FoodLogRead):
    """A meal that was logged from a photo."""

    analyzer: Annotated[str, Field(description="The model that looked, or `offline`.")]


class ExerciseLogCreate(Schema):
    """Exercise to log. The answer of an analysis can be sent as it is, or changed."""

    model_config = ConfigDict(extra="ignore")  # clients of the seed send more

    id: ClientId | None = None
    user_key: Annotated[Text | None, Field(max_length=200, description="If sent, it has to be the caller's own.")] = (
        None
    )
    exercise_type: ExerciseType
    duration: Minutes | None = None
    calories: Calories | None = None
    distance: Kilometres | None = None
    date: Annotated[Day | None, Field(description="By default, the day it is where the caller lives.")] = None
    note: Note | None = None
    photo_id: UUID | None = None
    analysis_id: UUID | None = None


class ExerciseLogUpdate(Schema):
    """What to change; what is not named stays."""

    # What cannot be null has a default that only stands for "not named".
    exercise_type: ExerciseType = ""
    duration: Minutes | None = None
    calories: Calories | None = None
    distance: Kilometres | None = None
    date: Day = dt.date.min
    note: Note | None = None


class ExerciseLogRead(Schema):
    """One time of moving."""

    id: UUID
    user_key: Annotated[str, Field(validation_alias=AliasPath("user", "user_key"))]
    exercise_type: str
    duration: int | None
    calories: int | None
    distance: float | None
    date: dt.date
    note: str | None
    photo_id: UUID | None
    analysis_id: UUID | None
    created_at: Moment
    updated_at: Moment


class Logged(Schema):
    """The log was made."""

    id: UUID
    message: str = "Logged."


class FoodAnalysis(Schema):
    """What the model sees in a photo of a meal."""

    is_healthy: bool
    ingredients: list[Ingredient]
    estimated_calories: int | None
    meal_type: MealType | None
    date: dt.date
    analysis_id: UUID
    photo_id: UUID
    analyzer: Annotated[str, Field(description="The model that looked, or `offline`.")]


class ExerciseAnalysis(Schema):
    """What the model sees in a photo of exercise, or a screenshot of an app that counted it."""

    exercise_type: str
    duration: int | None
    calories: int | None
    distance: float | None
    date: dt.date
    analysis_id: UUID
    photo_id: UUID
    analyzer: Annotated[str, Field(description="The model that looked, or `offline`.")]


class PhotoBase64(Schema):
    """A photo inside JSON."""

    model_config = ConfigDict(extra="ignore")  # clients of the seed send more

    image_data: Annotated[str, Field(description="The photo in base64; a data: URL is taken, too.")]
    mime_type: Annotated[str | None, Field(description="Not believed: the bytes tell.", examples=["image/jpeg"])] = None


class AnalysisRead(Schema):
    """One question to the model, and what it cost."""

    id: UUID
    kind: AnalysisKind
    photo_id: UUID
    model: str
    prompt_version: str
    status: AnalysisStatus
    result: dict[str, Any] | None
    error: Annotated[str | None, Field(description="The code of the problem that it ended in.")]
    prompt_tokens: int | None
    output_tokens: int | None
    latency_ms: int | None
    created_at: Moment
