"""What an analyzer finds in a photo, and what every analyzer can be asked."""

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
    """Which exercise a photo, or a screenshot of an app that counted it, shows."""

    exercise_type: ExerciseType
    duration: Minutes | None = None
    calories: Calories | None = None
    distance: Kilometers | None = None
    date: Day | None = None
    """Only if it stands in the picture."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost, in tokens, as far as the model says."""

    prompt_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ModelAnswer(Generic[Findings_co]):
    """Findings, and what they cost."""

    findings: Findings_co
    usage: Usage


class PhotoAnalyzer(Protocol):
    """Looks at photos.

    A photo is an upright JPEG that has been checked and scaled down. Raises NothingRecognised, ModelRefused,
    ModelUnavailable or ModelTimeout, and nothing else.
    """

    @property
    def model(self) -> str:
        """What the analyses name as their model."""

    @property
    def prompt_version(self) -> str:
        """Changes when the model is asked in other words; with it, answers are not reused."""

    async def food(self, photo: bytes) -> ModelAnswer[FoodFindings]:
        """Return what is on the plate."""

    async def exercise(self, photo: bytes) -> ModelAnswer[ExerciseFindings]:
        """Return which exercise it is."""

    async def close(self) -> None:
        """Let connections go."""
