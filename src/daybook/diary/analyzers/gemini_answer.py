"""The schemas that Gemini fills in, and how its answers become findings.

A model may answer anything. Its answer is corrected only where that invents nothing: a name that is too long is cut,
an impossible number is left out. An answer of another form than the schema is ModelRefused.
"""

import datetime as dt
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError, WithJsonSchema

from daybook.diary.analyzers.analyzer import ExerciseFindings, FoodFindings, ModelAnswer, Usage
from daybook.diary.enums import IngredientColor, MealType
from daybook.diary.errors import ModelRefused, NothingRecognised

if TYPE_CHECKING:
    from google.genai.types import GenerateContentResponse

Findings = TypeVar("Findings", bound=BaseModel)
Label = TypeVar("Label", bound=StrEnum)

MAX_INGREDIENTS = 100
MAX_NAME_LENGTH = 100
MAX_TOKENS = 2**31 - 1
JOINERS = "\u200c\u200d"
"""Not printable, but Persian and Indian words are spelled with them."""


def _enum_schema(labels: type[StrEnum]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": [label.value for label in labels]})


# All fields are required, so that "unknown" is an answer and no omission. Gemini writes them in this order, which is
# the order in which they are best decided. Only keywords that responseJsonSchema documents are used (no
# default, nothing beside a $ref), and no docstrings, which would be sent as descriptions.


class IngredientAnswer(BaseModel):
    name: str
    color: Annotated[IngredientColor, _enum_schema(IngredientColor)]
    grams: float | None
    calories: float | None = Field(description="kcal")


class FoodAnswer(BaseModel):
    is_food: bool
    ingredients: list[IngredientAnswer]
    estimated_calories: float | None = Field(description="kcal")
    meal_type: Annotated[MealType, _enum_schema(MealType)] | None
    is_healthy: bool


class ExerciseAnswer(BaseModel):
    is_exercise: bool
    exercise_type: str
    duration: float | None = Field(description="minutes")
    calories: float | None = Field(description="kcal")
    distance: float | None = Field(description="km")
    date: str | None = Field(description="YYYY-MM-DD, if it can be read")


def food_findings(response: "GenerateContentResponse") -> ModelAnswer[FoodFindings]:
    """Return the findings in a response to FoodAnswer's schema; NothingRecognised, ModelRefused."""
    answer = _answer(response)
    if answer.get("is_food") is False:
        raise NothingRecognised("The model sees nothing to eat or drink in this photo.")
    findings = _validated(
        FoodFindings,
        recognized=answer.get("is_food"),
        is_healthy=answer.get("is_healthy"),
        ingredients=_ingredients(answer.get("ingredients")),
        estimated_calories=_integer(answer.get("estimated_calories"), 100_000),
        meal_type=_label(MealType, answer.get("meal_type")),
    )
    if not findings.ingredients:
        raise NothingRecognised("The model sees a meal in this photo, but none of its ingredients.")
    return ModelAnswer(findings, _usage(response))


def exercise_findings(response: "GenerateContentResponse") -> ModelAnswer[ExerciseFindings]:
    """Return the findings in a response to ExerciseAnswer's schema; NothingRecognised, ModelRefused."""
    answer = _answer(response)
    if answer.get("is_exercise") is False:
        raise NothingRecognised("The model sees no exercise in this photo.")
    findings = _validated(
        ExerciseFindings,
        recognized=answer.get("is_exercise"),
        exercise_type=_name(answer.get("exercise_type")),
        duration=_integer(answer.get("duration"), 10_080),
        calories=_integer(answer.get("calories"), 100_000),
        distance=_number(answer.get("distance"), 100_000),
        date=_day(answer.get("date")),
    )
    return ModelAnswer(findings, _usage(response))


def _usage(response: "GenerateContentResponse") -> Usage:
    """Return what the response cost; thinking is paid for as output."""
    usage = response.usage_metadata
    if usage is None:
        return Usage()
    written = usage.candidates_token_count
    output = None if written is None else written + (usage.thoughts_token_count or 0)
    return Usage(_integer(usage.prompt_token_count, MAX_TOKENS), _integer(output, MAX_TOKENS))


def _answer(response: "GenerateContentResponse") -> dict[str, Any]:
    """Return the object that the model wrote; ModelRefused for anything else."""
    feedback = response.prompt_feedback
    if feedback is not None and feedback.block_reason:
        raise ModelRefused("The model refuses to analyze this photo.")
    if not response.candidates:
        raise ModelRefused("The model gave no answer.")
    candidate = response.candidates[0]
    finish = candidate.finish_reason.name if candidate.finish_reason is not None else "unfinished"
    if finish != "STOP":
        raise ModelRefused(f"The model stopped before its answer was complete ({finish[:40]}).")
    parts = (candidate.content.parts if candidate.content else None) or []
    text = "".join(part.text for part in parts if part.text and not part.thought)
    try:
        answer = json.loads(text)  # not orjson, which takes nothing of an answer with half a surrogate pair
    except (ValueError, RecursionError):
        raise ModelRefused("The model's answer does not have the requested form.") from None
    if not isinstance(answer, dict):
        raise ModelRefused("The model's answer does not have the requested form.")
    return answer


def _validated(findings: type[Findings], *, recognized: Any, **values: Any) -> Findings:
    """Return the findings; ModelRefused unless the model says that it `recognized` something, and they are valid."""
    try:
        if recognized is True:
            return findings(**values)
    except ValidationError:
        pass
    raise ModelRefused("The model's answer does not have the requested form.")


def _ingredients(answer: Any) -> Any:
    """Return the ingredients that can be kept: each once, a hundred at most, an unknown color as teal."""
    if not isinstance(answer, list):
        return None
    kept: dict[str, dict[str, Any]] = {}
    for item in answer:
        name = _name(item.get("name")) if isinstance(item, dict) else None
        if name and name not in kept and len(kept) < MAX_INGREDIENTS:
            kept[name] = {
                "name": name,
                "color": _label(IngredientColor, item.get("color")) or IngredientColor.TEAL,
                "grams": _number(item.get("grams"), 100_000),
                "calories": _integer(item.get("calories"), 100_000),
            }
    return list(kept.values())


def _name(answer: Any) -> str | None:
    """Return a name on one line, without characters that cannot be stored or seen, cut to the longest name allowed."""
    if not isinstance(answer, str):
        return None
    storable = answer.encode(errors="ignore").decode()  # drops halves of surrogate pairs
    line = " ".join(storable.split())
    visible = "".join(character for character in line if character.isprintable() or character in JOINERS)
    return visible[:MAX_NAME_LENGTH].strip() or None


def _label(labels: type[Label], answer: Any) -> Label | None:
    try:
        return labels(answer)
    except ValueError:
        return None


def _number(answer: Any, maximum: float) -> float | None:
    """Return the number, or None if it is impossible."""
    if isinstance(answer, bool) or not isinstance(answer, int | float) or not 0 <= answer <= maximum:
        return None
    return float(answer)


def _integer(answer: Any, maximum: float) -> int | None:
    number = _number(answer, maximum)
    return None if number is None else round(number)


def _day(answer: Any) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(answer)
    except (TypeError, ValueError):
        return None
    return day if 1900 <= day.year < 2200 else None
