"""Analyzing photos with Gemini. The only module that imports google-genai, and not before the first photo comes."""

import asyncio
import gc
import logging
import math
import random
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import httpx2
import orjson

from daybook.diary.analyzers.analyzer import ExerciseFindings, FoodFindings, ModelAnswer
from daybook.diary.analyzers.gemini_answer import ExerciseAnswer, FoodAnswer, exercise_findings, food_findings
from daybook.diary.errors import ModelRefused, ModelTimeout, ModelUnavailable
from daybook.errors import DaybookError

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.types import GenerateContentResponse

logger = logging.getLogger(__name__)

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

TRANSIENT_STATUSES = (429, 500, 502, 503, 504)
"""Statuses after which a retry may succeed."""
FIRST_PAUSE = 0.3
"""Seconds before the second attempt if the model does not say how long to wait; doubled with each attempt."""
USUAL_WAIT = 10
"""Seconds after which a client may retry if the model does not say."""
LONGEST_WAIT = 3600
"""Seconds; a longer wait that the model asks for is taken for a mistake."""


class GeminiAnalyzer:
    """Analyzes photos with Gemini.

    `timeout` is in seconds, for a whole call with its `retries`: the client's own timeout is per read, so that a
    body that trickles in would outlive it.
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
        """A hash of all that the model gets beside the photo, so that every change of it is a new version."""
        prompts = [FOOD_PROMPT, self._food_schema, EXERCISE_PROMPT, self._exercise_schema]
        return sha256(orjson.dumps(prompts)).hexdigest()[:12]

    @cached_property
    def _food_schema(self) -> dict[str, Any]:
        return FoodAnswer.model_json_schema()

    @cached_property
    def _exercise_schema(self) -> dict[str, Any]:
        return ExerciseAnswer.model_json_schema()

    async def food(self, photo: bytes) -> ModelAnswer[FoodFindings]:
        """Return what is on the plate."""
        return food_findings(await self._ask(FOOD_PROMPT, self._food_schema, photo))

    async def exercise(self, photo: bytes) -> ModelAnswer[ExerciseFindings]:
        """Return which exercise it is, with what can be read in the picture."""
        return exercise_findings(await self._ask(EXERCISE_PROMPT, self._exercise_schema, photo))

    async def close(self) -> None:
        """Close the connections to the model."""
        if self._connected is not None:
            client, http = self._connected
            await http.aclose()  # the library leaves open what it was given
            client.close()

    async def _ask(self, prompt: str, schema: dict[str, Any], photo: bytes) -> "GenerateContentResponse":
        deadline = asyncio.get_running_loop().time() + self._timeout
        try:
            async with asyncio.timeout_at(deadline):
                return await self._with_retries(prompt, schema, photo, deadline)
        except TimeoutError:
            raise ModelTimeout(f"The model did not answer within {self._timeout:g} seconds.") from None

    async def _with_retries(
        self, prompt: str, schema: dict[str, Any], photo: bytes, deadline: float
    ) -> "GenerateContentResponse":
        """Return the model's response, retrying where that may help and the deadline allows it.

        The library's own retry ignores how long the model says to wait.
        """
        client = await self._started()
        attempt = 0
        while True:
            async with self._turn:
                # A request takes milliseconds to build. Of many photos, one is started in each round of the event loop,
                # so that other requests do not wait for all of them.
                await asyncio.sleep(0)
            try:
                return await _generate(client, self.model, prompt, schema, photo)
            except Exception as error:  # noqa: BLE001 - whatever the library raises is a failure of the model
                failure, wait = self._judge(error), _retry_delay(error)
            # Raised outside of the handler: the library's error may quote the key, and must not be chained to.
            jitter = random.uniform(0.5, 1.5)  # noqa: S311 - no secret
            pause = (wait or 0) + FIRST_PAUSE * 2**attempt * jitter
            late = asyncio.get_running_loop().time() + pause >= deadline
            if attempt == self._retries or late or not isinstance(failure, ModelUnavailable):
                raise failure
            await asyncio.sleep(pause)
            attempt += 1

    def _judge(self, error: Exception) -> DaybookError:
        """Return what the failure of a call means; after ModelUnavailable, a retry may succeed."""
        from google.genai import errors  # noqa: PLC0415 - see the module's docstring

        if isinstance(error, errors.APIError):
            if error.code in TRANSIENT_STATUSES:
                why = "its quota is used up" if error.code == 429 else "it is overloaded or broken"
                wait = _retry_delay(error) or USUAL_WAIT
                return ModelUnavailable(f"The model cannot answer now: {why}.", retry_after=wait)
            # A wrong key or a model that does not exist is for the operator to fix, and no business of a client.
            # Google quotes the key of a suspended project in its message.
            message = str(error.message).replace(self._key, "[the key]")[:300]
            logger.error("the model refuses the request", extra={"reason": f"{error.code} {error.status}: {message}"})
            return ModelRefused("The model does not accept this server's requests.")
        # UnicodeDecodeError: the library fails on an error page in another encoding than UTF-8.
        if isinstance(error, httpx2.TransportError | OSError | UnicodeDecodeError):
            return ModelUnavailable("The connection to the model failed.", retry_after=USUAL_WAIT)
        logger.error("the model's answer cannot be read", extra={"reason": type(error).__name__})
        return ModelRefused("The model's answer cannot be read.")

    async def _started(self) -> "Client":
        async with self._starting:
            if self._connected is None:
                # The import takes a second or two, for which the event loop must not stand still.
                self._connected = await asyncio.to_thread(_connect, self._key, self._base_url)
            return self._connected[0]


def _connect(key: str, base_url: str) -> tuple["Client", httpx2.AsyncClient]:
    from google.genai import Client, types  # noqa: PLC0415 - see the module's docstring

    # The library's thousands of classes stay. Walking over them, the garbage collector would stop the event loop for a
    # quarter of a second now and then.
    gc.freeze()
    # A client of our own, so that the library does not choose aiohttp where that is installed, and follows no redirect
    # with the key. Its limit is high: a photo is bounded by its deadline, not by a free connection.
    http = httpx2.AsyncClient(limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=20))
    # No timeout: the library would pass it on to Gemini, which refuses timeouts of less than ten seconds.
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
            # One question is one paid request; the library would otherwise send more for a long answer.
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
