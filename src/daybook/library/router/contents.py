"""Saved links over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from daybook.accounts.authentication import LibraryAccess, LibraryWriter
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
from daybook.library.schemas import (
    URL,
    BulkCreate,
    BulkResults,
    ContentCreate,
    ContentPreview,
    ContentRead,
    ContentUpdate,
    PreviewRequest,
)
from daybook.library.service import contents
from daybook.web.page import JSON
from daybook.web.problem import problems
from daybook.web.schema import BigId
from daybook.web.session import Now, TheDatabase, WriteSession, sql_budget

router = APIRouter(prefix="/api/contents", tags=["library"])


async def get_page_fetcher(request: Request) -> PageFetcher:
    """Return the process's page fetcher."""
    fetcher: PageFetcher = request.state.page_fetcher
    return fetcher


Pages = Annotated[PageFetcher, Depends(get_page_fetcher)]


@router.post(
    "",
    status_code=201,
    response_model=ContentRead,
    responses={**problems(), 200: {"model": ContentRead, "description": "The page is saved already: as it is there."}},
    openapi_extra=sql_budget(3),
)
async def save_content(new: ContentCreate, caller: LibraryWriter, database: TheDatabase, now: Now) -> Response:
    """Save a link. The same page again, however its address is written, is the one that is there."""
    saved = await contents.save(database, caller, new, now)
    body = await contents.read(database.reader, caller, saved.id)
    return Response(body, 201 if saved.created else 200, media_type=JSON)


@router.post("/bulk", response_model=BulkResults, responses=problems(), openapi_extra=sql_budget(2))
async def save_contents(sent: BulkCreate, caller: LibraryWriter, database: TheDatabase, now: Now) -> BulkResults:
    """Save up to 500 links in one transaction; what became of each. A bad one does not keep the others out."""
    return await contents.save_bulk(database, caller, sent, now)


@router.post(
    "/preview",
    response_model=ContentPreview,
    responses=problems(PageRefused, PageUnreadable, PageUnreachable, PageTimeout),
    openapi_extra=sql_budget(0),
)
async def preview_content(wanted: PreviewRequest, _caller: LibraryWriter, pages: Pages) -> ContentPreview:
    """Fetch a page and say what it says about itself. Nothing is saved."""
    return ContentPreview.model_validate(await preview(pages, wanted.url))


@router.get("/lookup", response_model=ContentRead, responses=problems(ContentNotFound), openapi_extra=sql_budget(1))
async def look_up_content(url: Annotated[URL, Query()], access: LibraryAccess) -> Response:
    """The caller's content of this page, if it is saved: what a browser extension's badge asks."""
    return Response(await contents.lookup(access.reader, access.caller, url), media_type=JSON)


@router.get(
    "/{content_id}", response_model=ContentRead, responses=problems(ContentNotFound), openapi_extra=sql_budget(1)
)
async def get_content(content_id: BigId, access: LibraryAccess) -> Response:
    """One content."""
    return Response(await contents.read(access.reader, access.caller, content_id), media_type=JSON)


@router.patch(
    "/{content_id}",
    response_model=ContentRead,
    responses=problems(ContentNotFound, URLTaken),
    openapi_extra=sql_budget(10),
)
async def update_content(
    content_id: BigId, changes: ContentUpdate, caller: LibraryWriter, session: WriteSession
) -> Content:
    """Update a link: the fields that are sent. Tags are replaced as a whole."""
    return await contents.update(session, caller, content_id, changes)


@router.delete("/{content_id}", status_code=204, responses=problems(ContentNotFound), openapi_extra=sql_budget(1))
async def delete_content(content_id: BigId, caller: LibraryWriter, session: WriteSession) -> None:
    """Delete a content."""
    await contents.delete(session, caller, content_id)


@router.put("/{content_id}/bookmark", status_code=204, responses=problems(ContentNotFound), openapi_extra=sql_budget(1))
async def bookmark_content(content_id: BigId, caller: LibraryWriter, session: WriteSession) -> None:
    """Bookmark a content."""
    await contents.set_bookmark(session, caller, content_id, bookmark=True)


@router.delete(
    "/{content_id}/bookmark", status_code=204, responses=problems(ContentNotFound), openapi_extra=sql_budget(1)
)
async def remove_bookmark(content_id: BigId, caller: LibraryWriter, session: WriteSession) -> None:
    """Take the bookmark away; the content stays."""
    await contents.set_bookmark(session, caller, content_id, bookmark=False)
