"""Addresses are stored as browsers write them, whichever door they come in by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from daybook.library.bookmark_files.record import Unreadable, entry
from daybook.web.schema import WebAddress
from tests.fixtures.server import Person

PARSED = "https://example.com/a%20b"
TYPED = [
    "https:example.com/a b",
    "\x01https://EXAMPLE.com:443/./a b ",
    "ht\ntps://exam\tple.com/a b",
    r"https:\\example.com\a b",
]
REFUSED = [
    "https://user:secret@example.com/",
    "https:user@example.com",
    "javascript:alert(1)",
    "//example.com/",
    "김치",
]

FIELDS = ["url", "thumbnail", "favicon"]


def link(**fields: object) -> dict[str, object]:
    return {"url": "https://example.com/other", "title": "x", "contentType": "post"} | fields


@pytest.mark.parametrize("typed", TYPED)
async def test_links(mina: Person, typed: str) -> None:
    client = mina.client
    saved = await client.post("/api/contents", json=link(**dict.fromkeys(FIELDS, typed)))
    assert [saved.json()[field] for field in FIELDS] == [PARSED] * 3
    await client.delete(f"/api/contents/{saved.json()['id']}")

    bulk = (await client.post("/api/contents/bulk", json={"contents": [link(**dict.fromkeys(FIELDS, typed))]})).json()
    path = f"/api/contents/{bulk['results'][0]['id']}"
    for _ in range(2):
        stored = (await client.get(path)).json()
        assert [stored[field] for field in FIELDS] == [PARSED] * 3
        await client.patch(path, json={"url": "https://example.com/"})
        await client.patch(path, json=dict.fromkeys(FIELDS, typed))
    assert (await client.get("/api/contents/lookup", params={"url": typed})).json()["url"] == PARSED


@pytest.mark.parametrize("typed", TYPED)
async def test_pictures_of_people(mina: Person, typed: str) -> None:
    changed = await mina.client.patch("/api/users/me", json={"profileImage": typed})
    assert changed.json()["profileImage"] == PARSED


@pytest.mark.parametrize("typed", REFUSED)
async def test_what_is_refused(mina: Person, typed: str) -> None:
    for field in FIELDS:
        assert (await mina.client.post("/api/contents", json=link(**{field: typed}))).status_code == 422
        bulk = await mina.client.post("/api/contents/bulk", json={"contents": [link(**{field: typed})]})
        assert bulk.json()["results"][0]["errors"][0]["loc"] == [field]
    assert (await mina.client.patch("/api/users/me", json={"profileImage": typed})).status_code == 422


@pytest.mark.parametrize("typed", TYPED + REFUSED)
def test_files(typed: str) -> None:
    read = entry("line 1", link(url=typed))
    if typed in REFUSED:
        assert isinstance(read, Unreadable)
    else:
        assert not isinstance(read, Unreadable)
        assert read.url == PARSED
    pictures = entry("line 1", link(thumbnail=typed, favicon=typed))
    assert not isinstance(pictures, Unreadable)
    expected = None if typed in REFUSED else PARSED
    assert (pictures.thumbnail, pictures.favicon) == (expected, expected)


@given(st.text(max_size=40).map("https:{}".format) | st.text(st.sampled_from("https:/\\@a.한\t\x01#?% "), max_size=30))
def test_parsed_once_is_parsed(typed: str) -> None:
    address = TypeAdapter(WebAddress)
    try:
        parsed = address.validate_python(typed)
    except ValidationError:
        return
    assert parsed.isascii()
    assert parsed.isprintable()
    assert parsed.startswith(("http://", "https://"))
    assert "@" not in parsed.split("/")[2]
    assert address.validate_python(parsed) == parsed
