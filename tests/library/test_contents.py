"""Saved links over HTTP."""

import asyncio
import json
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.tracing import watch_statements
from tests.fixtures.server import Person

STEW: dict[str, Any] = {
    "url": "https://www.example.com/kimchi?b=2&a=1",
    "title": "김치찌개를 끓이는 법 🍲",
    "contentType": "video",
    "description": "돼지고기와 김치",
    "note": "엄마 것과 비슷하다",
    "thumbnail": "https://img.example.com/1.jpg",
    "favicon": "https://www.example.com/favicon.ico",
    "bookmark": True,
    "videoLength": 612,
    "body": "먼저 김치를 볶는다.",
    "tags": ["요리", "한식"],
}


async def save(person: Person, **changes: Any) -> dict[str, Any]:
    answer = await person.client.post("/api/contents", json=STEW | changes)
    assert answer.status_code in {200, 201}, answer.text
    saved: dict[str, Any] = answer.json()
    return saved


async def save_patiently(person: Person, content: dict[str, Any]) -> Response:
    """Save as clients do in a crowd: what is told to come back later does."""
    answer = await person.client.post("/api/contents", json=content)
    if answer.status_code == 503:
        await asyncio.sleep(float(answer.headers["Retry-After"]))
        return await save_patiently(person, content)
    return answer


async def save_many(person: Person, count: int, **changes: Any) -> list[dict[str, Any]]:
    return [await save(person, url=f"https://example.com/{n}", title=f"page {n}", **changes) for n in range(count)]


async def test_a_link_is_read_as_it_was_saved(mina: Person) -> None:
    saved = await save(mina)
    read = (await mina.client.get(f"/api/contents/{saved['id']}")).json()
    assert saved == read
    assert {name: read[name] for name in STEW} == STEW


async def test_what_is_left_out_is_null(mina: Person) -> None:
    bare = {"url": "https://example.com/", "title": "x", "contentType": "post"}
    saved = (await mina.client.post("/api/contents", json=bare)).json()
    assert {name: saved[name] for name in STEW.keys() - bare.keys()} == {
        "description": None,
        "note": None,
        "thumbnail": None,
        "favicon": None,
        "bookmark": False,
        "videoLength": None,
        "body": None,
        "tags": [],
    }


async def test_the_same_page_again_is_the_one_that_is_there(mina: Person, juno: Person) -> None:
    first = await mina.client.post("/api/contents", json=STEW)
    again = await mina.client.post(
        "/api/contents", json=STEW | {"url": "HTTPS://www.EXAMPLE.com:443/kimchi?b=2&a=1#top", "title": "another"}
    )
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert (await juno.client.post("/api/contents", json=STEW)).status_code == 201


async def test_a_page_saved_100_times_at_once_is_saved_once(mina: Person) -> None:
    answers = await asyncio.gather(*(save_patiently(mina, STEW) for _ in range(100)))
    assert sorted(answer.status_code for answer in answers) == [200] * 99 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_tag_named_100_times_at_once_is_made_once(mina: Person) -> None:
    names = [["맛집", "Cafe"], ["CAFE", "맛집"]]
    answers = await asyncio.gather(
        *(save_patiently(mina, STEW | {"url": f"https://example.com/{n}", "tags": names[n % 2]}) for n in range(100))
    )
    assert {answer.status_code for answer in answers} == {201}
    tags = (await mina.client.get("/api/tags")).json()["items"]
    assert sorted((tag["tagname"].lower(), tag["contentCount"]) for tag in tags) == [("cafe", 100), ("맛집", 100)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://example.com/"},
        {"url": "javascript:alert(1)"},
        {"url": "https://user:password@example.com/"},
        {"url": "nonsense"},
        {"url": "https://example.com/" + "x" * 2100},
        {"url": "https://example.com/\x00"},
        {"title": ""},
        {"title": " "},
        {"title": "x" * 501},
        {"title": "\x00"},
        {"title": "\ud800"},
        {"title": "a" + "\u0301" * 31},
        {"thumbnail": "data:image/png;base64,AAAA"},
        {"favicon": "chrome://favicon"},
        {"contentType": "podcast"},
        {"description": "x" * 2001},
        {"videoLength": -1},
        {"videoLength": 2**40},
        {"tags": [""]},
        {"tags": ["x" * 51]},
        {"tags": ["\x00"]},
        {"tags": [f"tag {n}" for n in range(51)]},
        {"bookmark": "perhaps"},
        {"unknown": 1},
    ],
    ids=str,
)
async def test_what_cannot_be_saved_is_422(mina: Person, wrong: dict[str, Any]) -> None:
    body = json.dumps(STEW | wrong)
    refused = await mina.client.post("/api/contents", content=body, headers={"Content-Type": "application/json"})
    assert refused.status_code == 422, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert (await mina.client.get("/api/contents")).json()["items"] == []


async def test_a_page_is_looked_up_by_its_address(mina: Person) -> None:
    saved = await save(mina)
    found = await mina.client.get("/api/contents/lookup", params={"url": STEW["url"] + "&utm_source=mail"})
    assert found.json() == saved
    missing = await mina.client.get("/api/contents/lookup", params={"url": "https://example.com/other"})
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/content-not-found")


async def test_a_bookmark_is_a_state(mina: Person) -> None:
    saved = await save(mina, bookmark=False)
    for method, expected in (("PUT", True), ("PUT", True), ("DELETE", False), ("DELETE", False)):
        assert (await mina.client.request(method, f"/api/contents/{saved['id']}/bookmark")).status_code == 204
        assert (await mina.client.get(f"/api/contents/{saved['id']}")).json()["bookmark"] is expected


async def test_many_are_saved_together_and_bad_ones_are_told(mina: Person) -> None:
    there = await save(mina)
    sent = [
        STEW | {"url": "https://example.com/a"},
        STEW,
        {"url": "https://example.com/b"},
        STEW | {"url": "https://user:x@example.com/"},
        STEW | {"url": "https://EXAMPLE.com/a", "tags": ["둘째"]},
        7,
    ]
    answer = (await mina.client.post("/api/contents/bulk", json={"contents": sent})).json()
    assert [content["status"] for content in answer["results"]] == [
        "created", "existing", "invalid", "invalid", "existing", "invalid"
    ]  # fmt: skip
    assert (answer["created"], answer["existing"], answer["invalid"]) == (1, 2, 3)
    assert answer["results"][1]["id"] == there["id"]
    assert answer["results"][4]["id"] == answer["results"][0]["id"]
    assert answer["results"][2]["errors"][0]["loc"] == ["title"]
    assert answer["results"][3]["errors"][0]["loc"] == ["url"]
    both = (await mina.client.get(f"/api/contents/{answer['results'][0]['id']}")).json()
    assert both["tags"] == ["둘째", "요리", "한식"]


async def test_more_than_500_together_is_422(mina: Person) -> None:
    refused = await mina.client.post("/api/contents/bulk", json={"contents": [7] * 501})
    assert refused.status_code == 422


async def test_saving_takes_one_statement_and_one_to_read_it(mina: Person) -> None:
    await save(mina, url="https://example.com/", tags=["a", "b", "c"])
    with watch_statements() as statements:
        await save(mina, tags=["a", "b", "c", "d", "e"])
    assert len(statements) == 2, statements


async def test_saving_500_takes_as_many_statements_as_saving_one(mina: Person) -> None:
    contents = [STEW | {"url": f"https://example.com/{n}", "tags": [f"tag {n % 7}", f"tag {n}"]} for n in range(500)]
    with watch_statements() as statements:
        answer = await mina.client.post("/api/contents/bulk", json={"contents": contents})
    assert answer.json()["created"] == 500
    assert len(statements) == 1, statements
    with watch_statements() as statements:
        again = await mina.client.post("/api/contents/bulk", json={"contents": contents})
    assert again.json()["existing"] == 500
    assert len(statements) == 2, statements


async def test_texts_that_grow_when_folded_are_saved_whole_in_several_statements(mina: Person) -> None:
    syllables = "".join(map(chr, range(ord("가"), ord("가") + 9_900)))
    notes = ["ﷺ" * 10_000, *(f"{number:05}{syllables}" for number in range(30))]
    tags = ["ﷺ" * 50, "요리"]
    links = [STEW | {"url": f"https://example.com/{n}", "note": note, "tags": tags} for n, note in enumerate(notes)]
    with watch_statements() as statements:
        answer = (await mina.client.post("/api/contents/bulk", json={"contents": links})).json()
    assert (answer["created"], len(statements)) == (31, 2)
    for result, note in list(zip(answer["results"], notes, strict=True))[:2]:
        assert (await mina.client.get(f"/api/contents/{result['id']}")).json()["note"] == note
    for q in ("가각", "00029"):
        found = (await mina.client.get("/api/contents", params={"q": q, "limit": 1})).json()
        assert len(found["items"]) == 1
    changed = await mina.client.patch(f"/api/contents/{answer['results'][0]['id']}", json={"note": "ﷺ" * 9_999})
    assert changed.status_code == 200


async def test_the_database_itself_refuses_the_tag_of_another(mina: Person, juno: Person, engine: AsyncEngine) -> None:
    content, tag = await save(mina), (await juno.client.post("/api/tags", json={"tagname": "hers"})).json()
    insert = text("INSERT INTO content_tag (content_id, tag_id, user_id) VALUES (:content_id, :tag_id, :user_id)")
    for user_id in (mina.id, juno.id):
        async with engine.connect() as connection:
            with pytest.raises(Exception, match="fk_content_tag"):
                await connection.execute(insert, {"content_id": content["id"], "tag_id": tag["id"], "user_id": user_id})


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000/", "http://[::1]/", "http://169.254.169.254/latest", "http://2130706433/", "ftp://x/"],
)
async def test_a_preview_of_what_is_not_public_is_refused(mina: Person, url: str) -> None:
    refused = await mina.client.post("/api/contents/preview", json={"url": url})
    assert refused.status_code == 422, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
