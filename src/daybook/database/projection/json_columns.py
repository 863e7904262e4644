"""How PostgreSQL writes a column so that it comes out as the schema itself would write it.

Nothing is assumed about the schema: its own serializer is given samples of what the driver returns for the
column's type, and what it makes of them is compared with what PostgreSQL would write. So a field with a
serializer of its own either comes out right or is refused when the projection is made.
"""

import contextlib
import json
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from daybook.database.compiled import DIALECT, StatementError

Samples = Sequence[tuple[object, object]]
"""Pairs of a value as the driver returns it and the JSON value that PostgreSQL makes of it."""

SAMPLED = (sa.Enum, sa.Boolean, sa.DateTime, sa.Float, sa.Numeric)
"""Types whose values are few, or are written by rules that samples show: fields of theirs may have serializers."""

_TEXT = '"한글 🍚"\n\\'
_NUMBERS = ("1.50", "0.00", "-0.01", "123456789.00")
_UUID = UUID("0192f0c1-7c3a-7def-8abc-0123456789ab")
_SAMPLE_MOMENTS = (
    datetime(2026, 11, 22, 8, 30, tzinfo=UTC),
    datetime(2026, 11, 22, 8, 30, 0, 120_000, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
)
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


def json_column(
    schema: type[BaseModel], field: str, column: sa.ColumnElement[Any], *, own_serializer: bool, null: bool
) -> sa.ColumnElement[Any]:
    """Return the expression whose JSON is what `schema` writes for the value of `column` in `field`.

    `own_serializer` says that the field does not leave that to Pydantic, `null` that the value may be null. Raises
    ProjectionError when the column's type has no such expression.
    """
    where = f"{schema.__name__}.{field}"
    if own_serializer and not isinstance(column.type, SAMPLED):
        raise ProjectionError(
            f"{where}: its serializer may look at the value, and PostgreSQL writes a column of type {column.type!r} as "
            "it is. Leave the serializer away, map its expression with column_property, or read entities."
        )
    if _holds_any_text(column.type):
        raise ProjectionError(
            f"{where}: nothing keeps the database from holding text that is no member of {column.type!r}. Declare the "
            "type with create_constraint=True, or as a native one."
        )
    tried: list[str] = []
    for samples, expression in _forms(column):
        try:
            written = [_written(schema, field, value) for value, _ in samples]
            written_null = _written(schema, field, None) if null and own_serializer else None
        except PydanticSerializationError:
            tried.append(f"it does not take {samples[0][0]!r}")
            continue
        differing = [pair for pair in zip(written, samples, strict=True) if not _same(pair[0], pair[1][1])]
        if not differing and written_null is None:
            return expression
        for value, (_, expected) in [*differing, (written_null, (None, None))][:1]:
            tried.append(f"it writes {value!r} where PostgreSQL writes {expected!r}")
    if not tried:
        raise ProjectionError(
            f"{where}: columns of type {column.type!r} are not supported; leave the field out, or read entities."
        )
    raise ProjectionError(
        f"{where}: the schema and a column of type {column.type!r} do not go together: {'; '.join(tried)}. "
        "Change the field's type or serializer, or read entities."
    )


def _holds_any_text(kind: Any) -> bool:
    """Whether a column of an enumeration is one of plain text; a check that SQLAlchemy makes is none of an array's."""
    if isinstance(kind, sa.ARRAY):
        return isinstance(kind.item_type, sa.Enum) and not kind.item_type.native_enum
    return isinstance(kind, sa.Enum) and not kind.native_enum and not kind.create_constraint


def _written(schema: type[BaseModel], field: str, value: object) -> object:
    """What the schema writes for a value, once it has made of it what its type does."""
    declared: Any = schema.model_fields[field].annotation
    with contextlib.suppress(ValidationError, PydanticUserError):  # constraints are the database's, or the stored rows'
        value = TypeAdapter(declared, config=schema.model_config).validate_python(value)
    values: dict[str, Any] = {field: value}
    text = schema.model_construct(**values).model_dump_json(by_alias=False, include={field}, warnings="error")
    return json.loads(text)[field]


def _same(one: object, other: object) -> bool:
    """Whether two JSON values are equal; true is no number."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _forms(column: sa.ColumnElement[Any]) -> Iterator[tuple[Samples, sa.ColumnElement[Any]]]:
    """The ways in which PostgreSQL can write such a column, the usual one first."""
    match column.type:
        case sa.Enum(enum_class=type() as words) if len({type(member.value) for member in words} & {str, int}) == 1:
            yield _enum(column, words)
        case sa.String():
            yield [(_TEXT, _TEXT)], column
        case sa.Boolean():
            yield [(True, True), (False, False)], column
        case sa.Integer():
            yield [(7, 7), (0, 0)], column
            yield [(7.0, 7.0)], column
        case sa.Uuid(as_uuid=as_uuid):
            yield [(_UUID if as_uuid else str(_UUID), str(_UUID))], column
        case sa.Date():
            yield [(date(2026, 11, 22), "2026-11-22")], _clamped(column, _DATES)
        case sa.DateTime(timezone=True):
            yield from _moments(column)
        case sa.Float():
            # real would be written with its own few digits; the driver returns it as a double, and so do we.
            samples = [(number, number) for number in (0.1, 0.0, -1e6, 1e-9)]
            yield [*samples, (math.inf, None), (math.nan, None)], _finite(sa.cast(column, sa.Double))
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
        text = sa.cast(column, sa.Text)
        # A label that is newer than this code is shown as it is, or fails to be a number; it is not null.
        newer = sa.cast(text, sa.Integer) if all(isinstance(value, int) for value in values.values()) else text
        expression = sa.case(
            {_constant(label): _constant(value) for label, value in values.items()}, value=text, else_=newer
        )
    return [(member, member.value) for member in words], expression


def _constant(value: object) -> sa.ColumnElement[Any]:
    quoted = "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)
    return sa.literal_column(quoted)


def _moments(column: sa.ColumnElement[Any]) -> Iterator[tuple[Samples, sa.ColumnElement[Any]]]:
    """PostgreSQL's JSON has as many digits of a second as are needed; Python writes six or none.

    In its own form it is in the session's time zone, which the engine sets to UTC, and any other tells the same moment.
    """
    texts = {moment: moment.isoformat() for moment in _SAMPLE_MOMENTS}
    shortest = {
        moment: f"{text[:26].rstrip('0')}{text[26:]}" if moment.microsecond else text for moment, text in texts.items()
    }
    yield list(shortest.items()), _clamped(column, _MOMENTS)
    for offset in ("+00:00", "Z"):
        samples = [(moment, text.removesuffix("+00:00") + offset) for moment, text in texts.items()]
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
        yield [(Decimal(text), text) for text in _NUMBERS], sa.cast(column, sa.Text)
    # The driver's value is a float where the column says asdecimal=False, and a Decimal else.
    number = Decimal if numeric.asdecimal else float
    yield [(number(text), float(text)) for text in _NUMBERS], _finite(column)


def _array(column: sa.ColumnElement[Any], item_type: Any) -> Iterator[tuple[Samples, sa.ColumnElement[Any]]]:
    """Arrays of what PostgreSQL writes rightly by itself."""
    item = sa.column("item", item_type)
    for samples, expression in _forms(item):
        if expression is item:
            yield [([value], [written]) for value, written in samples], column
