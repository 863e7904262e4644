"""Tags over HTTP."""

import asyncio
from typing import Any

import pytest

from daybook.tracing import watch_statements
from tests.fixtures.server import Person
from tests.library.test_contents import save


async def make(person: Person, tagname: str, **changes: Any) -> dict[str, Any]:
    answer = await person.client.post("/api/tags", json={"tagname": tagname, **changes})
    assert answer.status_code in {200, 201}, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def names(person: Person) -> dict[str, int]:
    shown = (await person.client.get("/api/tags")).json()["items"]
    return {tag["tagname"]: tag["contentCount"] for tag in shown}


async def test_a_name_is_one_tag_however_it_is_written(mina: Person) -> None:
    first = await make(mina, "Ｃafé")
    for spelling in ("café", "CAFÉ", "cafe\u0301", " Café "):
        again = await mina.client.post("/api/tags", json={"tagname": spelling})
        assert (again.status_code, again.json()["id"]) == (200, first["id"]), spelling
    hangul = await make(mina, "한식")
    decomposed = await make(mina, "\u1112\u1161\u11ab\u1109\u1175\u11a8")
    assert hangul == decomposed


async def test_a_color_is_what_was_asked_for_or_follows_from_the_name(mina: Person, juno: Person) -> None:
    assert (await make(mina, "red", color=0xFFFF0000))["color"] == 0xFFFF0000
    assert (await make(mina, "요리"))["color"] == (await make(juno, "요리"))["color"]


async def test_tags_are_listed_by_name_page_by_page(mina: Person) -> None:
    for name in ("나", "가", "b", "A"):
        await make(mina, name)
    first = (await mina.client.get("/api/tags", params={"limit": 3})).json()
    rest = (await mina.client.get("/api/tags", params={"limit": 3, "cursor": first["nextCursor"]})).json()
    assert [tag["tagname"] for tag in first["items"] + rest["items"]] == ["A", "b", "가", "나"]
    bare = await mina.client.get(f"/api/tags/user/{mina.id}")
    assert bare.json() == first["items"] + rest["items"]


async def test_the_tags_of_another_are_404(mina: Person, juno: Person) -> None:
    assert (await mina.client.get(f"/api/tags/user/{juno.id}")).status_code == 404


async def test_a_tag_that_is_renamed_is_renamed_everywhere(mina: Person) -> None:
    content = await save(mina, tags=["요리"])
    tag = (await mina.client.get("/api/tags")).json()["items"][0]
    renamed = await mina.client.patch(f"/api/tags/{tag['id']}", json={"tagname": "Cooking", "color": 1})
    assert (renamed.json()["tagname"], renamed.json()["color"]) == ("Cooking", 1)
    assert (await mina.client.get(f"/api/contents/{content['id']}")).json()["tags"] == ["Cooking"]
    same = await mina.client.patch(f"/api/tags/{tag['id']}", json={"tagname": "COOKING"})
    assert same.json()["tagname"] == "COOKING"


async def test_a_name_that_another_tag_has_is_409(mina: Person) -> None:
    await make(mina, "one")
    two = await make(mina, "two")
    refused = await mina.client.patch(f"/api/tags/{two['id']}", json={"tagname": "ONE"})
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/tag-name-taken")


async def test_what_had_a_deleted_tag_stays(mina: Person) -> None:
    content = await save(mina, tags=["a", "b"])
    a = (await mina.client.get("/api/tags")).json()["items"][0]
    assert (await mina.client.delete(f"/api/tags/{a['id']}")).status_code == 204
    assert (await mina.client.get(f"/api/contents/{content['id']}")).json()["tags"] == ["b"]


async def test_merged_tags_are_one_with_all_that_both_had(mina: Person) -> None:
    await save(mina, url="https://example.com/1", tags=["카페"])
    await save(mina, url="https://example.com/2", tags=["cafe"])
    await save(mina, url="https://example.com/3", tags=["cafe", "카페"])
    ids = {tag["tagname"]: tag["id"] for tag in (await mina.client.get("/api/tags")).json()["items"]}
    merged = await mina.client.post(f"/api/tags/{ids['cafe']}/merge", json={"into": ids["카페"]})
    assert (merged.json()["tagname"], merged.json()["contentCount"]) == ("카페", 3)
    assert await names(mina) == {"카페": 3}


async def test_merging_both_ways_at_once_loses_nothing(mina: Person) -> None:
    await save(mina, url="https://example.com/1", tags=["a"])
    await save(mina, url="https://example.com/2", tags=["b"])
    a, b = (tag["id"] for tag in (await mina.client.get("/api/tags")).json()["items"])
    answers = await asyncio.gather(
        mina.client.post(f"/api/tags/{a}/merge", json={"into": b}),
        mina.client.post(f"/api/tags/{b}/merge", json={"into": a}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 404]
    assert list((await names(mina)).values()) == [2]


async def test_a_tag_merges_with_another_of_ones_own_only(mina: Person, juno: Person) -> None:
    mine, hers = await make(mina, "x"), await make(juno, "x")
    for path, into in ((mine, hers), (hers, mine)):
        refused = await mina.client.post(f"/api/tags/{path['id']}/merge", json={"into": into["id"]})
        assert refused.status_code == 404
    itself = await mina.client.post(f"/api/tags/{mine['id']}/merge", json={"into": mine["id"]})
    assert itself.status_code == 422


@pytest.mark.parametrize(
    "wrong",
    [{}, {"tagname": ""}, {"tagname": " "}, {"tagname": "x" * 51}, {"tagname": "\x00"}, {"tagname": None}]
    + [{"tagname": "x", "color": color} for color in (-1, 2**32, "red")],
    ids=str,
)
async def test_what_is_no_tag_is_422(mina: Person, wrong: dict[str, Any]) -> None:
    refused = await mina.client.post("/api/tags", json=wrong)
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("change", [{"tagname": "after"}, {"color": 0xFFFF0000}, {}], ids=str)
async def test_a_change_leaves_everything_else_as_it_was(mina: Person, change: dict[str, Any]) -> None:
    await save(mina, tags=["before"])
    (tag,) = (await mina.client.get("/api/tags")).json()["items"]
    with watch_statements() as statements:
        changed = await mina.client.patch(f"/api/tags/{tag['id']}", json=change)
    assert changed.json() == tag | change | {"updatedAt": changed.json()["updatedAt"]}
    assert (changed.json()["updatedAt"] > tag["updatedAt"]) is bool(change)
    assert len(statements) == (2 if change else 1)
    assert (await mina.client.get("/api/tags")).json()["items"] == [changed.json()]


@pytest.mark.parametrize("change", [{"tagname": None}, {"color": None}, {"tagname": " "}, {"color": -1}], ids=str)
async def test_a_change_that_no_tag_can_have_is_422(mina: Person, change: dict[str, Any]) -> None:
    tag = await make(mina, "before")
    refused = await mina.client.patch(f"/api/tags/{tag['id']}", json=change)
    assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["body", *change])
    assert (await mina.client.get("/api/tags")).json()["items"] == [tag]


async def test_merging_takes_as_many_statements_for_twice_the_links(mina: Person) -> None:
    counts = []
    for links in (2, 4):
        for number in range(links):
            await save(mina, url=f"https://example.com/{links}/{number}", tags=[f"from {links}"])
        ids = [(await make(mina, name))["id"] for name in (f"from {links}", f"into {links}")]
        with watch_statements() as statements:
            merged = await mina.client.post(f"/api/tags/{ids[0]}/merge", json={"into": ids[1]})
        assert merged.json()["contentCount"] == links
        counts.append(len(statements))
    assert counts == [5, 5]


async def test_people_may_name_their_tags_alike(mina: Person, juno: Person) -> None:
    """Each has the tag x, and keeps their own by every way of tagging."""
    theirs = await save(juno, url="https://example.com/juno", tags=["x", "y"])
    own = await save(mina, url="https://example.com/mina", tags=["y"])
    content = f"/api/contents/{own['id']}"
    assert (await mina.client.patch(content, json={"tags": ["x", "y"]})).status_code == 200
    published = {"title": "x", "body": "", "contentIds": [theirs["id"]]}
    article = (await juno.client.post("/api/articles", json=published)).json()["id"]
    for _ in range(2):  # the second time, the link is there already and only gets the tag
        downloaded = await mina.client.post(f"/api/articles/{article}/download", json={"tagname": "x"})
        assert downloaded.status_code == 200, downloaded.text
    logged = await mina.client.post("/api/log/food", json={})
    meal = f"/api/log/food/{logged.json()['id']}"
    assert (await mina.client.patch(meal, json={"tags": ["x", "y"]})).status_code == 200
    assert await names(mina) == {"x": 2, "y": 1}
    assert await names(juno) == {"x": 1, "y": 1}
