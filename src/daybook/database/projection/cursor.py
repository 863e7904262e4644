"""Cursors: the sort key of a page's last row, as the opaque text by which a client asks for the next page.

What a cursor may hold follows from the columns that a list is ordered by, so that one that a client made up is refused
here and never reaches the database.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, TypeVar
from uuid import UUID

import orjson
import sqlalchemy as sa
from pydantic import AfterValidator, AwareDatetime, Field, FiniteFloat, NaiveDatetime, TypeAdapter, ValidationError

from daybook.database.compiled import DIALECT
from daybook.database.projection.json_columns import ProjectionError
from daybook.errors import FieldError, InvalidCursor

Key = TypeVar("Key")

_HALF_PAIR = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class KeysetPage:
    """Some items of a list, and where it goes on."""

    items: bytes
    """A JSON array."""
    next_key: tuple[object, ...] | None
    """The sort key of the last item, to be given as `after` for the next page; None at the end of the list."""

    @property
    def next_cursor(self) -> str | None:
        """The same as text, to be given as `cursor`; None at the end of the list."""
        return None if self.next_key is None else encode_cursor(*self.next_key)


def encode_cursor(*key: object) -> str:
    """Return the opaque text that stands for a sort key."""
    text = orjson.dumps(key, default=_text, option=orjson.OPT_PASSTHROUGH_DATETIME)
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def decode_cursor(cursor: str, key: TypeAdapter[Key]) -> Key:
    """Return the sort key in a cursor; InvalidCursor for text that `encode_cursor` did not make of such a key."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return key.validate_json(base64.b64decode(padded, altchars=b"-_", validate=True), strict=True)
    except (binascii.Error, UnicodeEncodeError, ValidationError) as error:
        raise InvalidCursor(errors=[FieldError(("cursor",), "take it from nextCursor, unchanged")]) from error


def _text(value: object) -> str:
    # Also of dates and times: orjson 3.13 writes the time 00:00:00.01 as 00:00:00.10000.
    return value.isoformat() if isinstance(value, date | time) else str(value)


def key_adapter(columns: Sequence[sa.ColumnElement[Any]]) -> TypeAdapter[tuple[Any, ...]]:
    """Return what decodes the sort keys of a list that is ordered by these columns.

    Raises ProjectionError for a column of a type that no cursor can hold.
    """
    types: Any = tuple(map(_key_type, columns))
    return TypeAdapter(tuple[types])


def _key_type(column: sa.ColumnElement[Any]) -> Any:
    """The type of a sort key's value: exactly what the column can be compared with."""
    match column.type:
        case sa.Enum() as enum:
            return Annotated[str, AfterValidator(_Member(enum))]
        case sa.String():
            return Annotated[str, AfterValidator(_storable)]
        case sa.Boolean():
            return bool
        case sa.Integer() as integer:
            bits = 63 if isinstance(integer, sa.BigInteger) else 15 if isinstance(integer, sa.SmallInteger) else 31
            return Annotated[int, Field(ge=_least(column, -(2**bits)), le=2**bits - 1)]
        case sa.Uuid():
            return UUID
        case sa.Date():
            return date
        case sa.DateTime(timezone=True):
            return Annotated[AwareDatetime, AfterValidator(_utc)]
        case sa.DateTime():
            return NaiveDatetime
        case sa.Time(timezone=False):
            return time
        case sa.Float():
            return FiniteFloat
        case sa.Numeric():
            # As many digits as PostgreSQL's numeric has in its largest declared form.
            return Annotated[Decimal, Field(allow_inf_nan=False, max_digits=1000)]
    raise ProjectionError(
        f"a page cannot be ordered by {column}: no cursor holds a {column.type!r}. Order by another column, or say "
        "pages=False."
    )


def _least(column: sa.ColumnElement[Any], least: int) -> int:
    """An id that only the database gives begins at 1."""
    identity = column.identity if isinstance(column, sa.Column) else None
    return 1 if identity is not None and identity.always and identity.start is None else least


def _storable(text: str) -> str:
    if "\x00" in text or _HALF_PAIR.search(text):
        raise ValueError("PostgreSQL holds no NUL, and UTF-8 no half of a surrogate pair")
    return text


def _utc(moment: datetime) -> datetime:
    """The same moment in UTC, which the first and the last day of all may not have."""
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error


class _Member:
    """From the label that the database holds to what SQLAlchemy compares a column of an enumeration with."""

    def __init__(self, enum: sa.Enum) -> None:
        to_label = enum.dialect_impl(DIALECT).bind_processor(DIALECT)
        members = enum.enum_class or enum.enums
        self._members = {str(to_label(member)) if to_label else member: member for member in members}

    def __call__(self, label: str) -> object:
        if label not in self._members:
            raise ValueError("no label of this enumeration")
        return self._members[label]
