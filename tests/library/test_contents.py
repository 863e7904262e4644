"""Saved links over HTTP."""

import asyncio
import json
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from daybook.library.models import Content
from daybook.library.schemas import ContentRead, ContentUpdate
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


async def test_the_fixed_paths_list_the_newest_first(mina: Person, juno: Person) -> None:
    saved = await save_many(mina, 3, bookmark=False)
    marked = [saved[2]["id"], saved[0]["id"]]
    for content_id in marked:
        assert (await mina.client.put(f"/api/contents/{content_id}/bookmark")).status_code == 204
    tag_id = (await mina.client.get(f"/api/tags/user/{mina.id}")).json()[0]["id"]

    paths = {
        f"/api/contents/user/{mina.id}/all": [2, 1, 0],
        f"/api/contents/bookmarks/user/{mina.id}": [2, 0],
        f"/api/tags/{tag_id}/contents/all": [2, 1, 0],
    }
    for path, expected in paths.items():
        listed = await mina.client.get(path)
        assert [one["title"] for one in listed.json()] == [f"page {n}" for n in expected], path
        assert (await juno.client.get(path)).status_code == 404, path


async def test_a_bare_array_goes_on_in_its_link_header(mina: Person) -> None:
    await save_many(mina, 5)
    titles: list[str] = []
    url = f"/api/contents/user/{mina.id}/all?limit=2"
    while url:
        page = await mina.client.get(url)
        titles += [one["title"] for one in page.json()]
        url = page.links.get("next", {}).get("url", "")
    assert titles == [f"page {n}" for n in (4, 3, 2, 1, 0)]


async def test_a_list_is_narrowed_by_all_that_is_asked(mina: Person) -> None:
    await save(mina, url="https://example.com/1", title="김치찌개", bookmark=True, tags=["요리"])
    await save(mina, url="https://example.com/2", title="김치전", bookmark=False, tags=["요리"], contentType="post")
    await save(mina, url="https://example.com/3", title="달리기", note=None, description=None, body=None, tags=["운동"])

    async def titles(**query: Any) -> list[str]:
        answer = await mina.client.get("/api/contents", params=query)
        assert answer.status_code == 200, answer.text
        return [one["title"] for one in answer.json()["items"]]

    assert await titles() == ["달리기", "김치전", "김치찌개"]
    assert await titles(tag="요리") == ["김치전", "김치찌개"]
    assert await titles(type="post") == ["김치전"]
    assert await titles(bookmark="true") == ["달리기", "김치찌개"]
    assert await titles(tag="요리", bookmark="false") == ["김치전"]
    assert await titles(tag="nothing") == []
    assert await titles(q="김치찌개") == ["김치찌개"]
    assert await titles(q="요리") == ["김치전", "김치찌개"]
    assert await titles(q="운동 달리기", tag="운동") == ["달리기"]
    assert await titles(to="1999-12-31") == []
    assert len(await titles(**{"from": "2000-01-01"})) == 3


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/contents", {"limit": 0}),
        ("/api/contents", {"limit": 301}),
        ("/api/contents", {"cursor": "x"}),
        ("/api/contents", {"cursor": "WyIyMDI2LTAxLTAxIiwgMTAwMDAwMDAwMDAwMDAwMDAwMDAwXQ"}),
        ("/api/contents", {"q": "\x00"}),
        ("/api/contents", {"q": "x" * 201}),
        ("/api/contents", {"type": "podcast"}),
        ("/api/contents", {"tag": ""}),
        ("/api/contents", {"from": "0001-01-01"}),
        ("/api/contents/0", {}),
        ("/api/contents/99999999999999999999", {}),
        ("/api/contents/x", {}),
        ("/api/contents/lookup", {}),
        ("/api/contents/lookup", {"url": "ftp://example.com"}),
    ],
)
async def test_a_list_that_cannot_be_is_422(mina: Person, path: str, query: dict[str, Any]) -> None:
    refused = await mina.client.get(path, params=query)
    assert refused.status_code == 422, refused.text
    assert refused.headers["content-type"] == "application/problem+json"


async def test_what_is_changed_is_found_and_the_rest_stays(mina: Person) -> None:
    saved = await save(mina)
    changed = await mina.client.patch(
        f"/api/contents/{saved['id']}", json={"title": "된장찌개", "tags": ["한식", "된장"], "videoLength": None}
    )
    assert changed.status_code == 200
    expected = saved | {"title": "된장찌개", "tags": ["된장", "한식"], "videoLength": None}
    assert changed.json() == expected | {"updatedAt": changed.json()["updatedAt"]}
    assert changed.json()["updatedAt"] > saved["updatedAt"]
    found = (await mina.client.get("/api/contents", params={"q": "된장찌개"})).json()["items"]
    assert [one["id"] for one in found] == [saved["id"]]
    assert (await mina.client.get("/api/contents", params={"q": "끓이는"})).json()["items"] == []


CHANGES: dict[str, list[Any]] = {
    "url": ["https://example.com/other"],
    "title": ["된장찌개"],
    "contentType": ["post"],
    "description": ["", "두부", None],
    "note": ["둘째", None],
    "thumbnail": ["https://img.example.com/2.jpg", None],
    "favicon": ["https://example.com/icon.png", None],
    "bookmark": [False],
    "videoLength": [0, 60, None],
    "body": ["", "끓인다.", None],
    "tags": [["된장"], ["요리"], []],
}
"""Of each field that can be changed, what it is changed to, one after another."""


@pytest.mark.parametrize("field", CHANGES)
async def test_a_field_is_changed_and_nothing_else(mina: Person, field: str) -> None:
    before = await save(mina)
    for value in CHANGES[field]:
        changed = await mina.client.patch(f"/api/contents/{before['id']}", json={field: value})
        assert changed.status_code == 200, changed.text
        after = changed.json()
        assert after == before | {field: value, "updatedAt": after["updatedAt"]}
        assert after["updatedAt"] > before["updatedAt"]
        assert (await mina.client.get(f"/api/contents/{before['id']}")).json() == after
        before = after


async def test_every_field_that_can_be_changed_is_tried() -> None:
    assert CHANGES.keys() == {field.alias for field in ContentUpdate.model_fields.values()}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 4),  # the content, its tags, its links to them; and the update
        ({"title": "된장찌개"}, 4),
        ({"videoLength": 60}, 5),
        ({"videoLength": None, "body": None}, 6),
        ({"tags": []}, 5),
        ({"tags": ["요리"]}, 6),
        ({"tags": ["요리", "new"]}, 8),
        ({"title": "된장찌개", "videoLength": None, "body": "끓인다.", "tags": ["new"]}, 10),
    ],
    ids=str,
)
async def test_a_change_takes_as_many_statements_for_twice_the_tags(
    mina: Person, changes: dict[str, Any], expected: int
) -> None:
    for count in (2, 4):
        tags = ["요리", *(f"old {count} {number}" for number in range(count))]
        saved = await save(mina, url=f"https://example.com/{count}", tags=tags)
        body = changes | {}
        if "new" in changes.get("tags", ()):
            kept = [tag for tag in changes["tags"] if tag != "new"]
            body["tags"] = kept + [f"new {count} {number}" for number in range(count)]
        with watch_statements() as statements:
            answer = await mina.client.patch(f"/api/contents/{saved['id']}", json=body)
        assert answer.status_code == 200, answer.text
        assert len(statements) == expected, [statement.sql for statement in statements]


async def test_changes_at_once_leave_the_tags_of_one_of_them(mina: Person) -> None:
    saved = await save(mina)
    wishes = [["요리", f"new {number % 4}", f"new {number % 3}"] for number in range(20)]
    answers = await asyncio.gather(
        *(mina.client.patch(f"/api/contents/{saved['id']}", json={"tags": tags}) for tags in wishes)
    )
    assert {answer.status_code for answer in answers} == {200}
    left = (await mina.client.get(f"/api/contents/{saved['id']}")).json()["tags"]
    assert left in [sorted(set(tags)) for tags in wishes]
    assert [answer.json()["tags"] for answer in answers] == [sorted(set(tags)) for tags in wishes]


async def test_null_is_refused_where_there_has_to_be_something(mina: Person) -> None:
    saved = await save(mina)
    for field in ("url", "title", "contentType", "bookmark", "tags"):
        refused = await mina.client.patch(f"/api/contents/{saved['id']}", json={field: None})
        assert refused.status_code == 422, field


async def test_another_of_ones_contents_keeps_its_address(mina: Person) -> None:
    first, second = await save_many(mina, 2)
    refused = await mina.client.patch(f"/api/contents/{second['id']}", json={"url": first["url"]})
    assert refused.status_code == 409
    assert refused.json()["type"] == "/problems/url-taken"


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
    assert [one["status"] for one in answer["results"]] == [
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


async def test_lists_take_as_many_statements_for_twice_the_rows(mina: Person) -> None:
    await save_many(mina, 2)
    tag_id = (await mina.client.get("/api/tags")).json()["items"][0]["id"]
    paths = {
        "/api/contents": 1,
        "/api/contents?q=page&tag=요리&type=video&bookmark=true": 2,
        f"/api/contents/user/{mina.id}/all": 1,
        f"/api/contents/bookmarks/user/{mina.id}": 1,
        f"/api/tags/{tag_id}/contents/all": 1,
        "/api/tags": 1,
        f"/api/tags/user/{mina.id}": 1,
    }
    for count in (2, 4):
        await save_many(mina, count)
        for path, expected in paths.items():
            with watch_statements() as statements:
                answer = await mina.client.get(path)
            shown = answer.json() if isinstance(answer.json(), list) else answer.json()["items"]
            assert len(shown) == (2 if "tags" in path and "contents" not in path else count), path
            assert len(statements) == expected, (path, statements)


async def test_the_projection_gives_what_entities_give(mina: Person, engine: AsyncEngine) -> None:
    await save(mina)
    await save(mina, url="https://example.com/2", videoLength=None, body=None, tags=[], description=None)
    shown = (await mina.client.get("/api/contents")).json()["items"]
    statement = (
        select(Content)
        .order_by(Content.id.desc())
        .options(joinedload(Content.video_metadata), joinedload(Content.post_metadata), selectinload(Content.tags))
    )
    async with AsyncSession(engine) as session:
        entities = (await session.scalars(statement)).all()
    assert shown == [ContentRead.model_validate(one).model_dump(mode="json", by_alias=True) for one in entities]


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
