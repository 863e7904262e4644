"""Tags over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from daybook.accounts.authentication import LibraryAccess, LibraryEditor, LibraryWriter
from daybook.errors import NotFound
from daybook.tags import service
from daybook.tags.errors import TagNameTaken, TagNotFound
from daybook.tags.models import Tag
from daybook.tags.projections import TAG, TAGS
from daybook.tags.schemas import TagCreate, TagMerge, TagRead, TagUpdate
from daybook.web.hot import hot
from daybook.web.page import Page, PageQuery, array_response, json_response, page_response
from daybook.web.problem import problems
from daybook.web.schema import BigId
from daybook.web.session import TheDatabase, WriteSession, statement_budget

router = APIRouter(prefix="/api/tags", tags=["tags"])


@router.get("", response_model=Page[TagRead], responses=problems(), openapi_extra=statement_budget(1))
@hot
async def list_tags(access: LibraryAccess, query: Annotated[PageQuery, Query()]) -> Response:
    """List your tags by name, with how often each is used."""
    page = await TAGS.page(access.reader, limit=query.limit, cursor=query.cursor, user_id=access.caller.user_id)
    return page_response(page)


@router.get(
    "/user/{user_id}", response_model=list[TagRead], responses=problems(NotFound), openapi_extra=statement_budget(1)
)
@hot
async def list_tags_of_user(
    user_id: BigId, access: LibraryAccess, query: Annotated[PageQuery, Query()], request: Request
) -> Response:
    """List your tags as a bare array. A `Link` header leads to the next page."""
    access.require_user(user_id)
    page = await TAGS.page(access.reader, limit=query.limit, cursor=query.cursor, user_id=user_id)
    return array_response(page, request)


@router.post(
    "",
    status_code=201,
    response_model=TagRead,
    responses={**problems(), 200: {"model": TagRead, "description": "You have a tag of this name already: that one."}},
    openapi_extra=statement_budget(2),
)
async def create_tag(new: TagCreate, caller: LibraryWriter, database: TheDatabase) -> Response:
    """Create a tag. If you have one of this name already, that one is returned."""
    tag_id, created = await service.create(database, caller, new)
    tag = await TAG.one(database.reader, or_raise=TagNotFound, user_id=caller.user_id, id=tag_id)
    return json_response(tag, 201 if created else 200)


@router.patch(
    "/{tag_id}",
    response_model=TagRead,
    responses=problems(TagNotFound, TagNameTaken),
    openapi_extra=statement_budget(2),
)
async def update_tag(tag_id: BigId, changes: TagUpdate, caller: LibraryEditor, session: WriteSession) -> Tag:
    """Update a tag. Everything that has it shows the new name and color."""
    return await service.update(session, caller, tag_id, changes)


@router.delete("/{tag_id}", status_code=204, responses=problems(TagNotFound), openapi_extra=statement_budget(1))
async def delete_tag(tag_id: BigId, caller: LibraryWriter, database: TheDatabase) -> None:
    """Delete a tag. The links and meals that have it are kept."""
    await service.delete(database, caller, tag_id)


@router.post(
    "/{tag_id}/merge", response_model=TagRead, responses=problems(TagNotFound), openapi_extra=statement_budget(5)
)
async def merge_tag(tag_id: BigId, merge: TagMerge, caller: LibraryEditor, session: WriteSession) -> Tag:
    """Merge a tag into another one. Everything that has it gets the other tag, and the tag is deleted."""
    return await service.merge(session, caller, tag_id, merge.into)
