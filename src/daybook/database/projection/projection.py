"""The projection itself: what is declared, and the ways to read it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, TypeAdapter
from sqlalchemy import ColumnElement, SQLColumnExpression
from sqlalchemy.sql.base import ExecutableOption

from daybook.database.executor import Executor
from daybook.database.projection.cursor import KeysetPage, decode_cursor
from daybook.database.projection.json_columns import ProjectionError
from daybook.database.projection.loading import loader_options
from daybook.database.projection.statements import SEPARATOR, Shape, Statements
from daybook.errors import DaybookError

SchemaT = TypeVar("SchemaT", bound=BaseModel)


class Projection(Generic[SchemaT]):
    """A response schema over a mapped class.

    `where` are criteria over the class's attributes, their parameters (`bindparam("user_id")`) required at each
    call. `optional` ones hold only in calls that give their parameters something other than None. `order_by` is
    the order of lists, and the key of keyset pages; a list that it is no key of has none, which `pages=False` says.
    Raises ProjectionError, naming the field and what to do, for whatever cannot be compiled.
    """

    def __init__(
        self,
        schema: type[SchemaT],
        mapped: type[Any],
        *,
        where: Sequence[ColumnElement[bool]] = (),
        optional: Sequence[ColumnElement[bool]] = (),
        order_by: Sequence[SQLColumnExpression[Any]] = (),
        pages: bool = True,
    ) -> None:
        self.schema = schema
        self.mapped = mapped
        self._adapter = TypeAdapter(list[schema])  # type: ignore[valid-type]  # a schema known at run time only
        self._statements = Statements(
            repr(self), schema, mapped, where=where, optional=optional, order_by=order_by, pages=pages
        )

    async def json(self, executor: Executor, /, **parameters: object) -> bytes:
        """Return all rows as a JSON array."""
        [(items,)] = await self._rows(executor, "all", parameters)
        return _array(items)

    async def first(self, executor: Executor, /, **parameters: object) -> bytes | None:
        """Return the first row as a JSON object; None when there is none."""
        rows = await self._rows(executor, "first", parameters)
        return bytes(rows[0][0]) if rows else None

    async def one(self, executor: Executor, /, or_raise: Callable[[], DaybookError], **parameters: object) -> bytes:
        """Return the first row as a JSON object; raises the error that `or_raise`, its class, gives for none."""
        rows = await self._rows(executor, "first", parameters)
        if not rows:
            raise or_raise()
        return bytes(rows[0][0])

    async def page(
        self,
        executor: Executor,
        /,
        *,
        limit: int,
        cursor: str | None = None,
        after: Sequence[object] | None = None,
        **parameters: object,
    ) -> KeysetPage:
        """Return up to `limit` rows that follow `cursor`, a page's `next_cursor`; the first ones without it.

        In its place may stand `after`, a page's `next_key`. Raises InvalidCursor.
        """
        key = self._statements.key
        if key is None:
            raise ProjectionError(f"{self} has no pages: it takes an `order_by`, and not pages=False")
        if cursor is not None:
            after = decode_cursor(cursor, key)
        parameters["limit"] = limit
        shape: Shape = "page"
        if after is not None:
            names = self._statements.after_names
            if len(after) != len(names):
                raise ProjectionError(f"{self}: `after` takes {len(names)} values, the sort key of a row")
            parameters.update(zip(names, after, strict=True))
            shape = "next_page"
        [(items, beyond, *last)] = await self._rows(executor, shape, parameters)
        if beyond is None:
            return KeysetPage(_array(items), None)
        return KeysetPage(_array(memoryview(items)[: -beyond - len(SEPARATOR)]), tuple(map(_plain, last)))

    async def objects(self, executor: Executor, /, **parameters: object) -> list[SchemaT]:
        """Return all rows as instances of the schema, for rules that look at them; slower than `json`.

        Raises pydantic.ValidationError for rows that the schema does not take.
        """
        [(items,)] = await self._rows(executor, "objects", parameters)
        return self._adapter.validate_json(_array(items), by_alias=False, by_name=True)

    def options(self) -> tuple[ExecutableOption, ...]:
        """Return the loader options with which SQLAlchemy loads of entities what the schema reads, and nothing else.

        With them `schema.model_validate(entity)` gives what the projection does. To-one relationships are joined, each
        to-many one is a statement; anything else that is asked of such an entity raises InvalidRequestError.
        """
        return loader_options(self.schema, self.mapped)

    def sql(self, **parameters: object) -> str:
        """Return the statement that `json` runs, or `page` if there is a `limit`: to read, or to EXPLAIN."""
        variant = self._statements.variant("page" if "limit" in parameters else "all", parameters)
        return (self._statements.compiled(variant) or self._statements.compile(variant)).sql

    def __repr__(self) -> str:
        """Say what is projected onto what."""
        return f"Projection({self.schema.__name__}, {self.mapped.__name__})"

    async def _rows(self, executor: Executor, shape: Shape, parameters: Mapping[str, object]) -> list[Any]:
        variant = self._statements.variant(shape, parameters)
        statement = self._statements.compiled(variant)
        if statement is None:  # in a thread, so that the event loop goes on meanwhile
            statement = await asyncio.to_thread(self._statements.compile, variant)
        given = {name: value for name, value in parameters.items() if value is not None}
        return await executor.fetch(statement.sql, statement.arguments(given))


def _array(items: bytes | memoryview | None) -> bytes:
    """Return a JSON array."""
    return b"".join((b"[", items or b"", b"]"))


def _plain(value: object) -> object:
    """The driver's UUID is a subclass that JSON encoders do not know."""
    return UUID(int=value.int) if isinstance(value, UUID) else value
