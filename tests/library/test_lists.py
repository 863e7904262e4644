"""Lists of saved links over HTTP."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from daybook.library.models import Content
from daybook.library.schemas import ContentRead
from daybook.tracing import watch_statements
from tests.fixtures.server import Person
from tests.library.test_contents import STEW, save, save_many


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
        assert [content["title"] for content in listed.json()] == [f"page {n}" for n in expected], path
        assert (await juno.client.get(path)).status_code == 404, path


async def test_a_bare_array_goes_on_in_its_link_header(mina: Person) -> None:
    await save_many(mina, 5)
    titles: list[str] = []
    url = f"/api/contents/user/{mina.id}/all?limit=2"
    while url:
        page = await mina.client.get(url)
        titles += [content["title"] for content in page.json()]
        url = page.links.get("next", {}).get("url", "")
    assert titles == [f"page {n}" for n in (4, 3, 2, 1, 0)]


async def test_a_list_is_narrowed_by_all_that_is_asked(mina: Person) -> None:
    await save(mina, url="https://example.com/1", title="김치찌개", bookmark=True, tags=["요리"])
    await save(mina, url="https://example.com/2", title="김치전", bookmark=False, tags=["요리"], contentType="post")
    await save(mina, url="https://example.com/3", title="달리기", note=None, description=None, body=None, tags=["운동"])

    async def titles(**query: Any) -> list[str]:
        answer = await mina.client.get("/api/contents", params=query)
        assert answer.status_code == 200, answer.text
        return [content["title"] for content in answer.json()["items"]]

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


async def test_a_parameter_has_one_name_and_unknown_ones_are_ignored(mina: Person) -> None:
    await save(mina)
    for query in ({"first": "2199-01-01"}, {"content_type": "podcast"}, {"utm_source": "mail"}):
        assert len((await mina.client.get("/api/contents", params=query)).json()["items"]) == 1
    looked_up = await mina.client.get("/api/contents/lookup", params={"url": STEW["url"], "utm_source": "mail"})
    assert looked_up.status_code == 200


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
    assert shown == [ContentRead.model_validate(entity).model_dump(mode="json", by_alias=True) for entity in entities]
