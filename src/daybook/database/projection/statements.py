"""The statements that a projection becomes: one for each shape of its answer and each set of criteria.

Without optional criteria there is one for each shape of JSON, compiled when the projection is made. Each set of
optional criteria that calls ask for is a statement, and a plan, of its own, which is compiled when it is first asked
for, as that of objects is; the latest KEPT of them are kept.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import BindParameter, ColumnElement, FromClause, Select, SQLColumnExpression, bindparam
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import UnaryExpression

from daybook.database.compiled import CompiledStatement
from daybook.database.projection.cursor import key_adapter
from daybook.database.projection.json_columns import ProjectionError
from daybook.database.projection.schema_select import schema_rows

Shape = Literal["all", "objects", "first", "page", "next_page"]
Variant = tuple[Shape, tuple[bool, ...]]
"""What a statement answers with, and which of the optional criteria hold in it."""

SEPARATOR = b","
KEPT = 256
"""How many statements a projection keeps that were compiled when they were asked for."""
RESERVED = {"limit", "cursor", "after"}
"""What `page` takes beside the parameters of criteria."""

_COMPILING = threading.Lock()


class Statements:
    """The statements of one projection, `name` in its errors. Raises ProjectionError for what cannot be compiled."""

    def __init__(
        self,
        name: str,
        schema: type[BaseModel],
        mapped: type[Any],
        *,
        where: Sequence[ColumnElement[bool]],
        optional: Sequence[ColumnElement[bool]],
        order_by: Sequence[SQLColumnExpression[Any]],
        pages: bool,
    ) -> None:
        self._name = name
        self._mapped = mapped
        self._where = tuple(where)
        self._optional = tuple(optional)
        self._order_by = tuple(order_by)
        self._switches = tuple(map(_parameter_names, self._optional))
        self._schema = schema
        self._on_the_wire = schema_rows(schema, mapped, by_alias=True)
        self._refuse_what_nothing_joins()
        self.key: TypeAdapter[tuple[Any, ...]] | None = None
        """Decodes the sort keys of pages; None for a projection that has no pages."""
        shapes: list[Shape] = ["all", "first"]
        if pages and self._order_by:
            self.key = self._checked_key()
            shapes += ["page", "next_page"]
        self.after_names = tuple(f"after_{number}" for number in range(len(self._order_by)))
        nothing_asked = (False,) * len(self._optional)
        self._compiled = {(shape, nothing_asked): self._compile((shape, nothing_asked)) for shape in shapes}
        self._variants: OrderedDict[Variant, CompiledStatement] = OrderedDict()
        # With all criteria at once, so that what is wrong with one of them shows at import.
        asked = (True,) * len(self._optional)
        everything = self._compiled.get(("all", asked)) or self._compile(("all", asked))
        self._parameters = everything.names | RESERVED.union(self.after_names)
        if reserved := everything.names & RESERVED.union(self.after_names):
            raise ProjectionError(f"{name}: the parameter {min(reserved)!r} is one of `page` itself; rename it")

    def variant(self, shape: Shape, parameters: Mapping[str, object]) -> Variant:
        """Return which statement answers a call: with those optional criteria whose parameters are given."""
        if not self._parameters.issuperset(parameters):
            raise ProjectionError(f"{self._name} has no parameter {min(parameters.keys() - self._parameters)}")
        return shape, tuple([self._is_given(names, parameters) for names in self._switches])

    def compiled(self, variant: Variant) -> CompiledStatement | None:
        """Return a statement, None when it has to be compiled first."""
        statement = self._compiled.get(variant)
        if statement is None and variant in self._variants:
            self._variants.move_to_end(variant)
            statement = self._variants[variant]
        return statement

    def compile(self, variant: Variant) -> CompiledStatement:
        """Return a statement that is compiled here and now, which takes some milliseconds. Safe in a thread."""
        # One at a time: each has the interpreter in turns with the event loop, and two would have it longer.
        with _COMPILING:
            statement = self._variants.get(variant)
            if statement is None:
                statement = self._variants[variant] = self._compile(variant)
                if len(self._variants) > KEPT:
                    self._variants.popitem(last=False)
        return statement

    def _is_given(self, names: tuple[str, ...], parameters: Mapping[str, object]) -> bool:
        """Return whether an optional criterion with these parameters holds; half of them would be a mistake."""
        missing = [name for name in names if parameters.get(name) is None]
        if missing and len(missing) < len(names):
            raise ProjectionError(f"{self._name} is missing its parameter {missing[0]!r}, which goes with others given")
        return not missing

    # --- compiling

    def _compile(self, variant: Variant) -> CompiledStatement:
        shape, given = variant
        row, source = self._on_the_wire
        if shape == "objects":
            row, source = schema_rows(self._schema, self._mapped, by_alias=False)
        criteria = [*self._where, *(criterion for criterion, holds in zip(self._optional, given, strict=True) if holds)]
        rows = self._rows(row, source, criteria)
        if shape == "first":
            return CompiledStatement(self._name, rows.limit(1))
        if shape == "page":
            return CompiledStatement(self._name, self._page(rows))
        if shape == "next_page":
            return CompiledStatement(self._name, self._page(rows.where(self._after())))
        return CompiledStatement(self._name, sa.select(_joined(rows.subquery("rows").c.item)))

    def _rows(
        self, row: ColumnElement[Any], source: FromClause, criteria: Sequence[ColumnElement[bool]]
    ) -> Select[Any]:
        # What comes as bytes, neither the driver nor Python decodes; and they are UTF-8, as asyncpg always speaks it.
        item = sa.func.json_send(sa.func.row_to_json(row), type_=sa.LargeBinary).label("item")
        return sa.select(item).select_from(source).where(*criteria).order_by(*self._order_by)

    def _refuse_what_nothing_joins(self) -> None:
        """What a list is ordered by has to be there, too: as a column it shows what it would add to FROM."""
        columns = [sa.literal_column("1"), *map(_column, self._order_by)]
        rows = sa.select(*columns).select_from(self._mapped).where(*self._where, *self._optional)
        sources = rows.get_final_froms()
        if len(sources) > 1:
            raise ProjectionError(
                f"{self._name}: a criterion or the order is of {sources[-1]}, which nothing joins, so that every row "
                "would be combined with all of its rows. Write it with any() or has() of a relationship, or exists()."
            )

    def _page(self, rows: Select[Any]) -> Select[Any]:
        """One row more than asked for tells whether the list goes on: it comes with the others, and with its length."""
        limit = bindparam("limit", type_=sa.Integer)
        one: ColumnElement[int] = sa.literal_column("1")
        keys = [_column(order).label(f"key_{number}") for number, order in enumerate(self._order_by)]
        page = rows.add_columns(*keys).limit(limit + one).subquery("page")
        beyond = sa.func.array_agg(sa.func.length(page.c.item), type_=sa.ARRAY(sa.Integer))[limit + one]
        last = [sa.func.array_agg(page.c[key.name], type_=sa.ARRAY(key.type))[limit] for key in keys]
        return sa.select(_joined(page.c.item), beyond, *last)

    def _after(self) -> ColumnElement[bool]:
        """A comparison of rows, which one range of an index answers."""
        columns = [_column(order) for order in self._order_by]
        values = [bindparam(name, type_=column.type) for name, column in zip(self.after_names, columns, strict=True)]
        row = sa.tuple_(*columns)
        return row < sa.tuple_(*values) if _descends(self._order_by[0]) else row > sa.tuple_(*values)

    def _checked_key(self) -> TypeAdapter[tuple[Any, ...]]:
        """Return what decodes the sort key, once `order_by` is known to be one."""
        columns = [_column(order) for order in self._order_by]
        fault = None
        if len(set(map(_descends, self._order_by))) != 1:
            fault = "goes both ways. Let all of it ascend, or all descend"
        elif any(getattr(column, "nullable", True) for column in columns):
            fault = "holds a column that may be null, which no row compares with. Order by another"
        elif not all(any(key.shares_lineage(one) for one in columns) for key in sa.inspect(self._mapped).primary_key):
            fault = "does not hold the primary key, without which rows get lost between pages. Add it at the end"
        if fault:
            raise ProjectionError(f"{self._name}: its `order_by` {fault}, or say pages=False.")
        return key_adapter(columns)


def _parameter_names(criterion: ColumnElement[bool]) -> tuple[str, ...]:
    names = [one.key for one in sa.sql.visitors.iterate(criterion) if isinstance(one, BindParameter) and one.required]
    if not names:
        raise ProjectionError(f"The optional criterion {criterion} has no parameter; put it into `where`.")
    return tuple(dict.fromkeys(names))


def _joined(items: ColumnElement[bytes]) -> ColumnElement[bytes]:
    """One value for all rows, which the driver takes over in one piece; null for none."""
    return sa.func.string_agg(items, sa.literal_column(f"'{SEPARATOR.decode()}'::bytea"))


def _column(order: Any) -> ColumnElement[Any]:
    """The column that an element of `order_by` sorts by."""
    column: ColumnElement[Any] = order.element if isinstance(order, UnaryExpression) else order.expression
    return column


def _descends(order: SQLColumnExpression[Any]) -> bool:
    return isinstance(order, UnaryExpression) and order.modifier is operators.desc_op
