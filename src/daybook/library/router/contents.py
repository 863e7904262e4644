"""Saved links over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import ConfigDict

from daybook.accounts.authentication import LibraryAccess, LibraryEditor, LibraryWriter
from daybook.library.errors import (
    ContentNotFound,
    PageRefused,
    PageTimeout,
    PageUnreachable,
    PageUnreadable,
    URLTaken,
)
from daybook.library.models import Content
from daybook.library.pages.fetcher import PageFetcher
from daybook.library.pages.preview import preview
from daybook.library.projections import CONTENT, CONTENT_AT
from daybook.library.schemas import (
    MAX_BULK,
    URL,
    BulkCreate,
    BulkResults,
    ContentCreate,
    ContentPreview,
    ContentRead,
    ContentUpdate,
    PreviewRequest,
)
from daybook.library.search import MOST_TERMS
from daybook.library.service import contents
from daybook.library.service.save_links import TERMS
from daybook.library.urls import normalized
from daybook.web.hot import hot
from daybook.web.page import json_response
from daybook.web.problem import problems
from daybook.web.schema import BigId, Schema
from daybook.web.session import Now, TheDatabase, WriteSession, statement_budget

router = APIRouter(prefix="/api/contents", tags=["library"])


async def get_page_fetcher(request: Request) -> PageFetcher:
    """Return the process's page fetcher."""
    fetcher: PageFetcher = request.state.page_fetcher
    return fetcher


class LookupQuery(Schema):
    """The page to look up."""

    model_config = ConfigDict(extra="ignore")  # as of lists: see PageQuery

    url: URL


@router.post(
    "",
    status_code=201,
    response_model=ContentRead,
    responses={**problems(), 200: {"model": ContentRead, "description": "The page was saved before; unchanged."}},
    openapi_extra=statement_budget(3),
)
async def save_content(new: ContentCreate, caller: LibraryWriter, database: TheDatabase, now: Now) -> Response:
    """Save a link. A page that is saved already, under any spelling of its address, is returned unchanged."""
    saved = await contents.save(database, caller, new, now)
    body = await CONTENT.one(database.reader, ContentNotFound, user_id=caller.user_id, id=saved.id)
    return json_response(body, 201 if saved.created else 200)


@router.post(
    "/bulk",
    response_model=BulkResults,
    responses=problems(),
    openapi_extra=statement_budget(MAX_BULK * MOST_TERMS // TERMS + 1),
)
async def save_contents(batch: BulkCreate, caller: LibraryWriter, database: TheDatabase, now: Now) -> BulkResults:
    """Save up to 500 links in one transaction. Invalid links are reported and do not keep the others out."""
    return await contents.save_bulk(database, caller, batch, now)


@router.post(
    "/preview",
    response_model=ContentPreview,
    responses=problems(PageRefused, PageUnreadable, PageUnreachable, PageTimeout),
    openapi_extra=statement_budget(0),
)
async def preview_content(
    page: PreviewRequest, _caller: LibraryWriter, fetcher: Annotated[PageFetcher, Depends(get_page_fetcher)]
) -> ContentPreview:
    """Preview a page: fetch it and return its metadata. Nothing is saved."""
    return ContentPreview.model_validate(await preview(fetcher, page.url))


@router.get(
    "/lookup", response_model=ContentRead, responses=problems(ContentNotFound), openapi_extra=statement_budget(1)
)
@hot
async def look_up_content(query: Annotated[LookupQuery, Query()], access: LibraryAccess) -> Response:
    """Find the saved link to a page. Browser extensions call this for the page in view."""
    content = await CONTENT_AT.one(
        access.reader,
        lambda: ContentNotFound("You have not saved this page."),
        user_id=access.caller.user_id,
        url_key=normalized(query.url),
    )
    return json_response(content)


@router.get(
    "/{content_id}", response_model=ContentRead, responses=problems(ContentNotFound), openapi_extra=statement_budget(1)
)
@hot
async def get_content(content_id: BigId, access: LibraryAccess) -> Response:
    """Get a saved link."""
    return json_response(
        await CONTENT.one(access.reader, ContentNotFound, user_id=access.caller.user_id, id=content_id)
    )


@router.patch(
    "/{content_id}",
    response_model=ContentRead,
    responses=problems(ContentNotFound, URLTaken),
    openapi_extra=statement_budget(10),
)
async def update_content(
    content_id: BigId, changes: ContentUpdate, caller: LibraryEditor, session: WriteSession
) -> Content:
    """Update a saved link. Fields that are left out keep their values; tags are replaced as a whole."""
    return await contents.update(session, caller, content_id, changes)


@router.delete("/{content_id}", status_code=204, responses=problems(ContentNotFound), openapi_extra=statement_budget(1))
async def delete_content(content_id: BigId, caller: LibraryWriter, database: TheDatabase) -> None:
    """Delete a saved link."""
    await contents.delete(database, caller, content_id)


@router.put(
    "/{content_id}/bookmark", status_code=204, responses=problems(ContentNotFound), openapi_extra=statement_budget(1)
)
async def bookmark_content(content_id: BigId, caller: LibraryWriter, database: TheDatabase) -> None:
    """Bookmark a saved link."""
    await contents.set_bookmark(database, caller, content_id, bookmark=True)


@router.delete(
    "/{content_id}/bookmark", status_code=204, responses=problems(ContentNotFound), openapi_extra=statement_budget(1)
)
async def remove_bookmark(content_id: BigId, caller: LibraryWriter, database: TheDatabase) -> None:
    """Remove the bookmark of a saved link. The link is kept."""
    await contents.set_bookmark(database, caller, content_id, bookmark=False)
