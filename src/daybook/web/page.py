"""Keyset pages: a cursor is the sort key of the last row seen, so that page 1,000 costs what page 1 does."""

from collections.abc import Mapping
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

import orjson
from fastapi import Request, Response
from pydantic import ConfigDict, Field

from daybook.database.projection import KeysetPage
from daybook.web.schema import Schema

JSON = "application/json"
"""The media type of what a projection returns."""

Item = TypeVar("Item")

# 300, for the page that the benchmark compares is of 300; it takes a few milliseconds and no entity.
Limit = Annotated[int, Field(ge=1, le=300, description="How many to return at most.")]
Cursor = Annotated[
    str, Field(max_length=500, description="`nextCursor` of the page before; without it, the first page.")
]


class Page(Schema, Generic[Item]):
    """Some items of a list, and where it goes on."""

    items: list[Item]
    next_cursor: Annotated[str | None, Field(description="Pass it as `cursor` for more; null at the end.")] = None


class PageQuery(Schema):
    """Which part of a list is asked for."""

    model_config = ConfigDict(extra="ignore")  # of an unknown parameter nothing is lost, and links may carry some

    limit: Limit = 50
    cursor: Cursor | None = None


def json_response(body: bytes, status: int = 200) -> Response:
    """Return the answer whose body is JSON already."""
    return Response(body, status, media_type=JSON)


def page_response(page: KeysetPage) -> Response:
    """Return a page as `Page`."""
    return json_response(page_json(page))


def array_response(page: KeysetPage, request: Request) -> Response:
    """Return a page as a bare array, whose `Link` header (RFC 8288) leads to the next page, if there is one."""
    return Response(page.items, headers=page_links(page, request.scope), media_type=JSON)


def page_json(page: KeysetPage) -> bytes:
    """Return the body of a page that a projection read: `Page`, without a model in between."""
    cursor = orjson.dumps(page.next_cursor)
    return b'{"items":' + page.items + b',"nextCursor":' + cursor + b"}"


def page_links(page: KeysetPage, scope: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the headers, if any, of a page whose body is a bare array: a Link (RFC 8288) to the next, if there is one.

    `scope` is the ASGI scope of the request, from which the next one differs by its cursor.
    """
    if page.next_cursor is None:
        return None
    query = dict(parse_qsl(scope["query_string"].decode())) | {"cursor": page.next_cursor}
    return {"Link": f'<{scope["path"]}?{urlencode(query)}>; rel="next"'}
