"""The protocol of analyzers: what they are given, and what they find in a photo."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from daybook.diary.enums import MealType
from daybook.diary.schemas import Calories, ExerciseType, Ingredients, Kilometers, Minutes
from daybook.web.schema import Day

Findings_co = TypeVar("Findings_co", covariant=True)


class FoodFindings(BaseModel):
    """What is on a plate."""

    is_healthy: bool
    ingredients: Ingredients
    estimated_calories: Calories | None = None
    meal_type: MealType | None = None


class ExerciseFindings(BaseModel):
    """The exercise that a photo, or a screenshot of an app that recorded it, shows."""

    exercise_type: ExerciseType
    duration: Minutes | None = None
    calories: Calories | None = None
    distance: Kilometers | None = None
    date: Day | None = None
    """Only if it can be read in the picture."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The cost of an answer in tokens, as far as the model reports it."""

    prompt_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ModelAnswer(Generic[Findings_co]):
    """Findings and their cost."""

    findings: Findings_co
    usage: Usage


class PhotoAnalyzer(Protocol):
    """Analyzes photos.

    A photo is an upright JPEG, already checked and scaled down. The methods raise NothingRecognised, ModelRefused,
    ModelUnavailable or ModelTimeout, and nothing else.
    """

    @property
    def model(self) -> str:
        """The name that analyses record as their model."""

    @property
    def prompt_version(self) -> str:
        """Changes whenever the prompt does, so that answers to another prompt are not reused."""

    async def food(self, photo: bytes) -> ModelAnswer[FoodFindings]:
        """Return what is on the plate."""

    async def exercise(self, photo: bytes) -> ModelAnswer[ExerciseFindings]:
        """Return which exercise it is."""

    async def close(self) -> None:
        """Close connections."""
