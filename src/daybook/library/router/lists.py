"""Lists of saved links over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from daybook.accounts.authentication import LibraryAccess
from daybook.errors import NotFound
from daybook.library.enums import ContentType
from daybook.library.schemas import ContentRead
from daybook.library.service import contents
from daybook.tags.errors import TagNotFound
from daybook.tags.schemas import TagName
from daybook.web.page import JSON, Cursor, Limit, Page, page_json, page_links
from daybook.web.problem import problems
from daybook.web.schema import BigId, Day, Text
from daybook.web.session import sql_budget

router = APIRouter(prefix="/api", tags=["library"])


@router.get("/contents", response_model=Page[ContentRead], responses=problems(), openapi_extra=sql_budget(2))
async def list_contents(
    access: LibraryAccess,
    q: Annotated[
        Text | None,
        Query(max_length=200, description="Words to find in title, description, note and tags, all of them."),
    ] = None,
    tag: Annotated[TagName | None, Query(description="A tag's name.")] = None,
    content_type: Annotated[ContentType | None, Query(alias="type")] = None,
    bookmark: Annotated[bool | None, Query()] = None,
    first: Annotated[Day | None, Query(alias="from", description="The first day.")] = None,
    last: Annotated[Day | None, Query(alias="to", description="The last day, inclusive.")] = None,
    limit: Limit = 50,
    cursor: Cursor | None = None,
) -> Response:
    """The caller's contents, the newest first; those that are all of what is asked for."""
    page = await contents.read_some(
        access.reader,
        access.caller,
        limit=limit,
        cursor=cursor,
        search=q,
        tagname=tag,
        content_type=content_type,
        bookmark=bookmark,
        first=first,
        last=last,
    )
    return Response(page_json(page), media_type=JSON)


@router.get(
    "/contents/user/{user_id}/all",
    response_model=list[ContentRead],
    responses=problems(NotFound),
    openapi_extra=sql_budget(1),
)
async def list_contents_of_user(
    user_id: BigId, access: LibraryAccess, request: Request, limit: Limit = 50, cursor: Cursor | None = None
) -> Response:
    """All the caller's contents, the newest first, as a bare array. A Link header leads to the rest."""
    access.require_user(user_id)
    page = await contents.read_some(access.reader, access.caller, limit=limit, cursor=cursor)
    return Response(page.items, headers=page_links(page, request.scope), media_type=JSON)


@router.get(
    "/contents/bookmarks/user/{user_id}",
    response_model=list[ContentRead],
    responses=problems(NotFound),
    openapi_extra=sql_budget(1),
)
async def list_bookmarks_of_user(
    user_id: BigId, access: LibraryAccess, request: Request, limit: Limit = 50, cursor: Cursor | None = None
) -> Response:
    """The caller's bookmarked contents, the newest first, as a bare array. A Link header leads to the rest."""
    access.require_user(user_id)
    page = await contents.read_bookmarks(access.reader, access.caller, limit=limit, cursor=cursor)
    return Response(page.items, headers=page_links(page, request.scope), media_type=JSON)


@router.get(
    "/tags/{tag_id}/contents/all",
    response_model=list[ContentRead],
    responses=problems(TagNotFound),
    openapi_extra=sql_budget(2),
)
async def list_contents_of_tag(
    tag_id: BigId, access: LibraryAccess, request: Request, limit: Limit = 50, cursor: Cursor | None = None
) -> Response:
    """What has this tag, the newest first, as a bare array. A Link header leads to the rest."""
    page = await contents.read_tagged(access.database, access.caller, tag_id, limit=limit, cursor=cursor)
    return Response(page.items, headers=page_links(page, request.scope), media_type=JSON)
