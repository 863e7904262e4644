"""Lists of saved links over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from daybook.accounts.authentication import LibraryAccess
from daybook.errors import NotFound
from daybook.library.enums import ContentType
from daybook.library.projections import BOOKMARKS, CONTENTS
from daybook.library.schemas import ContentRead
from daybook.library.search import MAX_LENGTH
from daybook.library.service import contents
from daybook.tags.errors import TagNotFound
from daybook.tags.schemas import TagName
from daybook.web.hot import hot
from daybook.web.page import Page, PageQuery, array_response, page_response
from daybook.web.problem import problems
from daybook.web.schema import BigId, Day, Text
from daybook.web.session import statement_budget

router = APIRouter(prefix="/api", tags=["library"])


class ContentQuery(PageQuery):
    """Which links a list holds: those that meet every criterion."""

    q: Annotated[
        Text | None,
        Field(
            max_length=MAX_LENGTH,
            description="Words to find in the title, the description, the note or the tags: all of them. Of a "
            "very long text, the first 20,000 characters (as compared: without ligatures, say) are searched.",
            examples=["김치찌개"],
        ),
    ] = None
    tag: Annotated[TagName | None, Field(description="The name of a tag.")] = None
    content_type: Annotated[ContentType | None, Field(alias="type", description="Only videos, or only posts.")] = None
    bookmark: Annotated[bool | None, Field(description="Only links with a bookmark, or only those without.")] = None
    first: Annotated[Day | None, Field(alias="from", description="The first day.")] = None
    last: Annotated[Day | None, Field(alias="to", description="The last day, inclusive.")] = None


@router.get("/contents", response_model=Page[ContentRead], responses=problems(), openapi_extra=statement_budget(2))
@hot
async def list_contents(query: Annotated[ContentQuery, Query()], access: LibraryAccess) -> Response:
    """List saved links, newest first.

    Links must meet every criterion given. A search matches the beginnings of words, and Korean anywhere in them.
    """
    return page_response(await contents.find(access.reader, access.caller, **dict(query)))


@router.get(
    "/contents/user/{user_id}/all",
    response_model=list[ContentRead],
    responses=problems(NotFound),
    openapi_extra=statement_budget(1),
)
@hot
async def list_contents_of_user(
    user_id: BigId, query: Annotated[PageQuery, Query()], access: LibraryAccess, request: Request
) -> Response:
    """List all saved links as an array, newest first. The user must be the caller."""
    access.require_user(user_id)
    page = await CONTENTS.page(access.reader, user_id=access.caller.user_id, limit=query.limit, cursor=query.cursor)
    return array_response(page, request)


@router.get(
    "/contents/bookmarks/user/{user_id}",
    response_model=list[ContentRead],
    responses=problems(NotFound),
    openapi_extra=statement_budget(1),
)
@hot
async def list_bookmarks_of_user(
    user_id: BigId, query: Annotated[PageQuery, Query()], access: LibraryAccess, request: Request
) -> Response:
    """List bookmarked links as an array, newest first. The user must be the caller."""
    access.require_user(user_id)
    page = await BOOKMARKS.page(access.reader, user_id=access.caller.user_id, limit=query.limit, cursor=query.cursor)
    return array_response(page, request)


@router.get(
    "/tags/{tag_id}/contents/all",
    response_model=list[ContentRead],
    responses=problems(TagNotFound),
    openapi_extra=statement_budget(2),
)
@hot
async def list_contents_of_tag(
    tag_id: BigId, query: Annotated[PageQuery, Query()], access: LibraryAccess, request: Request
) -> Response:
    """List the links with a tag as an array, newest first."""
    page = await contents.tagged(access.database, access.caller, tag_id, limit=query.limit, cursor=query.cursor)
    return array_response(page, request)
