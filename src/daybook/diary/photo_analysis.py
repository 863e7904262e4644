"""Asking Gemini. The only module that knows google-genai, which is imported when the first photo is looked at."""

import asyncio
import datetime as dt
import json
import logging
import math
import random
from collections.abc import Awaitable, Callable
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
import orjson
from pydantic import BaseModel, Field, ValidationError

from daybook.diary.errors import ModelRefused, ModelTimeout, ModelUnavailable, NothingRecognised
from daybook.diary.findings import ExerciseFindings, FoodFindings, ModelAnswer, Usage
from daybook.diary.vocabulary import IngredientColor, MealType
from daybook.errors import DaybookError

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.types import GenerateContentResponse

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer", bound=BaseModel)

FOOD_PROMPT = """\
The photo is of what somebody eats or drinks. Name every ingredient that you can see or that the dish certainly
holds, the main one first, in the language of the dish. Give each its color: green for plants (vegetables, fruit,
mushrooms, seaweed, nuts, coffee and tea), red for meat, fish and seafood, teal for the rest (grains, dairy, eggs,
sauces, sweets). Estimate grams and kcal of each as it is served, and kcal of the whole. Say whether a dietitian
would call it a healthy meal, and which meal of the day it looks like. If there is nothing to eat or drink in the
photo, say so with is_food false and no ingredients."""

EXERCISE_PROMPT = """\
The photo shows somebody's exercise, or is a screenshot of a watch or an app that counted it. Name the exercise in
a word or two, in the language of the picture. Give its duration in minutes, its kcal, its distance in km and its
date only where they can be read in the picture; never guess them. If there is no exercise in the picture, say so
with is_exercise false."""

ATTEMPTS_AFTER = (429, 500, 502, 503, 504)
FIRST_PAUSE = 0.3
"""Seconds before the second attempt where the model does not say how long to wait; doubled with each."""
MOST_INGREDIENTS = 100
LONGEST_NAME = 100


class _SeenIngredient(BaseModel):
    name: str
    color: IngredientColor
    grams: float | None = None
    calories: float | None = None


class _SeenFood(BaseModel):
    """What the model is asked to fill in for a meal."""

    is_food: bool
    is_healthy: bool
    ingredients: list[_SeenIngredient]
    estimated_calories: float | None = None
    meal_type: MealType | None = None


class _SeenExercise(BaseModel):
    """What the model is asked to fill in for exercise."""

    is_exercise: bool
    exercise_type: str
    duration: float | None = Field(None, description="minutes")
    calories: float | None = Field(None, description="kcal")
    distance: float | None = Field(None, description="km")
    date: str | None = Field(None, description="YYYY-MM-DD, if it can be read")


class GeminiAnalyzer:
    """Looks at photos with Gemini.

    `timeout` is in seconds and for the whole of a call, `retries` of them included: the client's own is per read,
    and outlived by a body that drips.
    """

    def __init__(
        self, key: str, *, model: str, base_url: str | None = None, timeout: float = 30, retries: int = 2
    ) -> None:
        self.model = model
        self._key = key
        self._base_url = base_url
        self._timeout = timeout
        self._retries = retries
        self._client: Client | None = None
        self._starting = asyncio.Lock()

    @cached_property
    def prompt_version(self) -> str:
        """A hash of all that the model is told beside the photo, so that no change of it is forgotten here."""
        told = [FOOD_PROMPT, _SeenFood.model_json_schema(), EXERCISE_PROMPT, _SeenExercise.model_json_schema()]
        return sha256(orjson.dumps(told)).hexdigest()[:12]

    async def food(self, photo: bytes) -> ModelAnswer[FoodFindings]:
        """Return what is on the plate. What the model says is mended only where that adds nothing to it."""
        answer, usage = await self._ask(FOOD_PROMPT, _SeenFood, photo)
        if answer.get("is_food") is False:
            raise NothingRecognised("The model sees nothing to eat or drink in this photo.")
        found = _findings(
            FoodFindings,
            is_healthy=answer.get("is_healthy"),
            ingredients=_ingredients(answer.get("ingredients")),
            estimated_calories=_whole(answer.get("estimated_calories"), 100_000),
            meal_type=answer.get("meal_type") if answer.get("meal_type") in set(MealType) else None,
        )
        if not found.ingredients:
            raise NothingRecognised("The model sees a meal in this photo, but none of its ingredients.")
        return ModelAnswer(found, usage)

    async def exercise(self, photo: bytes) -> ModelAnswer[ExerciseFindings]:
        """Return which exercise it is, with what can be read in the picture."""
        answer, usage = await self._ask(EXERCISE_PROMPT, _SeenExercise, photo)
        if answer.get("is_exercise") is False:
            raise NothingRecognised("The model sees no exercise in this photo.")
        found = _findings(
            ExerciseFindings,
            exercise_type=_name(answer.get("exercise_type")),
            duration=_whole(answer.get("duration"), 10_080),
            calories=_whole(answer.get("calories"), 100_000),
            distance=_number(answer.get("distance"), 100_000),
            date=_day(answer.get("date")),
        )
        return ModelAnswer(found, usage)

    async def close(self) -> None:
        """Close the connections to the model."""
        if self._client is not None:
            await self._client.aio.aclose()

    async def _ask(self, prompt: str, schema: type[BaseModel], photo: bytes) -> tuple[dict[str, Any], Usage]:
        try:
            async with asyncio.timeout(self._timeout) as deadline:
                client = await self._started()

                async def call() -> "GenerateContentResponse":
                    return await _generate(client, self.model, prompt, schema, photo)

                response = await _with_retries(call, self._retries, deadline)
        except TimeoutError:
            raise ModelTimeout(f"The model did not answer within {self._timeout:g} seconds.") from None
        usage = response.usage_metadata
        return _json_of(response), Usage(
            usage.prompt_token_count if usage else None, usage.candidates_token_count if usage else None
        )

    async def _started(self) -> "Client":
        async with self._starting:
            if self._client is None:
                # The import takes a second or two, which the event loop is not to stand still for.
                self._client = await asyncio.to_thread(_make_client, self._key, self._base_url, self._timeout)
            return self._client


def _make_client(key: str, base_url: str | None, timeout: float) -> "Client":
    from google.genai import Client, types  # noqa: PLC0415 - see the module's docstring

    # Given, so that the library does not choose aiohttp where that happens to be installed. A photo waits for its
    # deadline, not for one of a hundred connections.
    http = httpx2.AsyncClient(timeout=timeout, limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=20))
    options = types.HttpOptions(
        base_url=base_url, api_version="v1beta", httpx_async_client=http, timeout=math.ceil(timeout * 1000)
    )
    return Client(api_key=key, vertexai=False, http_options=options)


async def _generate(
    client: "Client", model: str, prompt: str, schema: type[BaseModel], photo: bytes
) -> "GenerateContentResponse":
    from google.genai import types  # noqa: PLC0415 - see the module's docstring

    parts = [types.Part.from_bytes(data=photo, mime_type="image/jpeg"), types.Part.from_text(text=prompt)]
    return await client.aio.models.generate_content(
        model=model,
        contents=types.UserContent(parts),
        config=types.GenerateContentConfig(
            response_mime_type="application/json", response_json_schema=schema.model_json_schema()
        ),
    )


async def _with_retries(
    call: Callable[[], Awaitable["GenerateContentResponse"]], retries: int, deadline: asyncio.Timeout
) -> "GenerateContentResponse":
    """Return what `call` returns, called again where that may help and the deadline allows it.

    Not the library's own retry, which does not heed how long the model says to wait.
    """
    for attempt in range(retries + 1):
        try:
            return await call()
        except Exception as error:  # whatever the library raises is a fault of the model's to us
            told, again = _judge(error)
            pause = told.retry_after or FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
            ends_at = deadline.when() or math.inf
            in_time = asyncio.get_running_loop().time() + pause < ends_at
            if not (again and in_time and attempt < retries):
                raise told from error
        await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _judge(error: Exception) -> tuple[DaybookError, bool]:
    """Return what the failure of a call means, and whether another call may do better."""
    from google.genai import errors  # noqa: PLC0415 - see the module's docstring

    if isinstance(error, errors.APIError):
        again = error.code in ATTEMPTS_AFTER
        if again:
            wait = _retry_delay(error.details)
            return ModelUnavailable("The model is overloaded, or its quota is used up.", retry_after=wait), True
        # A wrong key, a model that does not exist: the operator's to mend, and no client's to know.
        logger.error("the model refuses the request", extra={"reason": f"{error.code} {error.status}"})
        return ModelRefused("The model does not take this server's requests."), False
    if isinstance(error, httpx2.TimeoutException):
        return ModelTimeout("The model did not answer in time."), False
    if isinstance(error, httpx2.TransportError | OSError):
        return ModelUnavailable("The connection to the model failed."), True
    return ModelRefused("The model's answer cannot be read."), False


def _retry_delay(details: Any) -> int | None:
    """Return the seconds that a google.rpc.RetryInfo asks to wait, if there is one."""
    try:
        for detail in details["error"]["details"]:
            if str(detail.get("@type", "")).endswith("google.rpc.RetryInfo"):
                return max(1, math.ceil(float(detail["retryDelay"].removesuffix("s"))))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    return None


def _json_of(response: "GenerateContentResponse") -> dict[str, Any]:
    """Return the object that the model wrote; ModelRefused for anything else, however it may look like success."""
    feedback = response.prompt_feedback
    if feedback is not None and feedback.block_reason:
        raise ModelRefused("The model refuses to look at this photo.")
    if not response.candidates:
        raise ModelRefused("The model gave no answer.")
    candidate = response.candidates[0]
    if candidate.finish_reason is not None and candidate.finish_reason.name != "STOP":
        raise ModelRefused(f"The model stopped before its answer was whole ({candidate.finish_reason.name}).")
    parts = (candidate.content.parts if candidate.content else None) or []
    text = "".join(part.text for part in parts if part.text and not part.thought)
    try:
        answer = json.loads(text)  # not orjson, which takes nothing of an answer with half a surrogate pair
    except ValueError:
        raise ModelRefused("The model's answer is not what it was asked for.") from None
    if not isinstance(answer, dict):
        raise ModelRefused("The model's answer is not what it was asked for.")
    return answer


def _findings(kind: type[Answer], **found: Any) -> Answer:
    try:
        return kind(**found)
    except ValidationError:
        raise ModelRefused("The model's answer is not what it was asked for.") from None


def _ingredients(found: Any) -> Any:
    """Return the ingredients that can be kept: each once, a hundred at most, of an unknown color as "the rest"."""
    if not isinstance(found, list):
        return None
    kept: dict[str, dict[str, Any]] = {}
    for one in found:
        name = _name(one.get("name")) if isinstance(one, dict) else None
        if name and name not in kept and len(kept) < MOST_INGREDIENTS:
            color = one.get("color")
            kept[name] = {
                "name": name,
                "color": color if color in set(IngredientColor) else IngredientColor.TEAL,
                "grams": _number(one.get("grams"), 100_000),
                "calories": _whole(one.get("calories"), 100_000),
            }
    return list(kept.values())


def _name(found: Any) -> str | None:
    """Return a name without what cannot be stored, cut to what can."""
    if not isinstance(found, str):
        return None
    return found.replace("\x00", "").encode(errors="ignore").decode().strip()[:LONGEST_NAME].strip() or None


def _number(found: Any, most: float) -> float | None:
    """Return the number, or None for one that cannot be meant."""
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= most:
        return None
    return float(found)


def _whole(found: Any, most: float) -> int | None:
    number = _number(found, most)
    return None if number is None else round(number)


def _day(found: Any) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(found)
    except (TypeError, ValueError):
        return None
    return day if 1900 <= day.year < 2200 else None
