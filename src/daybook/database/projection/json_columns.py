"""How PostgreSQL writes a column so that it comes out as the schema itself would write it.

Nothing is assumed about the schema: its own serializer is given samples of what the driver returns for the
column's type, and what it makes of them is compared with what PostgreSQL would write. So a field with a
serializer of its own either comes out right or is refused when the projection is made.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from daybook.database.compiled import DIALECT, StatementError

Samples = Sequence[tuple[object, object]]
"""Pairs of a value as the driver returns it and the JSON value that PostgreSQL makes of it."""

_TEXT = '"한글 🍚"\\\n'
_UUID = UUID("0192f0c1-7c3a-7def-8abc-0123456789ab")
_DATES: tuple[sa.ColumnElement[Any], ...] = (
    sa.literal_column("DATE '0001-01-01'"),
    sa.literal_column("DATE '9999-12-31'"),
)
_MOMENTS: tuple[sa.ColumnElement[Any], ...] = (
    sa.literal_column("TIMESTAMPTZ '0001-01-01 00:00:00+00'"),
    sa.literal_column("TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'"),
)


class ProjectionError(StatementError):
    """A projection that cannot be compiled, or is not called as it was declared; the message says what to do."""


def json_column(schema: type[BaseModel], field: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return the expression whose JSON is what `schema` writes for the value of `column` in `field`.

    Raises ProjectionError when the column's type has none.
    """
    tried: list[str] = []
    for samples, expression in _forms(column):
        try:
            written = [_written(schema, field, value) for value, _ in samples]
        except PydanticSerializationError:
            tried.append(f"it does not take {samples[0][0]!r}")
            continue
        if written == [expected for _, expected in samples]:
            return expression
        tried.append(f"it writes {written[0]!r} where PostgreSQL writes {samples[0][1]!r}")
    where = f"{schema.__name__}.{field}"
    if not tried:
        raise ProjectionError(
            f"{where}: columns of type {column.type!r} are not supported; leave the field out, or read entities."
        )
    raise ProjectionError(
        f"{where}: the schema and a column of type {column.type!r} do not go together: {'; '.join(tried)}. "
        "Change the field's type or serializer, or read entities."
    )


def _written(schema: type[BaseModel], field: str, value: object) -> object:
    values: dict[str, Any] = {field: value}
    return schema.model_construct(**values).model_dump(mode="json", by_alias=False, include={field}, warnings="error")[
        field
    ]


def _forms(column: sa.ColumnElement[Any]) -> Iterator[tuple[Samples, sa.ColumnElement[Any]]]:
    """The ways in which PostgreSQL can write such a column, the usual one first."""
    match column.type:
        case sa.Enum(enum_class=type() as words):
            yield _enum(column, words)
        case sa.String():
            yield [(_TEXT, _TEXT)], column
        case sa.Boolean():
            yield [(True, True)], column
        case sa.Integer():
            yield [(7, 7)], column
            yield [(7.0, 7.0)], column
        case sa.Uuid(as_uuid=as_uuid):
            yield [(_UUID if as_uuid else str(_UUID), str(_UUID))], column
        case sa.Date():
            yield [(date(2026, 11, 22), "2026-11-22")], _clamped(column, _DATES)
        case sa.DateTime(timezone=True):
            yield from _moments(column)
        case sa.Float():
            # real would be written with its own few digits; the driver returns it as a double, and so do we.
            yield [(0.1, 0.1)], _finite(sa.cast(column, sa.Double))
        case sa.Numeric() as numeric:
            yield from _numeric(column, numeric)
        case sa.JSON():
            for document in ({"key": [1, None]}, ["text", 1]):
                yield [(document, document)], column
        case sa.ARRAY(item_type=item_type):
            yield from _array(column, item_type)


def _enum(column: sa.ColumnElement[Any], words: type[Any]) -> tuple[Samples, sa.ColumnElement[Any]]:
    """The database holds labels (by default the members' names), the schema writes values."""
    to_label = column.type.dialect_impl(DIALECT).bind_processor(DIALECT)
    values = {str(to_label(member)) if to_label else member: member.value for member in words}
    expression = column
    if any(label != value for label, value in values.items()):
        expression = sa.case(
            {_constant(label): _constant(value) for label, value in values.items()}, value=sa.cast(column, sa.Text)
        )
    return [(member, member.value) for member in words], expression


def _constant(value: object) -> sa.ColumnElement[Any]:
    quoted = "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)
    return sa.literal_column(quoted)


def _moments(column: sa.ColumnElement[Any]) -> Iterator[tuple[Samples, sa.ColumnElement[Any]]]:
    """PostgreSQL's JSON has as many digits of a second as are needed; Python writes six or none.

    In its own form it is in the session's time zone, which the engine sets to UTC, and any other tells the same moment.
    """
    whole, part = datetime(2026, 11, 22, 8, 30, tzinfo=UTC), datetime(2026, 11, 22, 8, 30, 0, 120_000, tzinfo=UTC)
    own = [(whole, "2026-11-22T08:30:00+00:00"), (part, "2026-11-22T08:30:00.12+00:00")]
    yield own, _clamped(column, _MOMENTS)
    for offset in ("+00:00", "Z"):
        samples = [(whole, f"2026-11-22T08:30:00{offset}"), (part, f"2026-11-22T08:30:00.120000{offset}")]
        shape: sa.ColumnElement[Any] = sa.literal_column(f'\'YYYY-MM-DD"T"HH24:MI:SS.US"{offset}"\'')
        written = sa.func.to_char(sa.func.timezone(sa.literal_column("'UTC'"), _clamped(column, _MOMENTS)), shape)
        yield samples, sa.func.replace(written, sa.literal_column("'.000000'"), sa.literal_column("''"))


def _clamped(column: sa.ColumnElement[Any], limits: tuple[sa.ColumnElement[Any], ...]) -> sa.ColumnElement[Any]:
    """Infinity as the last day that Python knows: asyncpg reads it as that, and writes that as infinity."""
    least, greatest = limits
    return sa.case((column < least, least), (column > greatest, greatest), else_=column)


def _finite(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """JSON has no NaN and no infinity: null, as Pydantic writes them."""
    return sa.case((sa.func.abs(column) < sa.literal_column("'Infinity'"), column))


def _numeric(
    column: sa.ColumnElement[Any], numeric: sa.Numeric[Any]
) -> Iterator[tuple[Samples, sa.ColumnElement[Any]]]:
    # From the seventh decimal on, Python's Decimal may write an exponent (1E-7), which PostgreSQL never does.
    if numeric.asdecimal and numeric.scale is not None and numeric.scale <= 6:
        yield [(Decimal("1.50"), "1.50")], sa.cast(column, sa.Text)
    yield [(Decimal("1.50"), 1.5)], _finite(column)
    yield [(1.5, 1.5)], _finite(column)


def _array(column: sa.ColumnElement[Any], item_type: Any) -> Iterator[tuple[Samples, sa.ColumnElement[Any]]]:
    """Arrays of what PostgreSQL writes rightly by itself."""
    item = sa.column("item", item_type)
    for samples, expression in _forms(item):
        if expression is item:
            yield [([value], [written]) for value, written in samples], column
