"""Keyset pages: a cursor is the sort key of the last row seen, so that page 1,000 costs what page 1 does."""

import base64
import binascii
from typing import Annotated, Generic, TypeVar
from urllib.parse import urlencode

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from daybook.errors import InvalidInput
from daybook.web.schema import Schema

Item = TypeVar("Item")
Key = TypeVar("Key")

Limit = Annotated[int, Field(ge=1, le=300, description="How many to return at most.")]
Cursor = Annotated[
    str, Field(max_length=500, description="`nextCursor` of the page before; without it, the first page.")
]


class Page(Schema, Generic[Item]):
    """Some items of a list, and where it goes on."""

    items: list[Item]
    next_cursor: Annotated[str | None, Field(description="Pass it as `cursor` for more; null at the end.")] = None


def encode_cursor(*key: object) -> str:
    """Return the opaque cursor that stands for a row's sort key."""
    # default: asyncpg's UUID is a class of its own, which orjson does not know.
    return base64.urlsafe_b64encode(orjson.dumps(key, default=str)).rstrip(b"=").decode()


def decode_cursor(cursor: str, key: TypeAdapter[Key]) -> Key:
    """Return the sort key in a cursor; InvalidInput when it is not one that `encode_cursor` made for this list."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        return key.validate_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeEncodeError, ValidationError) as error:
        raise InvalidInput(
            "The cursor is not one that this list gave.",
            errors=[{"loc": ["query", "cursor"], "message": "take it from nextCursor, unchanged"}],
        ) from error


def next_link(path: str, query: dict[str, str], cursor: str) -> str:
    """Return the Link header (RFC 8288) of a list whose body is a bare array."""
    return f'<{path}?{urlencode({**query, "cursor": cursor})}>; rel="next"'
