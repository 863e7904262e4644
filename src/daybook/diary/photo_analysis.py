"""Asking Gemini. The only module that knows google-genai, which is imported when the first photo is looked at."""

import asyncio
import datetime as dt
import gc
import json
import logging
import math
import random
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import httpx2
import orjson
from pydantic import BaseModel, Field, ValidationError, WithJsonSchema

from daybook.diary.enums import IngredientColor, MealType
from daybook.diary.errors import ModelRefused, ModelTimeout, ModelUnavailable, NothingRecognised
from daybook.diary.findings import ExerciseFindings, FoodFindings, ModelAnswer, Usage
from daybook.errors import DaybookError

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.types import GenerateContentResponse

logger = logging.getLogger(__name__)

Found = TypeVar("Found", bound=BaseModel)
Word = TypeVar("Word", bound=StrEnum)

GEMINI_URL = "https://generativelanguage.googleapis.com"

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

PASSING_FAULTS = (429, 500, 502, 503, 504)
"""Statuses after which the same question may well be answered."""
FIRST_PAUSE = 0.3
"""Seconds before the second attempt where the model does not say how long to wait; doubled with each."""
USUAL_WAIT = 10
"""Seconds after which a client may ask again where the model does not say."""
LONGEST_WAIT = 3600
"""Seconds; the model asking for more is taken for a slip."""
MOST_INGREDIENTS = 100
LONGEST_NAME = 100
JOINERS = "\u200c\u200d"
"""Not printable, but Persian and Indian words are spelt with them."""
MOST_TOKENS = 2**31 - 1


# What the model is asked to fill in. Its fields are all required, so that "unknown" is said and never forgotten, and
# stand in the order in which they are best thought of: Gemini writes them in that order. Only keywords that
# responseJsonSchema documents are used (no default, nothing beside a $ref).


def _one_of(vocabulary: type[StrEnum]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": [word.value for word in vocabulary]})


class _SeenIngredient(BaseModel):
    name: str
    color: Annotated[IngredientColor, _one_of(IngredientColor)]
    grams: float | None
    calories: float | None = Field(description="kcal")


class _SeenFood(BaseModel):
    is_food: bool
    ingredients: list[_SeenIngredient]
    estimated_calories: float | None = Field(description="kcal")
    meal_type: Annotated[MealType, _one_of(MealType)] | None
    is_healthy: bool


class _SeenExercise(BaseModel):
    is_exercise: bool
    exercise_type: str
    duration: float | None = Field(description="minutes")
    calories: float | None = Field(description="kcal")
    distance: float | None = Field(description="km")
    date: str | None = Field(description="YYYY-MM-DD, if it can be read")


class GeminiAnalyzer:
    """Looks at photos with Gemini.

    `timeout` is in seconds and for the whole of a call, `retries` of them included: the client's own is per read,
    and outlived by a body that drips.
    """

    def __init__(
        self, key: str, *, model: str, base_url: str | None = None, timeout: float = 30, retries: int = 2
    ) -> None:
        self.model = model
        self._key = key.strip()
        self._base_url = base_url or GEMINI_URL
        self._timeout = timeout
        self._retries = retries
        self._connected: tuple[Client, httpx2.AsyncClient] | None = None
        self._starting = asyncio.Lock()
        self._turn = asyncio.Lock()

    @cached_property
    def prompt_version(self) -> str:
        """A hash of all that the model is told beside the photo, so that no change of it is forgotten here."""
        told = [FOOD_PROMPT, self._food_schema, EXERCISE_PROMPT, self._exercise_schema]
        return sha256(orjson.dumps(told)).hexdigest()[:12]

    @cached_property
    def _food_schema(self) -> dict[str, Any]:
        return _SeenFood.model_json_schema()

    @cached_property
    def _exercise_schema(self) -> dict[str, Any]:
        return _SeenExercise.model_json_schema()

    async def food(self, photo: bytes) -> ModelAnswer[FoodFindings]:
        """Return what is on the plate. What the model says is mended only where that adds nothing to it."""
        answer, usage = await self._ask(FOOD_PROMPT, self._food_schema, photo)
        if answer.get("is_food") is False:
            raise NothingRecognised("The model sees nothing to eat or drink in this photo.")
        found = _findings(
            FoodFindings,
            seen=answer.get("is_food"),
            is_healthy=answer.get("is_healthy"),
            ingredients=_ingredients(answer.get("ingredients")),
            estimated_calories=_whole(answer.get("estimated_calories"), 100_000),
            meal_type=_word(MealType, answer.get("meal_type")),
        )
        if not found.ingredients:
            raise NothingRecognised("The model sees a meal in this photo, but none of its ingredients.")
        return ModelAnswer(found, usage)

    async def exercise(self, photo: bytes) -> ModelAnswer[ExerciseFindings]:
        """Return which exercise it is, with what can be read in the picture."""
        answer, usage = await self._ask(EXERCISE_PROMPT, self._exercise_schema, photo)
        if answer.get("is_exercise") is False:
            raise NothingRecognised("The model sees no exercise in this photo.")
        found = _findings(
            ExerciseFindings,
            seen=answer.get("is_exercise"),
            exercise_type=_name(answer.get("exercise_type")),
            duration=_whole(answer.get("duration"), 10_080),
            calories=_whole(answer.get("calories"), 100_000),
            distance=_number(answer.get("distance"), 100_000),
            date=_day(answer.get("date")),
        )
        return ModelAnswer(found, usage)

    async def close(self) -> None:
        """Close the connections to the model."""
        if self._connected is not None:
            client, http = self._connected
            await http.aclose()  # the library leaves open what it was given
            client.close()

    async def _ask(self, prompt: str, schema: dict[str, Any], photo: bytes) -> tuple[dict[str, Any], Usage]:
        deadline = asyncio.get_running_loop().time() + self._timeout
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._with_retries(prompt, schema, photo, deadline)
        except TimeoutError:
            raise ModelTimeout(f"The model did not answer within {self._timeout:g} seconds.") from None
        return _json_of(response), _usage_of(response)

    async def _with_retries(
        self, prompt: str, schema: dict[str, Any], photo: bytes, deadline: float
    ) -> "GenerateContentResponse":
        """Return the model's response, asked for again where that may help and the deadline allows it.

        Not the library's own retry, which does not heed how long the model says to wait.
        """
        client = await self._started()
        attempt = 0
        while True:
            async with self._turn:
                # A request takes milliseconds to build. Of a crowd of photos one is begun in each round of the event
                # loop, so that whoever wants something else does not wait for all of them.
                await asyncio.sleep(0)
            try:
                return await _generate(client, self.model, prompt, schema, photo)
            except Exception as error:  # noqa: BLE001 - whatever the library raises is a fault of the model's to us
                failure, wait = self._judge(error), _retry_delay(error)
            # Raised outside of the handler: what the library raised may quote the key, and must not hang on it.
            jitter = random.uniform(0.5, 1.5)  # noqa: S311 - no secret
            pause = (wait or 0) + FIRST_PAUSE * 2**attempt * jitter
            late = asyncio.get_running_loop().time() + pause >= deadline
            if attempt == self._retries or late or not isinstance(failure, ModelUnavailable):
                raise failure
            await asyncio.sleep(pause)
            attempt += 1

    def _judge(self, error: Exception) -> DaybookError:
        """Return what the failure of a call means; after ModelUnavailable, another call may do better."""
        from google.genai import errors  # noqa: PLC0415 - see the module's docstring

        if isinstance(error, errors.APIError):
            if error.code in PASSING_FAULTS:
                why = "its quota is used up" if error.code == 429 else "it is overloaded or broken"
                wait = _retry_delay(error) or USUAL_WAIT
                return ModelUnavailable(f"The model cannot answer now: {why}.", retry_after=wait)
            # A wrong key, a model that does not exist: the operator's to mend, and no client's to know. Google
            # quotes the key of a suspended project in its message.
            said = str(error.message).replace(self._key, "[the key]")[:300]
            logger.error("the model refuses the request", extra={"reason": f"{error.code} {error.status}: {said}"})
            return ModelRefused("The model does not take this server's requests.")
        # The last is an error page in another encoding than UTF-8, which the library stumbles over.
        if isinstance(error, httpx2.TransportError | OSError | UnicodeDecodeError):
            return ModelUnavailable("The connection to the model failed.", retry_after=USUAL_WAIT)
        logger.error("the model's answer cannot be read", extra={"reason": type(error).__name__})
        return ModelRefused("The model's answer cannot be read.")

    async def _started(self) -> "Client":
        async with self._starting:
            if self._connected is None:
                # The import takes a second or two, which the event loop is not to stand still for.
                self._connected = await asyncio.to_thread(_connect, self._key, self._base_url)
            return self._connected[0]


def _connect(key: str, base_url: str) -> tuple["Client", httpx2.AsyncClient]:
    from google.genai import Client, types  # noqa: PLC0415 - see the module's docstring

    # The library's thousands of classes are there to stay. Walking over them, the garbage collector would stop the
    # event loop for a quarter of a second now and then.
    gc.freeze()
    # Given, so that the library does not choose aiohttp where that happens to be installed, and follows no redirect
    # with the key. A photo waits for its deadline, not for one of a hundred connections.
    http = httpx2.AsyncClient(limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=20))
    # No timeout: the library would tell it to Gemini, which refuses requests with one of less than ten seconds.
    options = types.HttpOptions(base_url=base_url, api_version="v1beta", httpx_async_client=http)
    return Client(api_key=key, vertexai=False, http_options=options), http


async def _generate(
    client: "Client", model: str, prompt: str, schema: dict[str, Any], photo: bytes
) -> "GenerateContentResponse":
    from google.genai import types  # noqa: PLC0415 - see the module's docstring

    parts = [types.Part.from_bytes(data=photo, mime_type="image/jpeg"), types.Part.from_text(text=prompt)]
    return await client.aio.models.generate_content(
        model=model,
        contents=types.UserContent(parts),
        config=types.GenerateContentConfig(
            response_mime_type="application/json",
            response_json_schema=schema,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            # One question is one paid request: the library would go on asking for as long as the model wants to.
            automatic_continuation=False,
        ),
    )


def _retry_delay(error: Exception) -> int | None:
    """Return the seconds that a google.rpc.RetryInfo asks to wait, if there is one."""
    try:
        for detail in getattr(error, "details", {})["error"]["details"]:
            if str(detail.get("@type", "")).endswith("google.rpc.RetryInfo"):
                seconds = math.ceil(float(detail["retryDelay"].removesuffix("s")))
                return min(max(1, seconds), LONGEST_WAIT)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
    return None


def _usage_of(response: "GenerateContentResponse") -> Usage:
    """Return what the response cost; what the model thought is paid for as output."""
    usage = response.usage_metadata
    if usage is None:
        return Usage()
    written = usage.candidates_token_count
    output = None if written is None else written + (usage.thoughts_token_count or 0)
    return Usage(_whole(usage.prompt_token_count, MOST_TOKENS), _whole(output, MOST_TOKENS))


def _json_of(response: "GenerateContentResponse") -> dict[str, Any]:
    """Return the object that the model wrote; ModelRefused for anything else, however it may look like success."""
    feedback = response.prompt_feedback
    if feedback is not None and feedback.block_reason:
        raise ModelRefused("The model refuses to look at this photo.")
    if not response.candidates:
        raise ModelRefused("The model gave no answer.")
    candidate = response.candidates[0]
    finish = candidate.finish_reason.name if candidate.finish_reason is not None else "unfinished"
    if finish != "STOP":
        raise ModelRefused(f"The model stopped before its answer was whole ({finish[:40]}).")
    parts = (candidate.content.parts if candidate.content else None) or []
    text = "".join(part.text for part in parts if part.text and not part.thought)
    try:
        answer = json.loads(text)  # not orjson, which takes nothing of an answer with half a surrogate pair
    except (ValueError, RecursionError):
        raise ModelRefused("The model's answer is not what it was asked for.") from None
    if not isinstance(answer, dict):
        raise ModelRefused("The model's answer is not what it was asked for.")
    return answer


def _findings(kind: type[Found], *, seen: Any, **found: Any) -> Found:
    """Return the findings; ModelRefused unless the model says that it has `seen` any, and they are whole."""
    try:
        if seen is True:
            return kind(**found)
    except ValidationError:
        pass
    raise ModelRefused("The model's answer is not what it was asked for.")


def _ingredients(found: Any) -> Any:
    """Return the ingredients that can be kept: each once, a hundred at most, of an unknown color as "the rest"."""
    if not isinstance(found, list):
        return None
    kept: dict[str, dict[str, Any]] = {}
    for one in found:
        name = _name(one.get("name")) if isinstance(one, dict) else None
        if name and name not in kept and len(kept) < MOST_INGREDIENTS:
            kept[name] = {
                "name": name,
                "color": _word(IngredientColor, one.get("color")) or IngredientColor.TEAL,
                "grams": _number(one.get("grams"), 100_000),
                "calories": _whole(one.get("calories"), 100_000),
            }
    return list(kept.values())


def _name(found: Any) -> str | None:
    """Return a name on one line, without what cannot be stored or seen, cut to what fits."""
    if not isinstance(found, str):
        return None
    storable = found.encode(errors="ignore").decode()  # drops halves of surrogate pairs
    line = " ".join(storable.split())
    shown = "".join(character for character in line if character.isprintable() or character in JOINERS)
    return shown[:LONGEST_NAME].strip() or None


def _word(vocabulary: type[Word], found: Any) -> Word | None:
    try:
        return vocabulary(found)
    except ValueError:
        return None


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
