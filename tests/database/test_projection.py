"""What projections return: JSON equal to that of entities through the same schema, pages, objects, criteria."""

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import joinedload, selectinload

from daybook.database.executor import AutocommitExecutor, Executor
from daybook.database.projection import KeysetPage, Projection
from tests.database.projection_models import (
    Author,
    Base,
    Blurb,
    Book,
    BookRead,
    Chapter,
    Level,
    Note,
    Schema,
    Size,
    Tag,
    Word,
    book_tag,
)
from tests.fixtures.executors import executor_on, leasing_engine


@dataclass
class Recorded:
    """Keeps what a reader tells of."""

    statements: list[str] = field(default_factory=list)

    def begin(self, sql: str, *_: object) -> None:
        self.statements.append(sql)

    def end(self, statement: None, **outcome: object) -> None:
        pass

    def taken(self, connection: object) -> None:
        pass

    released = taken


TEXT = st.text(
    st.one_of(
        st.characters(codec="utf-8", exclude_characters="\0"), st.sampled_from('한글김치🍚👩‍🍳"\\\n\u2028\x7f\x01')
    ),
    max_size=12,
)
MOMENT = st.datetimes(
    datetime(1, 1, 2),  # noqa: DTZ001 - Hypothesis adds the zone
    datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))]),
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
    engine = leasing_engine(database_url, connect_args={"server_settings": {"timezone": "UTC"}})
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA IF EXISTS projection CASCADE"))
        await connection.execute(text("CREATE SCHEMA projection"))
        await connection.run_sync(Base.metadata.create_all)
        names = {1: "박완서", 2: "🍚", 3: "C"}
        authors = [{"id": id_, "name": name, "mentor_id": id_ - 1 or None} for id_, name in names.items()]
        await connection.execute(insert(Author), authors)
        await connection.execute(insert(Tag), [{"id": id_, "name": name} for id_, name in names.items()])
    yield engine
    async with engine.begin() as connection:
        await connection.execute(text("DROP SCHEMA projection CASCADE"))
    await engine.dispose()


@pytest.fixture(scope="module")
def _reader(shop: AsyncEngine) -> AutocommitExecutor:
    return executor_on(shop)


@pytest.fixture
def reader(_reader: AutocommitExecutor) -> Iterator[AutocommitExecutor]:
    yield _reader
    _reader.connections.recorder = None


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


async def test_json_equals_what_entities_give(shop: AsyncEngine, reader: Executor) -> None:
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
            one = await books.first(reader, least=0)
            assert (one is None) if not expected else (json.loads(one or b"") == expected[0])
            objects = await books.objects(reader, least=0)
            assert [item.model_dump(mode="json", by_alias=True) for item in objects] == expected

        asyncio.run_coroutine_threadsafe(compare(), loop).result(30)

    # Hypothesis is synchronous; the engine belongs to this loop.
    await asyncio.to_thread(check)


def test_an_entity_whose_values_were_read_needs_no_garbage_collector() -> None:
    read = Book(tags=[Tag(name="a"), Tag(name="b")])
    assert read.tag_names == ["a", "b"]
    entity = weakref.ref(read)
    gc.disable()
    try:
        del read
        assert entity() is None
    finally:
        gc.enable()


def book(**changes: object) -> dict[str, Any]:
    plain = {
        "author_id": 1,
        "title": "",
        "key": UUID(int=7),
        "day": date(2026, 11, 22),
        "moment": datetime(2026, 11, 22, tzinfo=UTC),
        "size": Size.SMALL,
        "color": Word.RED,
        "price": Decimal("1.00"),
        "double": 1.0,
        "listed": [],
        "words": [],
        "blurb": None,
        "chapters": [],
        "tags": [],
    }
    return plain | changes


class Title(Schema):
    id: int
    title: str


titles = Projection(
    Title,
    Book,
    where=[Book.author_id == bindparam("author_id")],
    optional=[Book.color == bindparam("color"), Book.day.between(bindparam("start"), bindparam("end"))],
    order_by=[Book.day.desc(), Book.id.desc()],
)


def ids(body: bytes) -> list[int]:
    return [item["id"] for item in json.loads(body)]


async def test_pages_follow_one_another_without_gap_or_repetition(shop: AsyncEngine, reader: Executor) -> None:
    await keep(shop, [book(day=date(2026, 11, 1 + number // 3)) for number in range(10)])
    seen, after = [], None
    for _ in range(4):
        page = await titles.page(reader, limit=3, after=after, author_id=1)
        seen += ids(page.items)
        after = page.next_key
    assert seen == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert after is None


async def test_the_last_page_may_be_full(shop: AsyncEngine, reader: Executor) -> None:
    await keep(shop, [book(), book()])
    assert (await titles.page(reader, limit=2, author_id=1)).next_key is None
    assert (await titles.page(reader, limit=1, author_id=1)).next_key == (date(2026, 11, 22), 1)


async def test_an_optional_criterion_holds_only_when_its_parameters_are_given(
    shop: AsyncEngine, reader: Executor
) -> None:
    await keep(shop, [book(color=Word.GREEN), book(day=date(2026, 1, 1)), book(author_id=2)])
    day = date(2026, 1, 1)
    assert ids(await titles.json(reader, author_id=1)) == [0, 1]
    assert ids(await titles.json(reader, author_id=1, color=Word.GREEN, start=None)) == [0]
    assert ids(await titles.json(reader, author_id=1, start=day, end=day)) == [1]


def test_all_shapes_of_json_are_compiled_when_a_projection_is_made() -> None:
    assert {shape for shape, _ in titles._statements._compiled} == {"all", "first", "page", "next_page"}


async def test_the_latest_sets_of_optional_criteria_are_kept(
    shop: AsyncEngine, reader: AutocommitExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daybook.database.projection.statements.KEPT", 2)
    await keep(shop, [book()])
    asked: list[dict[str, Any]] = [{"color": Word.RED}, {"start": date.min, "end": date.max}]
    asked += [asked[0] | asked[1]]
    projection = Projection(
        Title,
        Book,
        optional=[Book.color == bindparam("color"), Book.day.between(bindparam("start"), bindparam("end"))],
    )
    for parameters in [*asked, asked[0], *asked, asked[0]]:
        answers = await asyncio.gather(*(projection.json(reader, **parameters) for _ in range(3)))
        assert [ids(body) for body in answers] == [[0]] * 3
    kept = list(projection._statements._variants)
    assert kept == [("all", (True, True)), ("all", (True, False))]


async def test_a_page_deep_in_the_list_is_one_range_of_an_index(shop: AsyncEngine, reader: AutocommitExecutor) -> None:
    recorder = reader.connections.recorder = Recorded()
    await titles.page(reader, limit=3, after=(date(2026, 1, 1), 5), author_id=1)
    assert "(projection.books.day, projection.books.id) < ($3::DATE, $4::BIGINT)" in recorder.statements[-1]


async def test_infinity_comes_out_as_the_driver_reads_it(shop: AsyncEngine, reader: Executor) -> None:
    await keep(shop, [book()])
    change = update(Book).values(day=text("'infinity'"), moment=text("'-infinity'"), double=text("'NaN'"))
    async with shop.begin() as connection:
        await connection.execute(change)
    one = json.loads(await books.first(reader, least=0) or b"")
    assert (one["day"], one["moment"], one["double"]) == ("9999-12-31", "0001-01-01T00:00:00+00:00", None)


async def test_nothing_found(shop: AsyncEngine, reader: Executor) -> None:
    await keep(shop, [])
    assert await titles.json(reader, author_id=1) == b"[]"
    assert await titles.first(reader, author_id=1) is None
    assert await titles.objects(reader, author_id=1) == []
    assert await titles.page(reader, limit=5, author_id=1) == KeysetPage(b"[]", None)


async def test_one_statement_however_many_rows(shop: AsyncEngine, reader: AutocommitExecutor) -> None:
    recorder = reader.connections.recorder = Recorded()
    for number in (1, 6):
        await keep(shop, [book(tags=[1, 2], chapters=[("One", ["a", "b"])]) for _ in range(number)])
        recorder.statements.clear()
        assert len(json.loads(await books.json(reader, least=0))) == number
        assert len(recorder.statements) == 1
