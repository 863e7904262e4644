"""Tags over HTTP."""

from fastapi import APIRouter, Request, Response

from daybook.accounts.authentication import LibraryAccess, LibraryWriter
from daybook.errors import NotFound
from daybook.tags import service
from daybook.tags.errors import TagNameTaken, TagNotFound
from daybook.tags.models import Tag
from daybook.tags.schemas import TagCreate, TagMerge, TagRead, TagUpdate
from daybook.web.page import JSON, Cursor, Limit, Page, page_json, page_links
from daybook.web.problem import problems
from daybook.web.schema import BigId
from daybook.web.session import TheDatabase, WriteSession, sql_budget

router = APIRouter(prefix="/api/tags", tags=["tags"])


@router.get("", response_model=Page[TagRead], responses=problems(), openapi_extra=sql_budget(1))
async def list_tags(access: LibraryAccess, limit: Limit = 50, cursor: Cursor | None = None) -> Response:
    """The caller's tags, by name, with how often each is used."""
    page = await service.read_all(access.reader, access.caller, limit=limit, cursor=cursor)
    return Response(page_json(page), media_type=JSON)


@router.get("/user/{user_id}", response_model=list[TagRead], responses=problems(NotFound), openapi_extra=sql_budget(1))
async def list_tags_of_user(
    user_id: BigId, access: LibraryAccess, request: Request, limit: Limit = 50, cursor: Cursor | None = None
) -> Response:
    """The same as a bare array. A Link header leads to the rest."""
    access.require_user(user_id)
    page = await service.read_all(access.reader, access.caller, limit=limit, cursor=cursor)
    return Response(page.items, headers=page_links(page, request.scope), media_type=JSON)


@router.post(
    "",
    status_code=201,
    response_model=TagRead,
    responses={**problems(), 200: {"model": TagRead, "description": "There is a tag of this name already: that one."}},
    openapi_extra=sql_budget(2),
)
async def create_tag(new: TagCreate, caller: LibraryWriter, database: TheDatabase) -> Response:
    """Create a tag. If the caller has one of this name already, that one is returned."""
    tag_id, created = await service.create(database, caller, new)
    return Response(await service.read(database.reader, caller, tag_id), 201 if created else 200, media_type=JSON)


@router.patch(
    "/{tag_id}",
    response_model=TagRead,
    responses=problems(TagNotFound, TagNameTaken),
    openapi_extra=sql_budget(2),
)
async def update_tag(tag_id: BigId, changes: TagUpdate, caller: LibraryWriter, session: WriteSession) -> Tag:
    """Rename or recolor a tag, everywhere that it is used."""
    return await service.update(session, caller, tag_id, changes)


@router.delete("/{tag_id}", status_code=204, responses=problems(TagNotFound), openapi_extra=sql_budget(1))
async def delete_tag(tag_id: BigId, caller: LibraryWriter, database: TheDatabase) -> None:
    """Delete a tag. The links and meals that have it are kept."""
    await service.delete(database, caller, tag_id)


@router.post("/{tag_id}/merge", response_model=TagRead, responses=problems(TagNotFound), openapi_extra=sql_budget(5))
async def merge_tag(tag_id: BigId, merge: TagMerge, caller: LibraryWriter, session: WriteSession) -> Tag:
    """Merge a tag into another one, which is returned. The merged tag is deleted."""
    return await service.merge(session, caller, tag_id, merge.into)
