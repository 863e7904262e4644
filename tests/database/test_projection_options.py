"""One schema, two ways: what `options()` loads gives the same JSON as the projection, and nothing else is loaded."""

import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

import daybook.app  # noqa: F401 - every projection is made
from daybook.database.base import Base
from daybook.database.executor import SessionExecutor
from daybook.database.projection import Projection
from tests.fixtures.generated_rows import Generator

PARAMETERS: dict[str, dict[str, Any]] = {
    "ArticleRead": {"caller_id": 1},
    "SessionRead": {"current_session": UUID(int=7)},
}
"""Of columns that are computed of more than the row."""


def projected() -> list[Any]:
    """Every pair of a class and a schema that Daybook projects it onto."""
    pairs = {
        (projection.mapped, projection.schema)
        for projection in gc.get_objects()
        if isinstance(projection, Projection)
        and projection.mapped.__module__.startswith("daybook.")
        and projection.schema.__module__.startswith("daybook.")
    }
    return [
        pytest.param(mapped, schema, id=f"{schema.__name__} of {mapped.__name__}")
        for mapped, schema in sorted(pairs, key=lambda pair: (pair[0].__name__, pair[1].__name__))
    ]


PROJECTED = projected()
"""Found when the tests are collected: an application that was started has hidden them from the garbage collector."""


@pytest.fixture
async def filled(engine: AsyncEngine, empty_database: None) -> AsyncEngine:
    """The database, with a dozen generated rows in every table."""
    async with engine.begin() as connection:
        await Generator(seed=11).fill(connection, Base.metadata, rows=12)
    return engine


@contextmanager
def counted(engine: AsyncEngine) -> Iterator[list[str]]:
    """Collects the statements that sessions run."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    sa.event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield statements
    sa.event.remove(engine.sync_engine, "before_cursor_execute", note)


@pytest.mark.parametrize(("mapped", "schema"), PROJECTED)
async def test_entities_give_what_the_projection_gives(
    filled: AsyncEngine, mapped: type[Any], schema: type[BaseModel]
) -> None:
    key = sa.inspect(mapped).primary_key
    projection = Projection(schema, mapped, order_by=key, pages=False)
    parameters = PARAMETERS.get(schema.__name__, {})
    counts = set()
    shown: list[dict[str, Any]] = []
    for limit in (1, 12):
        async with AsyncSession(filled) as session:
            with counted(filled) as statements:
                loading = sa.select(mapped).options(*projection.options()).order_by(*key).limit(limit)
                entities = (await session.scalars(loading, parameters)).all()
                shown = [schema.model_validate(entity).model_dump(mode="json", by_alias=True) for entity in entities]
            counts.add(len(statements))
            for entity in list(session.identity_map.values()):
                for attribute in sa.inspect(entity).unloaded:
                    with pytest.raises(InvalidRequestError):
                        getattr(entity, attribute)
    assert len(shown) > 3
    async with AsyncSession(filled) as session:
        assert shown == json.loads(await projection.json(SessionExecutor(session), **parameters))
    assert len(counts) == 1


def test_there_are_as_many_as_daybook_shows() -> None:
    assert len(PROJECTED) >= 9
