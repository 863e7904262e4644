"""The request and response bodies of the diary's routes."""

import datetime as dt
from typing import Annotated, Any
from uuid import UUID

from pydantic import MISSING, UUID7, AliasPath, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from daybook.database.projection import Stored
from daybook.diary.enums import AnalysisKind, AnalysisStatus, IngredientColor, MealType
from daybook.tags.schemas import TagNames
from daybook.web.schema import STORABLE, BigId, Day, Moment, Note, Schema, Text

KOREAN_MEALS = {
    "아침식사": MealType.BREAKFAST,
    "점심식사": MealType.LUNCH,
    "저녁식사": MealType.DINNER,
    "간식": MealType.SNACK,
}


def _meal_type(value: Any) -> Any:
    return KOREAN_MEALS.get(value.strip(), value.strip().lower()) if isinstance(value, str) else value


Meal = Annotated[
    MealType,
    BeforeValidator(_meal_type),
    Field(description="In any letter case, or in Korean: 아침식사, 점심식사, 저녁식사, 간식.", examples=["lunch"]),
]
Calories = Annotated[int, Field(ge=0, le=100_000, description="In kcal.", examples=[520])]
Grams = Annotated[float, Field(ge=0, le=100_000, description="The weight in grams.", examples=[40.5])]
ClientId = Annotated[
    UUID7,
    Field(
        description="A UUIDv7 chosen by the client. A request repeated with the same id creates one log only. "
        "By default, the server chooses one.",
        examples=["019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071"],
    ),
]
OwnUserKey = Annotated[Text, Field(max_length=200, description="If present, it must be the caller's own user key.")]
LogDay = Annotated[Day, Field(description="The day of the log. By default, today in the caller's time zone.")]
ExerciseType = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    STORABLE,
    Field(description="The kind of exercise, in the user's own words.", examples=["running"]),
]
Minutes = Annotated[int, Field(ge=0, le=10_080, description="In minutes.", examples=[30])]
Kilometers = Annotated[float, Field(ge=0, le=100_000, description="In kilometers.", examples=[5.2])]
Recipe = Annotated[BigId, Field(description="The id of the saved link with the recipe.")]
PhotoId = Annotated[UUID, Field(description="The id of a photo, from its analysis.")]
AnalysisId = Annotated[
    UUID, Field(description="The id of the analysis that the log comes from; its photo becomes the log's.")
]
AnalyzerName = Annotated[
    str, Field(description="The model that analyzed the photo, or `offline`.", examples=["gemini-2.5-flash"])
]


class Ingredient(Schema):
    """One ingredient of a meal."""

    name: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), STORABLE, Field(examples=["김치"])
    ]
    color: Annotated[
        IngredientColor,
        Field(
            description="`green` for plants; `red` for meat, fish and seafood; `teal` for grains, dairy, sauces and "
            "everything else."
        ),
    ]
    grams: Grams | None = None
    calories: Calories | None = None


Ingredients = Annotated[list[Ingredient], Field(max_length=100)]

MEAL_EXAMPLE: JsonDict = {
    "mealType": "lunch",
    "isHealthy": True,
    "estimatedCalories": 520,
    "ingredients": [
        {"name": "김치", "color": "green", "grams": 40.5, "calories": 12},
        {"name": "rice", "color": "teal", "grams": 210, "calories": 310},
    ],
    "date": "2026-11-22",
    "note": "with friends",
    "tags": ["한식"],
}
EXERCISE_EXAMPLE: JsonDict = {
    "exerciseType": "running",
    "duration": 30,
    "calories": 310,
    "distance": 5.2,
    "date": "2026-11-22",
    "note": "along the river",
}


class FoodLogCreate(Schema):
    """A meal to log. The answer of an analysis can be sent as it is, or corrected first."""

    model_config = ConfigDict(
        extra="ignore",  # clients of the first seed send more
        json_schema_extra={"examples": [MEAL_EXAMPLE]},
    )

    id: ClientId | None = None
    user_key: OwnUserKey | None = None
    meal_type: Meal | None = None
    is_healthy: bool | None = None
    estimated_calories: Calories | None = None
    ingredients: Ingredients = []
    date: LogDay | None = None
    note: Note | None = None
    photo_id: PhotoId | None = None
    analysis_id: AnalysisId | None = None
    content_id: Recipe | None = None
    tags: TagNames = []


class FoodLogUpdate(Schema):
    """The fields to change; those left out stay as they are. Ingredients and tags are replaced as a whole."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"mealType": "dinner", "note": "with friends"}]})

    meal_type: Meal | MISSING | None = MISSING
    is_healthy: bool | MISSING | None = MISSING
    estimated_calories: Calories | MISSING | None = MISSING
    ingredients: Ingredients | MISSING = MISSING
    tags: TagNames | MISSING = MISSING
    date: Day | MISSING = MISSING
    note: Note | MISSING | None = MISSING
    content_id: Recipe | MISSING | None = MISSING


class FoodLogRead(Schema):
    """A meal."""

    id: UUID
    user_key: Annotated[str, Field(validation_alias=AliasPath("user", "user_key"), description="The owner's user key.")]
    meal_type: MealType | None
    is_healthy: bool | None
    estimated_calories: Annotated[int | None, Field(description="In kcal.")]
    date: Annotated[dt.date, Field(description="The owner's local date.")]
    note: str | None
    photo_id: Annotated[UUID | None, Field(description="The photo, at /api/photos/{photoId}.")]
    analysis_id: UUID | None
    content_id: Annotated[int | None, Field(description="The saved link with the recipe.")]
    ingredients: Annotated[list[Ingredient], Stored()]
    tags: Annotated[list[str], Field(validation_alias=AliasPath("tag_names"))]
    created_at: Moment
    updated_at: Moment


class FoodLogFromPhoto(FoodLogRead):
    """A meal that was logged from a photo."""

    analyzer: AnalyzerName


class ExerciseLogCreate(Schema):
    """Exercise to log. The answer of an analysis can be sent as it is, or corrected first."""

    model_config = ConfigDict(
        extra="ignore",  # clients of the first seed send more
        json_schema_extra={"examples": [EXERCISE_EXAMPLE]},
    )

    id: ClientId | None = None
    user_key: OwnUserKey | None = None
    exercise_type: ExerciseType
    duration: Minutes | None = None
    calories: Calories | None = None
    distance: Kilometers | None = None
    date: LogDay | None = None
    note: Note | None = None
    photo_id: PhotoId | None = None
    analysis_id: AnalysisId | None = None


class ExerciseLogUpdate(Schema):
    """The fields to change; those left out stay as they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"duration": 45, "distance": 7.1}]})

    exercise_type: ExerciseType | MISSING = MISSING
    duration: Minutes | MISSING | None = MISSING
    calories: Calories | MISSING | None = MISSING
    distance: Kilometers | MISSING | None = MISSING
    date: Day | MISSING = MISSING
    note: Note | MISSING | None = MISSING


class ExerciseLogRead(Schema):
    """One workout, walk or other exercise."""

    id: UUID
    user_key: Annotated[str, Field(validation_alias=AliasPath("user", "user_key"), description="The owner's user key.")]
    exercise_type: str
    duration: Annotated[int | None, Field(description="In minutes.")]
    calories: Annotated[int | None, Field(description="In kcal.")]
    distance: Annotated[float | None, Field(description="In kilometers.")]
    date: Annotated[dt.date, Field(description="The owner's local date.")]
    note: str | None
    photo_id: Annotated[UUID | None, Field(description="The photo, at /api/photos/{photoId}.")]
    analysis_id: UUID | None
    created_at: Moment
    updated_at: Moment


class Logged(Schema):
    """A log was created."""

    id: UUID
    message: str = "Logged."


class FoodAnalysis(Schema):
    """What the model sees in a photo of a meal."""

    is_healthy: bool
    ingredients: list[Ingredient]
    estimated_calories: Annotated[int | None, Field(description="In kcal.")]
    meal_type: MealType | None
    date: Annotated[dt.date, Field(description="Today in the caller's time zone.")]
    analysis_id: UUID
    photo_id: UUID
    analyzer: AnalyzerName


class ExerciseAnalysis(Schema):
    """What the model sees in a photo of exercise, or in a screenshot of an app that recorded it."""

    exercise_type: str
    duration: Annotated[int | None, Field(description="In minutes.")]
    calories: Annotated[int | None, Field(description="In kcal.")]
    distance: Annotated[float | None, Field(description="In kilometers.")]
    date: Annotated[dt.date, Field(description="As read in the picture, or today in the caller's time zone.")]
    analysis_id: UUID
    photo_id: UUID
    analyzer: AnalyzerName


class PhotoBase64(Schema):
    """A photo inside JSON."""

    model_config = ConfigDict(extra="ignore")  # clients of the first seed send more

    image_data: Annotated[
        str,
        Field(
            description="The photo in base64, or a data: URL with it.",
            examples=["R0lGODdhAgABAIEAACigPN7ElgAAAAAAACwAAAAAAgABAAAIBQABBAgIADs="],  # a green pixel and a beige one
        ),
    ]
    mime_type: Annotated[
        str | None, Field(description="Ignored: the format is detected from the bytes.", examples=["image/gif"])
    ] = None


class AnalysisRead(Schema):
    """One question put to the model, its outcome and its cost."""

    id: UUID
    kind: AnalysisKind
    photo_id: UUID
    model: Annotated[str, Field(examples=["gemini-2.5-flash"])]
    prompt_version: Annotated[str, Field(description="Changes whenever the prompt does.")]
    status: AnalysisStatus
    result: Annotated[dict[str, Any] | None, Field(description="What the model found, if it did.")]
    error: Annotated[str | None, Field(description="The problem code, if the analysis failed.")]
    prompt_tokens: int | None
    output_tokens: int | None
    latency_ms: Annotated[int | None, Field(description="How long the model took, in milliseconds.")]
    created_at: Moment
