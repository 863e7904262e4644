"""Everything comes back: exporting a library, and importing that again."""

import json
from typing import Any

import pytest

from tests.fixtures.server import Person
from tests.library.imports.test_service import import_file

TRICKY: list[dict[str, Any]] = [
    {
        "url": "https://example.com/stew?a=1&region=KR&quot;",
        "title": "김치찌개를 \"끓이는\" 법 <b>&amp;</b> 'x' 🍲",
        "contentType": "video",
        "description": '줄\n바꿈, "따옴표"\t그리고 <DD>',
        "note": "  엄마 것과, 비슷하다;\r\n=1+1  ",
        "thumbnail": "https://img.example.com/1.jpg?x=1&y=2",
        "favicon": "https://example.com/favicon.ico",
        "bookmark": True,
        "videoLength": 612,
        "body": "먼저 김치를 볶는다.\n\n" + "그리고 " * 500,
        "tags": ["a,b", "a|b", 'quo"te', "<tag>", "한식", "요리", "&amp;", *(f"tag {n}" for n in range(40))],
        "createdAt": "2019-03-01T12:34:56.789012+00:00",
        "savedOn": "2019-02-27",
    },
    {"url": "https://example.com/bare", "title": " ", "contentType": "post"},
    {"url": "http://[::1]:8080/ipv6", "title": "=cmd|' /C calc'!A0", "contentType": "video", "videoLength": 0},
    {"url": "https://예시.한국/김치?맛=매운", "title": "한글 주소", "contentType": "post", "body": "", "note": ""},
]
MANY: list[dict[str, Any]] = [
    {
        "url": f"https://example.com/{n}",
        "title": f"page {n}",
        "contentType": "post",
        "createdAt": f"2024-01-{n % 28 + 1:02}T00:00:00+00:00",
        "tags": [f"tag {n % 7}"],
    }
    for n in range(640)
]


async def export(person: Person, kind: str) -> bytes:
    answer = await person.client.get("/api/contents/export", params={"format": kind})
    assert answer.status_code == 200, answer.text
    return answer.content


async def everything(person: Person) -> dict[str, dict[str, Any]]:
    """All contents by their address, without what is of this row and not of the link."""
    found: dict[str, dict[str, Any]] = {}
    asked: dict[str, Any] = {"limit": 300}
    while True:
        page = (await person.client.get("/api/contents", params=asked)).json()
        for item in page["items"]:
            found[item["url"]] = {name: value for name, value in item.items() if name not in {"id", "updatedAt"}}
        if page["nextCursor"] is None:
            return found
        asked["cursor"] = page["nextCursor"]


@pytest.mark.parametrize("kind", ["netscape", "pocket", "json"])
async def test_what_one_exports_another_imports_as_it_was(mina: Person, juno: Person, kind: str) -> None:
    await import_file(mina, json.dumps(TRICKY + MANY))
    kept = await everything(mina)
    stew = kept[TRICKY[0]["url"]]
    assert {name: stew[name] for name in TRICKY[0]} == TRICKY[0] | {"tags": sorted(TRICKY[0]["tags"])}
    exported = await export(mina, kind)
    done = await import_file(juno, exported)
    assert (done["format"], done["created"], done["unreadable"]) == (kind, len(TRICKY + MANY), 0)
    assert await everything(juno) == kept
    assert sorted((await export(juno, kind)).splitlines()) == sorted(exported.splitlines())


@pytest.mark.parametrize(
    ("kind", "media_type", "filename", "begins"),
    [
        ("netscape", "text/html; charset=utf-8", "bookmarks.html", b"<!DOCTYPE NETSCAPE-Bookmark-file-1>"),
        ("pocket", "text/csv; charset=utf-8", "bookmarks.csv", b"title,url,"),
        ("json", "application/json", "bookmarks.json", b'{"version": 1'),
    ],
)
async def test_an_empty_library_is_a_file_too(
    mina: Person, kind: str, media_type: str, filename: str, begins: bytes
) -> None:
    answer = await mina.client.get("/api/contents/export", params={"format": kind})
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"] == f'attachment; filename="{filename}"'
    assert answer.content.startswith(begins)


async def test_the_newest_comes_first_and_only_ones_own(mina: Person, juno: Person) -> None:
    await import_file(mina, json.dumps(MANY))
    await import_file(juno, json.dumps(TRICKY))
    contents = json.loads(await export(mina, "json"))["contents"]
    days = [content["savedOn"] for content in contents]
    assert days == sorted(days, reverse=True)
    assert {content["url"] for content in contents} == {content["url"] for content in MANY}


async def test_bookmarks_for_browsers_carry_their_tags(mina: Person) -> None:
    await import_file(mina, json.dumps([{"url": "https://example.com/", "title": "김치", "tags": ["요리", "한식"]}]))
    assert 'TAGS="요리,한식"' in (await export(mina, "netscape")).decode()


async def test_a_format_that_is_none_is_refused(mina: Person) -> None:
    assert (await mina.client.get("/api/contents/export", params={"format": "xml"})).status_code == 422
