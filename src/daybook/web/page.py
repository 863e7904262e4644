"""Keyset pages: a cursor is the sort key of the last row seen, so that page 1,000 costs what page 1 does."""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

import orjson
from pydantic import Field, TypeAdapter, ValidationError

from daybook.database.projection import KeysetPage
from daybook.errors import InvalidInput
from daybook.web.schema import Schema

JSON = "application/json"
"""The media type of what a projection returns."""

Item = TypeVar("Item")
Key = TypeVar("Key")

# 300, for the page that the benchmark compares is of 300; it takes a few milliseconds and no entity.
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
    return base64.urlsafe_b64encode(orjson.dumps(key)).rstrip(b"=").decode()


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


def page_json(page: KeysetPage) -> bytes:
    """Return the body of a page that a projection read: `Page`, without a model in between."""
    cursor = orjson.dumps(encode_cursor(*page.next_key) if page.next_key else None)
    return b'{"items":' + page.items + b',"nextCursor":' + cursor + b"}"


def page_links(page: KeysetPage, scope: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the headers, if any, of a page whose body is a bare array: a Link (RFC 8288) to the next, if there is one.

    `scope` is the ASGI scope of the request, from which the next one differs by its cursor.
    """
    if page.next_key is None:
        return None
    query = dict(parse_qsl(scope["query_string"].decode())) | {"cursor": encode_cursor(*page.next_key)}
    return {"Link": f'<{scope["path"]}?{urlencode(query)}>; rel="next"'}
