"""google-genai's own client against a server that speaks Gemini's protocol: what it finds, and every way to fail."""

import asyncio
import base64
import contextlib
import importlib
import json
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from daybook.diary.analyzers.analyzer import Usage
from daybook.diary.analyzers.gemini import GeminiAnalyzer
from daybook.diary.enums import IngredientColor, MealType
from daybook.diary.errors import ModelRefused, ModelTimeout, ModelUnavailable, NothingRecognised
from daybook.errors import DaybookError
from tests.fixtures.gemini import EXERCISE, FOOD, Gemini, Reply, fails, finds, says
from tests.fixtures.pictures import jpeg

PHOTO = jpeg((64, 48))
KEY = "AIza-a-key-that-must-not-be-told"


@pytest.fixture
async def analyzer(gemini: Gemini) -> AsyncIterator[GeminiAnalyzer]:
    """An analyzer that asks the local server, and has patience for a second."""
    await asyncio.to_thread(importlib.import_module, "google.genai")  # which is not what is timed here
    analyzer = GeminiAnalyzer(KEY, model="gemini-test", base_url=gemini.url, timeout=1, retries=1)
    yield analyzer
    await analyzer.close()


async def test_a_meal_is_found_as_the_model_says(gemini: Gemini, analyzer: GeminiAnalyzer) -> None:
    answer = await analyzer.food(PHOTO)
    found = answer.findings
    assert [(item.name, item.color, item.grams, item.calories) for item in found.ingredients] == [
        ("김치", IngredientColor.GREEN, 40, 12),
        ("rice", IngredientColor.TEAL, 210.5, 310),
    ]
    assert (found.is_healthy, found.estimated_calories, found.meal_type) == (True, 322, MealType.LUNCH)
    assert (answer.usage.prompt_tokens, answer.usage.output_tokens) == (300, 40)


async def test_exercise_is_found_as_the_model_says(analyzer: GeminiAnalyzer) -> None:
    found = (await analyzer.exercise(PHOTO)).findings
    assert (found.exercise_type, found.duration, found.calories, found.distance) == ("running", 31, 310, 5.2)
    assert str(found.date) == "2026-11-20"


async def test_the_model_is_asked_for_json_by_schema(gemini: Gemini, analyzer: GeminiAnalyzer) -> None:
    await analyzer.food(PHOTO)
    assert gemini.paths == ["POST /v1beta/models/gemini-test:generateContent HTTP/1.1"]
    # Told a deadline under ten seconds, Gemini refuses the request.
    assert (gemini.headers[0]["x-goog-api-key"], gemini.headers[0].get("x-server-timeout")) == (KEY, None)
    (asked,) = gemini.requests
    assert asked["generationConfig"]["responseMimeType"] == "application/json"
    assert "ingredients" in json.dumps(asked["generationConfig"]["responseJsonSchema"])
    sent = asked["contents"][0]["parts"][0]["inlineData"]
    assert base64.b64decode(sent["data"].replace("-", "+").replace("_", "/")) == PHOTO


def envelope(**fields: Any) -> bytes:
    """Return the body of a good answer with other fields around it."""
    return json.dumps(json.loads(finds(FOOD)) | fields).encode()


BLOCKED = json.dumps({"promptFeedback": {"blockReason": "SAFETY"}}).encode()
NO_CONTENT = json.dumps({"candidates": [{"finishReason": "SAFETY"}]}).encode()


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        pytest.param(Reply(fails("RESOURCE_EXHAUSTED", retry_delay="17s"), 429), ModelUnavailable, id="quota"),
        pytest.param(Reply(fails("RESOURCE_EXHAUSTED"), 429), ModelUnavailable, id="quota, no delay"),
        pytest.param(Reply(fails("INTERNAL"), 500), ModelUnavailable, id="500"),
        pytest.param(Reply(fails("UNAVAILABLE"), 503), ModelUnavailable, id="503"),
        pytest.param(Reply(b"<html>bad gateway</html>", 502), ModelUnavailable, id="a proxy's page"),
        pytest.param(Reply("<p>überlastet".encode("latin-1"), 502), ModelUnavailable, id="a page not in UTF-8"),
        pytest.param(Reply(b'{"error": "busy"}', 503), ModelUnavailable, id="another error's shape"),
        pytest.param(Reply(status=302), ModelRefused, id="redirected"),
        pytest.param(Reply(fails("PERMISSION_DENIED"), 403), ModelRefused, id="key not allowed"),
        pytest.param(Reply(fails("INVALID_ARGUMENT"), 400), ModelRefused, id="wrong key"),
        pytest.param(Reply(fails("NOT_FOUND"), 404), ModelRefused, id="no such model"),
        pytest.param(Reply(after=5), ModelTimeout, id="hang"),
        pytest.param(Reply(finds(FOOD), drip=0.05), ModelTimeout, id="dripping body"),
        pytest.param(Reply(finds(FOOD), cut=True), ModelUnavailable, id="cut connection"),
        pytest.param(Reply(hang_up=True), ModelUnavailable, id="hung up"),
        pytest.param(Reply(b"{"), ModelRefused, id="malformed envelope"),
        pytest.param(Reply(b"[]"), ModelRefused, id="another envelope"),
        pytest.param(Reply(b"null"), ModelRefused, id="null"),
        pytest.param(Reply(b""), ModelRefused, id="nothing"),
        pytest.param(Reply(b"{}"), ModelRefused, id="no candidates"),
        pytest.param(Reply(BLOCKED), ModelRefused, id="prompt blocked"),
        pytest.param(Reply(NO_CONTENT), ModelRefused, id="answer blocked"),
        pytest.param(Reply(says(json.dumps(FOOD)[:40], "MAX_TOKENS")), ModelRefused, id="cut short"),
        pytest.param(Reply(says(json.dumps(FOOD), "SAFETY")), ModelRefused, id="whole, yet blocked"),
        pytest.param(Reply(envelope(candidates=[{"content": {"parts": []}}])), ModelRefused, id="not finished"),
        pytest.param(Reply(says("I see a bowl of rice.")), ModelRefused, id="prose"),
        pytest.param(Reply(says("[" * 100_000)), ModelRefused, id="nested without end"),
        pytest.param(Reply(says(f"```json\n{json.dumps(FOOD)}\n```")), ModelRefused, id="fenced"),
        pytest.param(Reply(finds({})), ModelRefused, id="empty object"),
        pytest.param(Reply(finds([FOOD])), ModelRefused, id="a list"),
        pytest.param(Reply(finds(FOOD | {"ingredients": "rice"})), ModelRefused, id="wrong type"),
        pytest.param(Reply(finds(FOOD | {"is_healthy": None})), ModelRefused, id="not said"),
        pytest.param(Reply(finds(FOOD | {"is_food": "no"})), ModelRefused, id="is it food or not"),
        pytest.param(Reply(finds(EXERCISE)), ModelRefused, id="the other question's answer"),
        pytest.param(Reply(finds(FOOD | {"is_food": False, "ingredients": []})), NothingRecognised, id="no food"),
        pytest.param(Reply(finds(FOOD | {"ingredients": []})), NothingRecognised, id="no ingredients"),
    ],
)
async def test_ways_to_fail(gemini: Gemini, analyzer: GeminiAnalyzer, reply: Reply, error: type[DaybookError]) -> None:
    gemini.always = reply
    started = time.monotonic()
    with pytest.raises(error) as raised:
        await analyzer.food(PHOTO)
    assert type(raised.value) is error
    assert time.monotonic() - started < 1.5
    assert (raised.value.retry_after is not None) is (error is ModelUnavailable)


async def test_a_key_that_the_model_quotes_is_not_repeated(
    gemini: Gemini, analyzer: GeminiAnalyzer, caplog: pytest.LogCaptureFixture
) -> None:
    quoting = {"error": {"status": "PERMISSION_DENIED", "message": f"Consumer 'api_key:{KEY}' has been suspended."}}
    gemini.always = Reply(json.dumps(quoting).encode(), 403)
    with pytest.raises(ModelRefused) as raised:
        await analyzer.food(PHOTO)
    logged = " ".join(str(vars(record)) for record in caplog.records)
    assert "has been suspended" in logged
    assert KEY not in logged + "".join(traceback.format_exception(raised.value)) + repr(analyzer)


async def test_nobody_answers_at_the_address() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        analyzer = GeminiAnalyzer(KEY, model="gemini-test", base_url=url, retries=0)
        with pytest.raises(ModelUnavailable):
            await analyzer.food(PHOTO)
        await analyzer.close()


@pytest.mark.parametrize(
    ("delay", "retry_after"), [("16.2s", 17), ("1e300s", 3600), ("-5s", 1), ("nans", 10), ("soon", 10), (7, 10)]
)
async def test_the_delay_that_the_model_asks_for_is_passed_on(gemini: Gemini, delay: Any, retry_after: int) -> None:
    analyzer = GeminiAnalyzer(KEY, model="gemini-test", base_url=gemini.url, retries=0)
    gemini.always = Reply(fails("RESOURCE_EXHAUSTED", retry_delay=delay), 429)
    with pytest.raises(ModelUnavailable) as raised:
        await analyzer.food(PHOTO)
    assert raised.value.retry_after == retry_after
    await analyzer.close()


async def test_a_delay_beyond_the_deadline_is_not_waited_for(gemini: Gemini, analyzer: GeminiAnalyzer) -> None:
    gemini.always = Reply(fails("RESOURCE_EXHAUSTED", retry_delay="2s"), 429)
    with pytest.raises(ModelUnavailable):
        await analyzer.food(PHOTO)
    assert len(gemini.requests) == 1


async def test_one_question_is_one_request_however_much_the_model_wants_to_go_on(
    gemini: Gemini, analyzer: GeminiAnalyzer
) -> None:
    candidate = {"content": {"parts": [{"text": "{"}]}, "finishReason": "CONTINUATION", "continuationToken": "AAAA"}
    gemini.always = Reply(envelope(candidates=[candidate]))
    with pytest.raises(ModelRefused):
        await analyzer.food(PHOTO)
    assert len(gemini.requests) == 1


@pytest.mark.parametrize(
    ("metadata", "usage"),
    [
        ({"promptTokenCount": 300, "candidatesTokenCount": 40, "thoughtsTokenCount": 900}, Usage(300, 940)),
        ({"promptTokenCount": 10**12, "candidatesTokenCount": -1}, Usage()),
        ({}, Usage()),
    ],
)
async def test_what_an_answer_cost(
    gemini: Gemini, analyzer: GeminiAnalyzer, metadata: dict[str, int], usage: Usage
) -> None:
    gemini.always = Reply(envelope(usageMetadata=metadata))
    assert (await analyzer.food(PHOTO)).usage == usage


ODD: list[Any] = [None, True, [], {}, [[]], "", " ", "\x00", "\udc00", "x" * 10_000, -1, 10**30, 1e308, "NaN", "1e999"]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:12])
async def test_whatever_stands_in_a_field_nothing_but_our_errors_comes_of_it(
    gemini: Gemini, analyzer: GeminiAnalyzer, odd: Any
) -> None:
    foods = [FOOD | {name: odd} for name in FOOD]
    foods += [FOOD | {"ingredients": [FOOD["ingredients"][0] | {name: odd}]} for name in FOOD["ingredients"][0]]
    foods += [FOOD | {"ingredients": [odd]}]
    # A number that JSON does not know is written as it is, and Python reads it.
    gemini.then = [Reply(says(json.dumps(food).replace('"NaN"', "NaN").replace('"1e999"', "1e999"))) for food in foods]
    gemini.then += [Reply(finds(EXERCISE | {name: odd})) for name in EXERCISE]
    for _ in foods:
        with contextlib.suppress(ModelRefused, NothingRecognised):
            json.dumps((await analyzer.food(PHOTO)).findings.model_dump(mode="json"), allow_nan=False).encode()
    for _ in EXERCISE:
        with contextlib.suppress(ModelRefused, NothingRecognised):
            json.dumps((await analyzer.exercise(PHOTO)).findings.model_dump(mode="json"), allow_nan=False).encode()
    assert gemini.then == []


@pytest.mark.parametrize(
    "reply", [Reply(fails("UNAVAILABLE"), 503), Reply(finds(FOOD), cut=True), Reply(fails("INTERNAL"), 500)]
)
async def test_what_passes_is_tried_again(gemini: Gemini, reply: Reply) -> None:
    analyzer = GeminiAnalyzer(KEY, model="gemini-test", base_url=gemini.url, retries=1)
    gemini.then = [reply]
    assert (await analyzer.food(PHOTO)).findings.estimated_calories == 322
    assert len(gemini.requests) == 2
    await analyzer.close()


async def test_what_can_be_mended_is(gemini: Gemini, analyzer: GeminiAnalyzer) -> None:
    gemini.always = Reply(
        finds(
            FOOD
            | {
                "ingredients": [
                    {"name": " egg\x00 ", "color": "yellow", "grams": -3, "calories": 1e12},
                    {"name": "egg", "color": "teal"},
                    {"name": "x" * 10_000, "color": "red", "grams": "two"},
                    {"name": "\ud800", "color": "red"},
                    {"name": "soy\n\tsauce\u202e", "color": ["red"]},
                    {"color": "red"},
                    "rice",
                ],
                "estimated_calories": -5,
                "meal_type": "brunch",
            }
        )
    )
    found = (await analyzer.food(PHOTO)).findings
    assert [(item.name, item.color, item.grams, item.calories) for item in found.ingredients] == [
        ("egg", IngredientColor.TEAL, None, None),
        ("x" * 100, IngredientColor.RED, None, None),
        ("soy sauce", IngredientColor.TEAL, None, None),
    ]
    assert (found.estimated_calories, found.meal_type) == (None, None)


async def test_of_five_hundred_ingredients_a_hundred_are_kept(gemini: Gemini, analyzer: GeminiAnalyzer) -> None:
    many = [{"name": f"ingredient {n}", "color": "green"} for n in range(500)]
    gemini.always = Reply(finds(FOOD | {"ingredients": many}))
    assert len((await analyzer.food(PHOTO)).findings.ingredients) == 100


async def test_a_date_that_is_none_is_left_out(gemini: Gemini, analyzer: GeminiAnalyzer) -> None:
    gemini.always = Reply(finds(EXERCISE | {"date": "yesterday", "duration": None}))
    found = (await analyzer.exercise(PHOTO)).findings
    assert (found.date, found.duration) == (None, None)


async def test_a_hundred_photos_are_analyzed_at_once(gemini: Gemini) -> None:
    analyzer = GeminiAnalyzer(KEY, model="gemini-test", base_url=gemini.url)
    gemini.always = Reply(finds(FOOD), after=0.3)
    started = time.monotonic()
    await asyncio.gather(*(analyzer.food(PHOTO) for _ in range(100)))
    await analyzer.close()
    assert len(gemini.requests) == 100
    assert time.monotonic() - started < 10  # one after the other would be 30


async def test_what_hung_leaves_no_connection_behind(gemini: Gemini) -> None:
    analyzer = GeminiAnalyzer(KEY, model="gemini-test", base_url=gemini.url, timeout=0.5)
    gemini.always = Reply(after=2)
    ends = await asyncio.gather(*(analyzer.food(PHOTO) for _ in range(20)), return_exceptions=True)
    assert {type(end) for end in ends} == {ModelTimeout}
    assert analyzer._connected is not None
    http = analyzer._connected[1]
    assert isinstance(http._transport, httpx2.AsyncHTTPTransport)
    assert http._transport._pool.connections == []
    await analyzer.close()
    assert http.is_closed


def test_the_version_names_the_words(gemini: Gemini) -> None:
    first, second = (GeminiAnalyzer(KEY, model=model).prompt_version for model in ("one", "two"))
    assert first == second


def test_the_library_is_not_imported_before_a_photo_is() -> None:
    code = "import sys, daybook.app; assert not {'google.genai', 'PIL'} & set(sys.modules), 'imported'"
    subprocess.run([sys.executable, "-c", code], check=True)
