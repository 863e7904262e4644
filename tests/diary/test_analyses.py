"""Photos over HTTP: analysed, remembered, logged, and given back."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.database.engine import open_database
from daybook.diary.photos.store import PhotoStore
from daybook.diary.service.photos import sweep
from tests.fixtures import pictures
from tests.fixtures.gemini import FOOD, Gemini, Reply, fails, finds
from tests.fixtures.server import Person, Server, serve, settings_for, sign_up

PHOTO = pictures.jpeg((120, 80), camera=True)


@pytest.fixture(scope="module")
async def asking_server(
    database_url: str, _gemini: Gemini, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    settings = settings_for(
        database_url,
        tmp_path_factory.mktemp("photos"),
        gemini_api_key="a-key",
        gemini_base_url=_gemini.url,
        gemini_timeout=5,
        gemini_retries=0,
        pool_size=2,
    )
    async with serve(settings) as server:
        yield server


@pytest.fixture
async def asking(asking_server: Server, gemini: Gemini, empty_database: None) -> AsyncIterator[Person]:
    """Somebody whose application asks the local model and has two connections."""
    async with sign_up(asking_server) as person:
        yield person


def multipart(photo: bytes) -> dict[str, Any]:
    return {"files": {"photo": ("meal.jpg", photo, "image/jpeg")}}


def in_json(photo: bytes) -> dict[str, Any]:
    return {"json": {"imageData": base64.b64encode(photo).decode(), "mimeType": "image/jpeg"}}


def as_data_url(photo: bytes) -> dict[str, Any]:
    return {"json": {"imageData": f"data:image/jpeg;base64,{base64.b64encode(photo).decode()}", "mimeType": "x"}}


async def analyses_of(person: Person) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await person.client.get("/api/analyses")).json()["items"]
    return items


@pytest.mark.parametrize("sent", [multipart, in_json, as_data_url])
async def test_a_meal_is_analysed_however_it_is_sent(asking: Person, sent: Any) -> None:
    answer = await asking.client.post("/api/analyze/food", **sent(PHOTO))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["isHealthy"], body["estimatedCalories"], body["mealType"]) == (True, 322, "lunch")
    assert [ingredient["name"] for ingredient in body["ingredients"]] == ["김치", "rice"]
    assert body["analyzer"] == "gemini-2.5-flash"

    (asked,) = await analyses_of(asking)
    assert (asked["id"], asked["status"], asked["kind"]) == (body["analysisId"], "done", "food")
    assert (asked["promptTokens"], asked["outputTokens"]) == (300, 40)
    assert asked["latencyMs"] > 0


async def test_the_answer_can_be_logged_as_it_is(asking: Person) -> None:
    for kind in ("food", "exercise"):
        answer = (await asking.client.post(f"/api/analyze/{kind}", **multipart(PHOTO))).json()
        logged = await asking.client.post(f"/api/log/{kind}", json=answer)
        assert logged.status_code == 201, logged.text
        read = (await asking.client.get(f"/api/log/{kind}/{logged.json()['id']}")).json()
        assert read["photoId"] == answer["photoId"]
        assert {name: read[name] for name in answer if name != "analyzer"} == {
            name: value for name, value in answer.items() if name != "analyzer"
        }


async def test_the_photo_comes_with_the_analysis_that_is_named(asking: Person) -> None:
    answer = (await asking.client.post("/api/analyze/food", **multipart(PHOTO))).json()
    logged = await asking.client.post("/api/log/food", json={"analysisId": answer["analysisId"]})
    read = (await asking.client.get(f"/api/log/food/{logged.json()['id']}")).json()
    assert read["photoId"] == answer["photoId"]


async def test_the_same_photo_again_is_answered_without_a_call(asking: Person, gemini: Gemini) -> None:
    first = (await asking.client.post("/api/analyze/food", **multipart(PHOTO))).json()
    again = (await asking.client.post("/api/analyze/food", **in_json(PHOTO))).json()
    assert again == first
    assert len(gemini.requests) == 1
    await asking.client.post("/api/analyze/exercise", **multipart(PHOTO))
    assert len(gemini.requests) == 2
    assert len(await analyses_of(asking)) == 2


async def test_a_photo_of_another_is_asked_about_anew(asking: Person, asking_server: Server, gemini: Gemini) -> None:
    await asking.client.post("/api/analyze/food", **multipart(PHOTO))
    async with sign_up(asking_server) as other:
        await other.client.post("/api/analyze/food", **multipart(PHOTO))
    assert len(gemini.requests) == 2


async def test_a_photo_is_logged_in_one_call(asking: Person) -> None:
    form = {"mealType": "저녁식사", "note": "with friends"}
    logged = await asking.client.post("/api/log/food/photo", data=form, **multipart(PHOTO))
    assert logged.status_code == 201, logged.text
    body = logged.json()
    assert (body["mealType"], body["note"], body["analyzer"]) == ("dinner", "with friends", "gemini-2.5-flash")
    (today,) = (await asking.client.get("/api/log/food/today")).json()
    assert today == {name: value for name, value in body.items() if name != "analyzer"}


async def test_a_photo_with_an_idempotency_key_is_logged_once(asking: Person, gemini: Gemini) -> None:
    key = {"Idempotency-Key": "photo-1"}
    first = await asking.client.post("/api/log/food/photo", headers=key, **multipart(PHOTO))
    again = await asking.client.post("/api/log/food/photo", headers=key, **multipart(PHOTO))
    assert again.json() == first.json()
    assert len((await asking.client.get("/api/log/food")).json()["items"]) == 1
    other = await asking.client.post("/api/log/food/photo", headers=key, **multipart(pictures.jpeg((50, 50))))
    assert other.status_code == 422
    reworded = await asking.client.post("/api/log/food/photo", headers=key, data={"note": "x"}, **multipart(PHOTO))
    assert reworded.status_code == 422
    assert reworded.json()["type"] == "/problems/idempotency-key-reused"


async def test_a_photo_is_given_back_without_what_the_camera_wrote(asking: Person, asking_server: Server) -> None:
    answer = (await asking.client.post("/api/analyze/food", **multipart(PHOTO))).json()
    photo = await asking.client.get(f"/api/photos/{answer['photoId']}")
    assert photo.headers["content-type"] == "image/jpeg"
    assert photo.content[:2] == b"\xff\xd8"
    assert b"secret" not in photo.content.lower()
    for known in (photo.headers["etag"], f'"another", W/{photo.headers["etag"]}'):
        unchanged = await asking.client.get(f"/api/photos/{answer['photoId']}", headers={"If-None-Match": known})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
    changed = await asking.client.get(f"/api/photos/{answer['photoId']}", headers={"If-None-Match": '"another"'})
    assert changed.content == photo.content


async def test_a_photo_whose_file_is_missing_is_not_found(
    database_url: str, tmp_path: Path, empty_database: None
) -> None:
    async with serve(settings_for(database_url, tmp_path)) as server, sign_up(server) as person:
        answer = (await person.client.post("/api/analyze/exercise", **multipart(PHOTO))).json()
        url = f"/api/photos/{answer['photoId']}"
        assert (await person.client.get(url)).status_code == 200
        for file in (tmp_path / "photos").rglob("*.jpg"):
            file.unlink()
        assert (await person.client.get(url)).json()["type"] == "/problems/photo-not-found"


@pytest.mark.parametrize(
    ("photo", "status", "kind"),
    [
        (b"", 400, "bad-photo"),
        (b"\x00" * 100, 400, "bad-photo"),
        (pictures.svg(), 400, "bad-photo"),
        (pictures.html(), 400, "bad-photo"),
        (pictures.truncated(PHOTO), 400, "bad-photo"),
        (pictures.png_bomb(), 413, "photo-too-large"),
        (pictures.huge_file(), 413, "too-large"),
        (pictures.huge_file()[:15_050_000], 413, "photo-too-large"),
    ],
    ids=["empty", "zeros", "svg", "html", "truncated", "bomb", "30 MB", "15.05 MB"],
)
@pytest.mark.parametrize("sent", [multipart, in_json])
async def test_what_is_no_photo_is_refused(
    asking: Person, gemini: Gemini, *, photo: bytes, status: int, kind: str, sent: Any
) -> None:
    refused = await asking.client.post("/api/analyze/food", **sent(photo))
    assert refused.status_code == status, refused.text
    assert refused.json()["type"] == f"/problems/{kind}"
    assert gemini.requests == []


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"json": {"imageData": "not base64!"}}, 400),
        ({"json": {"imageData": "가"}}, 400),
        ({"json": {}}, 422),
        ({"json": {"imageData": 7}}, 422),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422),
        ({"content": PHOTO, "headers": {"Content-Type": "image/jpeg"}}, 400),
        ({"files": {"picture": ("x.jpg", PHOTO)}}, 422),
        ({"data": {"photo": "text"}}, 400),
    ],
)
async def test_a_request_without_a_photo_is_refused(asking: Person, request_: dict[str, Any], status: int) -> None:
    refused = await asking.client.post("/api/analyze/food", **request_)
    assert refused.status_code == status, refused.text
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("reply", "status", "reason"),
    [
        (Reply(fails("RESOURCE_EXHAUSTED", retry_delay="9s"), 429), 503, "model-unavailable"),
        (Reply(fails("INTERNAL"), 500), 503, "model-unavailable"),
        (Reply(finds({})), 502, "model-refused"),
        (Reply(after=9), 504, "model-timeout"),
        (Reply(finds(FOOD | {"is_food": False})), 422, "nothing-recognised"),
    ],
)
async def test_a_failure_of_the_model_is_answered_and_recorded(
    asking: Person, gemini: Gemini, reply: Reply, status: int, reason: str
) -> None:
    gemini.always = reply
    failed = await asking.client.post("/api/analyze/food", **multipart(PHOTO))
    assert failed.status_code == status
    assert failed.json()["type"] == f"/problems/{reason}"
    (asked,) = await analyses_of(asking)
    assert (asked["status"], asked["error"], asked["result"]) == ("failed", reason, None)

    gemini.always = None
    assert (await asking.client.post("/api/analyze/food", **multipart(PHOTO))).status_code == 200


async def test_a_day_has_so_many_questions(
    database_url: str, gemini: Gemini, tmp_path: Path, empty_database: None
) -> None:
    settings = settings_for(database_url, tmp_path, gemini_api_key="k", gemini_base_url=gemini.url, analyses_per_day=3)
    async with serve(settings) as server, sign_up(server) as person:
        photos = [pictures.jpeg((40 + n, 40)) for n in range(8)]
        answers = await asyncio.gather(
            *(person.client.post("/api/analyze/food", **multipart(photo)) for photo in photos)
        )
        statuses = [answer.status_code for answer in answers]
        assert sorted(statuses) == [200] * 3 + [429] * 5
        assert len(gemini.requests) == 3
        known = photos[statuses.index(200)]
        assert (await person.client.post("/api/analyze/food", **multipart(known))).status_code == 200


async def test_a_day_of_the_whole_server_has_so_many_questions(
    database_url: str, gemini: Gemini, tmp_path: Path, empty_database: None
) -> None:
    limits = {"analyses_per_day": 3, "analyses_per_day_total": 4}
    settings = settings_for(database_url, tmp_path, gemini_api_key="k", gemini_base_url=gemini.url, **limits)
    async with serve(settings) as server, sign_up(server) as mina, sign_up(server) as juno:
        photos = [pictures.jpeg((40 + n, 40)) for n in range(5)]
        # Whoever has used up their own questions uses up none of the others'.
        mine = [(await mina.client.post("/api/analyze/food", **multipart(photo))).status_code for photo in photos]
        theirs = [await juno.client.post("/api/analyze/food", **multipart(photo)) for photo in photos[:2]]
    assert mine == [200, 200, 200, 429, 429]
    assert [answer.status_code for answer in theirs] == [200, 429]
    assert theirs[1].json()["type"] == "/problems/server-analysis-budget-used-up"
    assert len(gemini.requests) == 4


async def test_no_connection_is_held_while_the_model_looks(asking: Person, gemini: Gemini, engine: AsyncEngine) -> None:
    gemini.always = Reply(finds(FOOD), after=3)
    photos = [pictures.jpeg((60 + n, 60)) for n in range(20)]
    looking = [asyncio.create_task(asking.client.post("/api/analyze/food", **multipart(photo))) for photo in photos]
    await gemini.asked(20)
    # One quiet moment is the proof: a request that held its connection would hold it all the while. Not every moment is
    # quiet: the last questions are still being stored, the importer looks for work, autovacuum's workers are sessions.
    busy_and_running = text(
        "SELECT count(*), (SELECT count(*) FROM analyses WHERE status = 'running') FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_type = 'client backend'"
        " AND pid <> pg_backend_pid() AND state <> 'idle'"
    )
    async with engine.connect() as connection, asyncio.timeout(2):
        while (await connection.execute(busy_and_running)).one() != (0, 20):
            await connection.rollback()  # a transaction sees one state of pg_stat_activity
            await asyncio.sleep(0.05)
    assert (await asking.client.get("/api/log/food/today")).status_code == 200
    answers = await asyncio.gather(*looking)
    assert {answer.status_code for answer in answers} == {200}


async def test_photos_of_a_deleted_account_are_swept_away(
    database_url: str, gemini: Gemini, tmp_path: Path, empty_database: None
) -> None:
    settings = settings_for(database_url, tmp_path, gemini_api_key="k", gemini_base_url=gemini.url)
    store, database = PhotoStore(tmp_path / "photos"), open_database(settings.database_url, settings)
    async with serve(settings) as server, sign_up(server) as leaving, sign_up(server) as staying:
        for person in (leaving, staying):
            await person.client.post("/api/analyze/food", **multipart(PHOTO))
        kept = (await analyses_of(staying))[0]["photoId"]
        await leaving.client.delete("/api/users/me")
        assert await sweep(database, store, datetime.now(UTC)) == 0  # too young to be judged
        assert await sweep(database, store, datetime.now(UTC) + timedelta(hours=2)) == 1
        assert (await staying.client.get(f"/api/photos/{kept}")).status_code == 200
    await database.close()
    assert [path.parent.name for path in (tmp_path / "photos").rglob("*.jpg")] == [str(staying.id)]
