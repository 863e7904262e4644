"""A projection's JSON is what the same schema makes of entities, for every type and any data."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import joinedload, selectinload

from daybook.database.projection import Projection
from daybook.database.reader import Reader, open_reader
from tests.database.projection_models import (
    Author,
    Base,
    Blurb,
    Book,
    BookRead,
    Chapter,
    Level,
    Note,
    Size,
    Tag,
    Word,
    book_tag,
)

TEXT = st.text(
    st.one_of(
        st.characters(codec="utf-8", exclude_characters="\0"), st.sampled_from('한글김치🍚👩‍🍳"\\\n\u2028\x7f\x01')
    ),
    max_size=12,
)
MOMENT = st.datetimes(
    datetime(1, 1, 2),
    datetime(9999, 12, 30),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))]),  # noqa: DTZ001
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FINITE | TEXT
DOCUMENT = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
INTEGER = st.integers(-(2**31), 2**31 - 1)


def decimals(places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(-(10**5), 10**5, allow_nan=False, allow_infinity=False, places=places)


BOOKS = st.lists(
    st.fixed_dictionaries(
        {
            "author_id": st.integers(1, 3),
            "editor_id": st.none() | st.integers(1, 3),
            "title": TEXT,
            "subtitle": st.none() | TEXT,
            "in_print": st.none() | st.booleans(),
            "key": st.uuids(),
            # The first and the last day are what the driver writes as infinity.
            "day": st.dates() | st.sampled_from([date.min, date.max]),
            "moment": MOMENT,
            "maybe_moment": st.none() | MOMENT.map(lambda moment: moment.replace(microsecond=0)),
            "size": st.sampled_from(Size),
            "level": st.none() | st.sampled_from(Level),
            "color": st.sampled_from(Word),
            "price": decimals(2),
            "weight": st.none() | decimals(6),
            "ratio": st.none() | st.floats(-1e6, 1e6),
            "double": FINITE,
            "real": st.none() | st.floats(width=32, allow_nan=False, allow_infinity=False),
            "document": st.none() | st.dictionaries(TEXT, DOCUMENT, max_size=3),
            "listed": st.lists(DOCUMENT, max_size=3),
            "words": st.lists(TEXT, max_size=3),
            "numbers": st.none() | st.lists(INTEGER, max_size=3),
            "blurb": st.none() | TEXT,
            "chapters": st.lists(st.tuples(st.none() | TEXT, st.lists(TEXT, max_size=2)), max_size=3),
            "tags": st.permutations([1, 2, 3]).flatmap(lambda ids: st.integers(0, 3).map(lambda n: ids[:n])),
        }
    ),
    max_size=3,
)

books = Projection(BookRead, Book, where=[Book.id >= bindparam("least")], order_by=[Book.id.desc()])
entities = (
    select(Book)
    .order_by(Book.id.desc())
    .options(
        selectinload(Book.author).options(joinedload(Author.mentor), selectinload(Author.pupils)),
        joinedload(Book.editor),
        joinedload(Book.blurb),
        selectinload(Book.chapters).selectinload(Chapter.notes),
        selectinload(Book.tags),
    )
)


@pytest.fixture(scope="module")
async def shop(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a database that has the tables, three authors and three tags."""
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA IF EXISTS projection CASCADE"))
        await connection.execute(text("CREATE SCHEMA projection"))
        await connection.run_sync(Base.metadata.create_all)
        names = [{"id": 1, "name": "박완서"}, {"id": 2, "name": "🍚"}, {"id": 3, "name": "C"}]
        await connection.execute(insert(Author), [{**name, "mentor_id": name["id"] - 1 or None} for name in names])
        await connection.execute(insert(Tag), names)
    yield engine
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA projection CASCADE"))
    await engine.dispose()


@pytest.fixture(scope="module")
def reader(shop: AsyncEngine) -> Reader:
    return open_reader(shop)


async def keep(engine: AsyncEngine, rows: list[dict[str, Any]]) -> list[Any]:
    """Replace all books by these, and return what the schema makes of them as entities."""
    async with AsyncSession(engine) as session, session.begin():
        for table in ("notes", "chapters", "blurbs", "book_tag", "books"):
            await session.execute(Base.metadata.tables[f"projection.{table}"].delete())
        for number, row in enumerate(rows):
            values = {**row}
            blurb, chapters, tags = values.pop("blurb"), values.pop("chapters"), values.pop("tags")
            book = Book(id=number, **values)
            book.blurb = None if blurb is None else Blurb(text=blurb)
            book.chapters = [
                Chapter(number=position, title=title, notes=[Note(text=note) for note in notes])
                for position, (title, notes) in enumerate(chapters)
            ]
            session.add(book)
            await session.flush()
            for position, tag in enumerate(tags):
                await session.execute(insert(book_tag).values(book_id=number, tag_id=tag, position=position))
    async with AsyncSession(engine) as session:
        found = (await session.scalars(entities)).all()
        return [BookRead.model_validate(book).model_dump(mode="json", by_alias=True) for book in found]


async def test_json_equals_what_entities_give(shop: AsyncEngine, reader: Reader) -> None:
    loop = asyncio.get_running_loop()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(BOOKS)
    def check(rows: list[dict[str, Any]]) -> None:
        async def compare() -> None:
            expected = await keep(shop, rows)
            assert json.loads(await books.json(reader, least=0)) == expected
            page = await books.page(reader, limit=2, least=0)
            assert json.loads(page.items) == expected[:2]
            assert (page.next_key is not None) is (len(expected) > 2)
            one = await books.json_or_none(reader, least=0)
            assert (one is None) if not expected else (json.loads(one or b"") == expected[0])
            objects = await books.objects(reader, least=0)
            assert [item.model_dump(mode="json", by_alias=True) for item in objects] == expected

        asyncio.run_coroutine_threadsafe(compare(), loop).result(30)

    # Hypothesis is synchronous; the engine belongs to this loop.
    await asyncio.to_thread(check)
