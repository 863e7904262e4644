"""The projection itself: what is declared, the statements it becomes, and the ways to run them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import BindParameter, ColumnElement, Select, SQLColumnExpression, bindparam
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import UnaryExpression

from daybook.database.compiled import CompiledStatement
from daybook.database.executor import Executor
from daybook.database.projection.json_columns import ProjectionError
from daybook.database.projection.schema_select import schema_rows

SchemaT = TypeVar("SchemaT", bound=BaseModel)
Shape = Literal["all", "first", "page"]
SEPARATOR = b","


@dataclass(frozen=True, slots=True)
class KeysetPage:
    """Some items of a list, and where it goes on."""

    items: bytes
    """A JSON array."""
    next_key: tuple[object, ...] | None
    """The sort key of the last item, to be given as `after` for more; None at the end of the list."""


class Projection(Generic[SchemaT]):
    """A response schema over a mapped class.

    `where` are criteria over the class's attributes, their parameters (`bindparam("user_id")`) required at each
    call. `optional` ones hold only in calls that give their parameters something other than None. `order_by` is
    the order of lists, and the key of keyset pages. Raises ProjectionError, naming the field and what to do, for
    whatever cannot be compiled.
    """

    def __init__(
        self,
        schema: type[SchemaT],
        mapped: type[Any],
        *,
        where: Sequence[ColumnElement[bool]] = (),
        optional: Sequence[ColumnElement[bool]] = (),
        order_by: Sequence[SQLColumnExpression[Any]] = (),
    ) -> None:
        self.schema = schema
        self.mapped = mapped
        self._where = tuple(where)
        self._optional = tuple(optional)
        self._order_by = tuple(order_by)
        self._adapter = TypeAdapter(list[schema])  # type: ignore[valid-type]  # a schema known at run time only
        self._statements: dict[object, CompiledStatement] = {}
        # All of it is compiled once here, so that what is wrong shows at import.
        everything = self._compile("all", by_alias=True, criteria=(*self._where, *self._optional))
        self._parameters = everything.names
        self._switches = tuple(_parameter_names(criterion) for criterion in self._optional)

    async def json(self, runner: Executor, /, **parameters: object) -> bytes:
        """Return all rows as a JSON array."""
        [(items,)] = await self._run(runner, "all", parameters)
        return _array(items)

    async def json_or_none(self, runner: Executor, /, **parameters: object) -> bytes | None:
        """Return the first row as a JSON object, None when there is none."""
        rows = await self._run(runner, "first", parameters)
        return bytes(rows[0][0]) if rows else None

    async def page(
        self, runner: Executor, /, *, limit: int, after: Sequence[object] | None = None, **parameters: object
    ) -> KeysetPage:
        """Return up to `limit` rows that follow the sort key `after`, those from the start without it."""
        parameters["limit"] = limit
        if after is not None:
            if len(after) != len(self._order_by):
                raise ProjectionError(f"{self}: `after` takes {len(self._order_by)} values, the sort key of a row")
            parameters.update(zip(_after_names(self._order_by), after, strict=True))
        [(items, beyond, *key)] = await self._run(runner, "page", parameters, after=after is not None)
        if beyond is None:
            return KeysetPage(_array(items), None)
        return KeysetPage(_array(memoryview(items)[: -beyond - len(SEPARATOR)]), tuple(map(_plain, key)))

    async def objects(self, runner: Executor, /, **parameters: object) -> list[SchemaT]:
        """Return all rows as instances of the schema, for rules that look at them; slower than `json`.

        Raises pydantic.ValidationError for rows that the schema does not take.
        """
        [(items,)] = await self._run(runner, "all", parameters, by_alias=False)
        return self._adapter.validate_json(_array(items), by_alias=False, by_name=True)

    def sql(self, **parameters: object) -> str:
        """Return the statement that `json` runs when it is given these parameters: to read, or to EXPLAIN."""
        return self._statement("all", parameters, by_alias=True, after=False).sql

    def __repr__(self) -> str:
        """Say what is projected onto what."""
        return f"Projection({self.schema.__name__}, {self.mapped.__name__})"

    async def _run(
        self,
        runner: Executor,
        shape: Shape,
        parameters: Mapping[str, object],
        *,
        by_alias: bool = True,
        after: bool = False,
    ) -> list[Any]:
        statement = self._statement(shape, parameters, by_alias=by_alias, after=after)
        return await statement.fetch(runner, {name: value for name, value in parameters.items() if value is not None})

    def _statement(
        self, shape: Shape, parameters: Mapping[str, object], *, by_alias: bool, after: bool
    ) -> CompiledStatement:
        """Return the statement with those criteria only that are asked for, so that each has a plan of its own."""
        given = tuple(self._wants(names, parameters) for names in self._switches)
        variant = (shape, by_alias, after, given)
        statement = self._statements.get(variant)
        if statement is None:
            criteria = [*self._where, *(one for one, wanted in zip(self._optional, given, strict=True) if wanted)]
            if after:
                criteria.append(self._after())
            statement = self._statements[variant] = self._compile(shape, by_alias=by_alias, criteria=criteria)
        if unknown := parameters.keys() - statement.names - self._parameters:
            raise ProjectionError(f"{self} has no parameter {', '.join(sorted(unknown))}")
        return statement

    def _wants(self, names: tuple[str, ...], parameters: Mapping[str, object]) -> bool:
        """Return whether an optional criterion with these parameters holds; half of them would be a mistake."""
        missing = [name for name in names if parameters.get(name) is None]
        if missing and len(missing) < len(names):
            raise ProjectionError(f"{self} is missing its parameter {missing[0]!r}, which goes with others given")
        return not missing

    def _compile(self, shape: Shape, *, by_alias: bool, criteria: Sequence[ColumnElement[bool]]) -> CompiledStatement:
        row, source = schema_rows(self.schema, self.mapped, by_alias=by_alias)
        # What comes as bytes, neither the driver nor Python decodes; and they are UTF-8, as asyncpg always speaks it.
        item = sa.func.json_send(sa.func.row_to_json(row), type_=sa.LargeBinary).label("item")
        rows = sa.select(item).select_from(source).where(*criteria).order_by(*self._order_by)
        if shape == "first":
            return CompiledStatement(repr(self), rows.limit(1))
        if shape == "all":
            return CompiledStatement(repr(self), sa.select(_joined(rows.subquery("rows").c.item)))
        return CompiledStatement(repr(self), self._page(rows))

    def _page(self, rows: Select[Any]) -> Select[Any]:
        """One row more than asked for tells whether the list goes on: it comes with the others, and with its length."""
        limit = bindparam("limit", type_=sa.Integer)
        one: ColumnElement[int] = sa.literal_column("1")
        keys = [_column(key).label(f"key_{number}") for number, key in enumerate(self._sort_key())]
        page = rows.add_columns(*keys).limit(limit + one).subquery("page")
        beyond = sa.func.array_agg(sa.func.length(page.c.item), type_=sa.ARRAY(sa.Integer))[limit + one]
        last = [sa.func.array_agg(page.c[key.name], type_=sa.ARRAY(key.type))[limit] for key in keys]
        return sa.select(_joined(page.c.item), beyond, *last)

    def _after(self) -> ColumnElement[bool]:
        """A comparison of rows, which one range of an index answers."""
        columns = [_column(one) for one in self._sort_key()]
        names = _after_names(self._order_by)
        values = [bindparam(name, type_=one.type) for name, one in zip(names, columns, strict=True)]
        row = sa.tuple_(*columns)
        return row < sa.tuple_(*values) if _descends(self._order_by[0]) else row > sa.tuple_(*values)

    def _sort_key(self) -> tuple[SQLColumnExpression[Any], ...]:
        """Return `order_by`, once it is known to be the key of keyset pages."""
        columns = [_column(one) for one in self._order_by]
        primary_key = sa.inspect(self.mapped).primary_key
        if len({_descends(one) for one in self._order_by}) != 1:
            raise ProjectionError(f"{self}: the `order_by` of a page goes one way: all ascending, or all descending")
        if any(getattr(one, "nullable", True) for one in columns):
            raise ProjectionError(f"{self}: a page cannot be ordered by a column that may be null")
        if not all(any(key.shares_lineage(one) for one in columns) for key in primary_key):
            raise ProjectionError(f"{self}: the `order_by` of a page ends with the primary key, or rows get lost")
        return self._order_by


def _parameter_names(criterion: ColumnElement[bool]) -> tuple[str, ...]:
    names = [one.key for one in sa.sql.visitors.iterate(criterion) if isinstance(one, BindParameter) and one.required]
    if not names:
        raise ProjectionError(f"The optional criterion {criterion} has no parameter; put it into `where`.")
    return tuple(names)


def _joined(items: ColumnElement[bytes]) -> ColumnElement[bytes]:
    """One value for all rows, which the driver takes over in one piece; null for none."""
    return sa.func.string_agg(items, sa.literal_column(f"'{SEPARATOR.decode()}'::bytea"))


def _array(items: bytes | memoryview | None) -> bytes:
    """Return a JSON array."""
    return b"".join((b"[", items or b"", b"]"))


def _column(order: Any) -> ColumnElement[Any]:
    """The column that an element of `order_by` sorts by."""
    column: ColumnElement[Any] = order.element if isinstance(order, UnaryExpression) else order.expression
    return column


def _descends(order: SQLColumnExpression[Any]) -> bool:
    return isinstance(order, UnaryExpression) and order.modifier is operators.desc_op


def _after_names(order_by: Sequence[object]) -> list[str]:
    return [f"after_{number}" for number in range(len(order_by))]


def _plain(value: object) -> object:
    """The driver's UUID is a subclass that JSON encoders do not know."""
    return UUID(int=value.int) if isinstance(value, UUID) else value
