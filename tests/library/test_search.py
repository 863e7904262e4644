"""Search that finds Korean: what words become, and what PostgreSQL finds by them."""

import datetime as dt
import json
import re
import unicodedata
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from daybook.accounts.models import User
from daybook.database.executor import Executor
from daybook.database.projection import Projection
from daybook.library.models import Content
from daybook.library.projections import CONTENTS, FOUND
from daybook.library.schemas import ContentRead
from daybook.library.search import (
    MAX_WORDS,
    MOST_TERMS,
    SEARCHED_LENGTH,
    by_index,
    index_terms,
    parse,
    search_text,
)
from daybook.tags.models import ContentTag, Tag
from daybook.tags.names import tag_key
from tests.fixtures.executors import executor_on, leasing_engine
from tests.fixtures.server import Person


def patterns(q: str) -> list[str]:
    query = parse(7, q)
    return [word.pattern for word in query.words] if query else []


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("김치찌개를", "김치찌개"),
        ("부산에서는", "부산"),
        ("고양이와의", "고양이"),
        ("부엌으로", "부엌"),
        ("PostgreSQL에서", " postgresql"),
        ("밥을", "밥을"),
        ("가을", "가을"),
        ("고양이", "고양이"),
        ("제주도", "제주도"),
        ("풋사과", "풋사과"),
    ],
)
def test_particles_are_left_away_where_they_are_particles(word: str, stem: str) -> None:
    assert patterns(word) == [f"%{stem}%"]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ('"김치" (볶음밥), #캠핑 - ...', ["%김치%", "%볶음밥%", "%캠핑%"]),
        ("50%_\\할인", ["% 50\\%\\_\\\\할인%"]),
        ("C++ node.js", ["% c++%", "% node. js%"]),
        ("ＫＩＭＣＨＩ kimchi", ["% kimchi%"]),
        ("🍚", ["%🍚%"]),
        (' "" … ', []),
        ("", []),
    ],
)
def test_queries(q: str, found: list[str]) -> None:
    assert patterns(q) == found


def test_a_search_has_a_limit_of_words() -> None:
    assert len(patterns(" ".join(f"word{number}" for number in range(20)))) == MAX_WORDS


async def test_a_search_is_as_long_as_its_normal_form(mina: Person) -> None:
    # U+0958 is two characters in NFC.
    for q in ("김" * 201, "\u0958" * 101):
        refused = await mina.client.get("/api/contents", params={"q": q})
        assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["query", "q"])
    assert (await mina.client.get("/api/contents", params={"q": "\u0958" * 100})).status_code == 200


def test_terms_are_of_their_owner_and_each_there_once() -> None:
    assert index_terms(7, search_text("김치김치 Kimchi", None, "밥 ios")) == [
        "7:김치",
        "7:치김",
        "7:ki",
        "7:kimc",
        "7:io",
    ]


def test_a_text_is_searched_as_far_as_its_folded_length_and_its_terms() -> None:
    ligatures = search_text("제목", None, "ﷺ" * 10_000)
    assert (len(ligatures), ligatures[:6]) == (SEARCHED_LENGTH, "제목\nصلى")
    syllables = "".join(map(chr, range(ord("가"), ord("가") + 10_000)))
    for note in (syllables, " ".join(syllables[at : at + 3] for at in range(0, 7_500, 3))):
        stored = search_text("제목", None, note)
        assert len(index_terms(7, stored)) == MOST_TERMS
        assert f"제목\n{note}".startswith(stored)
    words = search_text("제목", None, " ".join(f"{number:x}" for number in range(0xFFFFF, 0xFFFFF - 1_400, -1)))
    assert words.endswith(f"{0xFFFFF - 1_399:x}")


def test_folding_piece_by_piece_is_folding() -> None:
    note = "Straße ＡＩ 한글과 글자ㅏ e\u0301 각 " * 200
    assert search_text("x", None, note) == " x\n" + re.sub(" ?([0-9a-z]+)", r" \1", " ".join(tag_key(note).split()))


TEXTS = st.text(st.one_of(st.sampled_from("가김치찌개를 aZ9é'-_%ｱＡß\n"), st.characters(codec="utf-8")), max_size=30)


@given(TEXTS, st.data())
def test_a_text_has_the_terms_of_whatever_is_found_in_it(title: str, data: st.DataObject) -> None:
    stored = search_text(title, None, None)
    begin = data.draw(st.integers(0, len(stored)))
    query = parse(7, stored[begin : begin + 8])
    for word in query.words if query else []:
        looked_for = re.sub(r"\\(.)", r"\1", word.pattern[1:-1])
        assert looked_for not in stored or set(word.terms) <= set(index_terms(7, stored))


@given(TEXTS)
def test_composed_or_not_makes_no_difference(title: str) -> None:
    forms = {search_text(unicodedata.normalize(form, title), None, None) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert len(forms) == 1


@dataclass(frozen=True)
class Library:
    """The library of somebody, beside that of somebody else."""

    engine: AsyncEngine
    reader: Executor
    user_id: int
    other_id: int

    async def save(
        self, title: str, *fields: str, tags: Sequence[str] = (), user_id: int | None = None, bookmark: bool = False
    ) -> None:
        """Save a content with this title, description and note."""
        owner = user_id or self.user_id
        description, note = (*fields, None, None)[:2]
        stored = search_text(title, description, note)
        async with self.engine.begin() as connection:
            url = f"https://example.com/{title}"
            row = {"user_id": owner, "url": url, "url_key": url, "title": title, "bookmark": bookmark}
            row |= {"description": description, "note": note, "content_type": "post", "saved_on": dt.date(2026, 11, 22)}
            row |= {"search_text": stored, "search_terms": index_terms(owner, stored)}
            content_id = await connection.scalar(insert(Content).values(row).returning(Content.id))
            for name in tags:
                values = {"user_id": owner, "tagname": name, "tag_key": tag_key(name), "color": 0}
                tag_id = await connection.scalar(insert(Tag).values(values).returning(Tag.id))
                await connection.execute(insert(ContentTag).values(content_id=content_id, tag_id=tag_id, user_id=owner))

    async def find(self, q: str, **filters: object) -> set[str]:
        """Return the titles of what is found, which is the same by index and by looking at each content."""
        query = parse(self.user_id, q)
        assert query is not None
        found = [
            await projection.objects(
                self.reader, user_id=self.user_id, **query.parameters(by_index=projection is FOUND), **filters
            )
            for projection in (FOUND, CONTENTS)
        ]
        by_index, by_scan = ({content.title for content in contents} for contents in found)
        assert by_index == by_scan
        return by_index


@pytest.fixture
async def library(engine: AsyncEngine, empty_database: None, database_url: str) -> AsyncIterator[Library]:
    settings = {"jit": "off", "plan_cache_mode": "force_generic_plan"}
    pool = leasing_engine(database_url, connect_args={"server_settings": settings})
    async with engine.begin() as connection:
        people = [{"user_key": name, "username": name, "timezone": "UTC"} for name in ("mina", "other")]
        user_ids = (await connection.scalars(insert(User).returning(User.id), people)).all()
    yield Library(engine, executor_on(pool), *user_ids)
    await pool.dispose()


NFD = unicodedata.normalize("NFD", "김치찌개를 끓이는 법")
TITLES = {"김치찌개를 끓이는 법", NFD, "맛있는 김치찌개", "돼지김치찌개집"}


@pytest.mark.parametrize("q", ["김치", "김치찌개", "김치찌개를", unicodedata.normalize("NFD", "김치찌개")])
async def test_korean(library: Library, q: str) -> None:
    for title in [*TITLES, "김 파는 치과", "찌개 김치"]:
        await library.save(title)
    assert await library.find(q) == (TITLES | {"찌개 김치"} if q == "김치" else TITLES)


async def test_words(library: Library) -> None:
    titles = [
        "Kimchi Stew",
        "카카오Talk",
        "ＡＩ 입문",
        "An e-mail from Spain",
        "ﾃﾚﾋﾞ",
        "STRASSE",
        "rock in c++",
        "rock in c#",
    ]
    for title in [*titles, "100% cotton", "1000 cottons", "snake_case", "비빔밥", "🍚 도시락"]:
        await library.save(title)
    found = {
        q: await library.find(q) for q in ("kim", "TALK", "ai", "テレビ", "straße", "c++", "100%", "e_c", "밥", "🍚")
    }
    assert found == {
        "kim": {"Kimchi Stew"},
        "TALK": {"카카오Talk"},
        "ai": {"ＡＩ 입문"},
        "テレビ": {"ﾃﾚﾋﾞ"},
        "straße": {"STRASSE"},
        "c++": {"rock in c++"},
        "100%": {"100% cotton"},
        "e_c": set(),
        "밥": {"비빔밥"},
        "🍚": {"🍚 도시락"},
    }


async def test_all_words_are_found_wherever_each_of_them_is(library: Library) -> None:
    await library.save("갈비찜 만들기", "압력밥솥으로 간단하게", "Sunday dinner", tags=["한식", "명절 Food"])
    await library.save("압력밥솥 청소")
    assert await library.find("갈비찜 압력밥솥 sun 한식 foo 찜") == {"갈비찜 만들기"}
    assert await library.find("압력밥솥") == {"갈비찜 만들기", "압력밥솥 청소"}
    assert await library.find("압력밥솥 냉면") == set()


async def test_renaming_a_tag_changes_what_is_found_without_writing_contents(library: Library) -> None:
    await library.save("텐트", tags=["React-Native 캠핑"])
    assert await library.find("캠핑") == await library.find("nat") == {"텐트"}
    async with library.engine.begin() as connection:
        await connection.execute(text("UPDATE tags SET tag_key = '등산'"))
    assert await library.find("캠핑") == set()
    assert await library.find("등산") == {"텐트"}


async def test_another_persons_contents_and_tags_are_not_found(library: Library) -> None:
    await library.save("김치", tags=["한식"], user_id=library.other_id)
    for q in ("김치", "한식", "김"):
        assert await library.find(q) == set()


async def test_other_criteria_hold_too(library: Library) -> None:
    await library.save("김치 하나", bookmark=True)
    await library.save("김치 둘")
    assert await library.find("김치", bookmark=True) == {"김치 하나"}


async def test_pages_follow_each_other(library: Library) -> None:
    for number in range(5):
        await library.save(f"김치 {number}")
    query = parse(library.user_id, "김치")
    assert query is not None
    parameters = query.parameters(by_index=True) | {"user_id": library.user_id}
    first = await FOUND.page(library.reader, limit=3, **parameters)
    second = await FOUND.page(library.reader, limit=3, after=first.next_key, **parameters)
    titles = [content["title"] for page in (first, second) for content in json.loads(page.items)]
    assert titles == [f"김치 {number}" for number in (4, 3, 2, 1, 0)]


@pytest.fixture
async def large(library: Library) -> Library:
    """The library with 6,000 contents (3 of 꽃게, 1,500 of 김치, else 라면), beside another one of the same size."""
    contents = """
        INSERT INTO contents (user_id, url, url_key, content_type, title, saved_on, search_text, search_terms)
        SELECT u.id, n, n, 'post', n, DATE '2026-01-01' + n % 300, word, ARRAY[u.id || ':' || word]
        FROM users u, generate_series(1, 6000) n,
        LATERAL (SELECT CASE 0 WHEN n % 2000 THEN '꽃게' WHEN n % 4 THEN '김치' ELSE '라면' END AS word) AS words
    """
    async with library.engine.begin() as connection:
        await connection.execute(text(contents))
    async with library.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await connection.execute(text("VACUUM ANALYZE contents"))
    return library


async def test_the_index_is_for_what_few_contents_have(large: Library) -> None:
    queries = {q: parse(large.user_id, q) for q in ("꽃게", "없다", "꽃게 김치", "김치", "치")}
    found = {q: await by_index(large.reader, query) for q, query in queries.items() if query}
    assert found == {"꽃게": True, "없다": True, "꽃게 김치": True, "김치": False, "치": False}


@pytest.mark.parametrize(
    ("projection", "index"), [(FOUND, "ix_contents_search_terms"), (CONTENTS, "ix_contents_user_id_saved_on_id")]
)
async def test_generic_plans(large: Library, projection: Projection[ContentRead], index: str) -> None:
    """Each way goes by its own index, although PostgreSQL knows nothing of what will be looked for."""
    query = parse(large.user_id, "꽃게")
    assert query is not None
    given = query.parameters(by_index=projection is FOUND) | {"user_id": large.user_id, "limit": 50}
    sql = projection.sql(**given)
    nothing = ", ".join("NULL" for _ in set(re.findall(r"\$\d+", sql)))
    async with large.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.execute("SET plan_cache_mode = force_generic_plan")
        await driver.execute(f"PREPARE page AS {sql}")
        plan = "\n".join(line for (line,) in await driver.fetch(f"EXPLAIN EXECUTE page ({nothing})"))
    indexes = {"ix_contents_search_terms", "ix_contents_user_id_saved_on_id"}
    assert {name for name in indexes if name in plan} == {index}, plan
