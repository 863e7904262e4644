"""Importing files of links over HTTP."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.library.imports import service
from daybook.library.imports.worker import BATCH
from daybook.library.models import ImportChunk
from tests.fixtures.server import Person

NETSCAPE = """<!DOCTYPE NETSCAPE-Bookmark-file-1>
<TITLE>Bookmarks</TITLE><H1>Bookmarks</H1>
<DL><p>
<DT><H3>요리</H3><DL><p>
<DT><A HREF="https://example.com/stew" ADD_DATE="1700000000" TAGS="한식">김치찌개 &amp; 밥</A>
<DD>돼지고기와 김치
<DT><A HREF="https://www.youtube.com/watch?v=1">보기</A>
</DL><p>
<DT><A HREF="javascript:alert(1)">bookmarklet</A>
</DL><p>
"""
POCKET = """title,url,time_added,tags,status
김치찌개 & 밥,https://example.com/stew,1700000000,한식|요리,unread
보기,https://www.youtube.com/watch?v=1,1700000001,요리,archive
bookmarklet,javascript:alert(1),1700000002,,unread
"""
JSON = json.dumps(
    [
        {"url": "https://example.com/stew", "title": "김치찌개 & 밥", "tags": ["요리", "한식"]},
        {"url": "https://www.youtube.com/watch?v=1", "title": "보기", "tags": ["요리"]},
        {"url": "javascript:alert(1)", "title": "bookmarklet"},
    ]
)


def links(count: int) -> bytes:
    """A file of so many bookmarks."""
    return json.dumps(
        [{"url": f"https://example.com/{n}", "title": f"page {n}", "tags": ["a"]} for n in range(count)]
    ).encode()


async def send(person: Person, data: bytes | str, **form: str) -> dict[str, Any]:
    sent = data.encode() if isinstance(data, str) else data
    answer = await person.client.post("/api/contents/import", files={"file": ("links.html", sent)}, data=form)
    assert answer.status_code == 202, answer.text
    accepted: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api/imports/{accepted['id']}"
    return accepted


async def finished(person: Person, import_id: str) -> dict[str, Any]:
    """The import once it is finished."""
    async with asyncio.timeout(20):
        while True:
            now: dict[str, Any] = (await person.client.get(f"/api/imports/{import_id}")).json()
            if now["finishedAt"]:
                return now
            await asyncio.sleep(0.02)


async def import_file(person: Person, data: bytes | str, **form: str) -> dict[str, Any]:
    return await finished(person, (await send(person, data, **form))["id"])


async def contents_of(person: Person) -> dict[str, dict[str, Any]]:
    items = (await person.client.get("/api/contents", params={"limit": 300})).json()["items"]
    return {item["url"]: item for item in items}


@pytest.mark.parametrize(("kind", "data"), [("netscape", NETSCAPE), ("pocket", POCKET), ("json", JSON)])
async def test_each_format_is_imported(mina: Person, kind: str, data: str) -> None:
    done = await import_file(mina, data, tag="옛것")
    assert (done["status"], done["format"], done["size"], done["tag"]) == ("done", kind, len(data.encode()), "옛것")
    assert (done["read"], done["created"], done["existing"], done["unreadable"]) == (3, 2, 0, 1)
    assert "http" in done["problems"][0]
    saved = await contents_of(mina)
    stew, video = saved["https://example.com/stew"], saved["https://www.youtube.com/watch?v=1"]
    assert (stew["title"], stew["contentType"], stew["tags"]) == ("김치찌개 & 밥", "post", ["옛것", "요리", "한식"])
    assert (video["title"], video["contentType"], video["tags"]) == ("보기", "video", ["옛것", "요리"])
    if kind != "json":
        assert stew["createdAt"].startswith("2023-11-14T22:13:20")
        assert stew["savedOn"] == "2023-11-15"  # in Seoul


async def test_what_is_there_already_stays_and_gets_the_tags(mina: Person) -> None:
    await mina.client.post(
        "/api/contents",
        json={"url": "https://example.com/stew", "title": "mine", "contentType": "post", "tags": ["first"]},
    )
    done = await import_file(mina, JSON)
    assert (done["created"], done["existing"]) == (1, 1)
    stew = (await contents_of(mina))["https://example.com/stew"]
    assert (stew["title"], stew["tags"]) == ("mine", ["first", "요리", "한식"])


async def test_the_same_page_twice_in_a_file_is_one_with_the_tags_of_both(mina: Person) -> None:
    twice = [
        {"url": "https://example.com/a", "title": "first", "tags": ["x"]},
        *({"url": f"https://example.com/{n}", "title": "between"} for n in range(BATCH)),
        {"url": "https://EXAMPLE.com/a#part", "title": "second", "tags": ["y"]},
        {"url": "https://example.com/a?utm_source=z", "title": "third", "tags": ["z"]},
    ]
    done = await import_file(mina, json.dumps(twice))
    assert (done["read"], done["created"], done["existing"]) == (BATCH + 3, BATCH + 1, 2)
    page = (await contents_of(mina))["https://example.com/a"]
    assert (page["title"], page["tags"]) == ("first", ["x", "y", "z"])


async def test_a_file_again_makes_nothing_twice(mina: Person) -> None:
    assert (await import_file(mina, links(30)))["created"] == 30
    again = await import_file(mina, links(30))
    assert (again["created"], again["existing"]) == (0, 30)
    assert len(await contents_of(mina)) == 30


async def test_the_first_unreadable_entries_are_named(mina: Person) -> None:
    bad = [{"url": f"ftp://example.com/{n}"} for n in range(30)]
    done = await import_file(mina, json.dumps([*bad, {"url": "https://user:secret@example.com/"}]))
    assert (done["status"], done["unreadable"], done["created"]) == ("done", 31, 0)
    assert len(done["problems"]) == 20
    assert done["problems"][0].startswith("item 1: ")


async def test_an_address_that_no_content_may_have_is_unreadable(mina: Person) -> None:
    done = await import_file(mina, json.dumps([{"url": "https://user:secret@example.com/"}]))
    assert (done["unreadable"], done["created"]) == (1, 0)
    assert "user name" in done["problems"][0]


async def test_a_file_that_ends_too_early_is_imported_up_to_there(mina: Person) -> None:
    done = await import_file(mina, links(20)[:-30])
    assert (done["status"], done["created"], done["unreadable"]) == ("done", 19, 1)


async def test_a_large_file_comes_in_pieces_and_goes_when_it_is_read(mina: Person, engine: AsyncEngine) -> None:
    long = [{"url": f"https://example.com/{n}", "title": "x", "body": f"{n}김" * 15_000} for n in range(40)]
    data = json.dumps(long, ensure_ascii=False)
    assert len(data.encode()) > 2 * service.CHUNK
    assert (await import_file(mina, data))["created"] == 40
    assert {content["body"] for content in (await contents_of(mina)).values()} == {content["body"] for content in long}
    async with engine.connect() as connection:
        assert (await connection.execute(select(ImportChunk.position))).all() == []


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"<html><body>hello</body></html>", b"just words"])
async def test_a_file_of_no_known_format_is_refused_before_it_is_stored(mina: Person, data: bytes) -> None:
    refused = await mina.client.post("/api/contents/import", files={"file": ("x", data)})
    assert refused.status_code == 422
    assert refused.json()["type"] == "/problems/import-unreadable"
    assert (await mina.client.get("/api/imports")).json()["items"] == []


async def test_json_without_links_fails_and_says_why(mina: Person) -> None:
    failed = await import_file(mina, '{"recipes": []}')
    assert failed["status"] == "failed"
    assert "list of bookmarks" in failed["error"]


@pytest.mark.parametrize("tag", ["x" * 51, "a\x00b"])
async def test_a_tag_that_cannot_be_one_is_refused(mina: Person, tag: str) -> None:
    refused = await mina.client.post("/api/contents/import", files={"file": ("x", NETSCAPE)}, data={"tag": tag})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["loc"] == ["body", "tag"]


async def test_a_form_without_a_file_is_refused(mina: Person) -> None:
    refused = await mina.client.post("/api/contents/import", data={"file": "https://example.com"})
    assert refused.status_code == 422


async def test_nobody_else_sees_an_import(mina: Person, juno: Person) -> None:
    import_id = (await import_file(mina, NETSCAPE))["id"]
    for method, path in [("GET", ""), ("GET", "/events"), ("DELETE", "")]:
        refused = await juno.client.request(method, f"/api/imports/{import_id}{path}")
        assert refused.status_code == 404
        assert refused.json()["type"] == "/problems/import-not-found"
    assert (await juno.client.get("/api/imports")).json()["items"] == []


async def test_imports_are_listed_and_forgotten(mina: Person) -> None:
    ids = [(await import_file(mina, links(n + 1)))["id"] for n in range(3)]
    first = (await mina.client.get("/api/imports", params={"limit": 2})).json()
    rest = (await mina.client.get("/api/imports", params={"cursor": first["nextCursor"]})).json()
    assert [job["id"] for job in first["items"] + rest["items"]] == ids[::-1]
    assert (await mina.client.delete(f"/api/imports/{ids[0]}")).status_code == 204
    assert (await mina.client.get(f"/api/imports/{ids[0]}")).status_code == 404
    assert len(await contents_of(mina)) == 3


async def test_the_events_end_with_done(mina: Person) -> None:
    import_id = (await send(mina, links(700)))["id"]
    events: list[tuple[str, dict[str, Any]]] = []
    async with mina.client.stream("GET", f"/api/imports/{import_id}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        name = ""
        async for line in stream.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                events.append((name, json.loads(value)))
    assert [name for name, _ in events] == ["progress"] * (len(events) - 1) + ["done"]
    assert [data["read"] for _, data in events] == sorted(data["read"] for _, data in events)
    assert events[-1][1] == (await mina.client.get(f"/api/imports/{import_id}")).json()
