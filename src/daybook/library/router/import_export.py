"""Importing and exporting a library over HTTP."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import UploadFile

from daybook.accounts.authentication import LibraryAccess, LibraryReader, LibraryWriter
from daybook.errors import FieldError, InvalidInput, RateLimited
from daybook.library.bookmark_files import BookmarkFormat, writer_for
from daybook.library.errors import ImportNotFound, ImportUnreadable
from daybook.library.imports import service
from daybook.library.imports.export import export
from daybook.library.imports.worker import Importer
from daybook.library.projections import IMPORT, IMPORTS
from daybook.library.schemas import ImportRead
from daybook.tags.schemas import TagName
from daybook.web.page import Page, PageQuery, json_response, page_response
from daybook.web.problem import problems
from daybook.web.session import TheDatabase, statement_budget

router = APIRouter(prefix="/api", tags=["library"])

FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "Bookmarks as browsers export them (HTML), Pocket's CSV, or Daybook's JSON.",
                        },
                        "tag": {
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 50,
                            "description": "A tag that every link of the file gets.",
                            "examples": ["요리"],
                        },
                    },
                }
            }
        },
    }
}
EXPORTED: dict[str, dict[str, Any]] = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["version", "contents"],
            "properties": {
                "version": {"type": "integer", "const": 1},
                "contents": {
                    "type": "array",
                    "items": {"type": "object"},
                    "description": "The links, each with the fields that POST /api/contents takes, and its times.",
                },
            },
        }
    },
    "text/html": {
        "schema": {"type": "string", "description": "Netscape bookmark HTML, which every browser can import."}
    },
    "text/csv": {"schema": {"type": "string", "description": "CSV in Pocket's format."}},
}
"""The OpenAPI of the export by its media type."""
ACCEPTED: dict[str, Any] = {
    "description": "The import, which is waiting.",
    "headers": {"Location": {"description": "The address of the import.", "schema": {"type": "string"}}},
}
OPTIONAL_TAG = TypeAdapter(TagName | None)


async def get_importer(request: Request) -> Importer:
    """Return the process's importer."""
    importer: Importer = request.state.importer
    return importer


# Three operations have no statement budget: an import takes a statement for each megabyte of its file, and an export
# and the events of an import depend on how much there is and how long it takes.


@router.post(
    "/contents/import",
    status_code=202,
    response_model=ImportRead,
    responses={**problems(ImportUnreadable, RateLimited), 202: ACCEPTED},
    openapi_extra=FILE_BODY,
)
async def import_contents(
    request: Request,
    caller: LibraryWriter,
    database: TheDatabase,
    importer: Annotated[Importer, Depends(get_importer)],
) -> Response:
    """Import a file of links in the background.

    Links that are in the library already are not changed, but get the tags of the file. `GET /api/imports/{import_id}`
    shows the progress.
    """
    # Not as parameters: FastAPI reads a form of any length before it asks who is sending it.
    async with request.form(max_files=1, max_fields=1) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidInput("The form has no file called file.")
        import_id = await importer.receive(
            caller, file.file, filename=file.filename, size=file.size or 0, tag=_tag(form.get("tag"))
        )
    accepted = await IMPORT.one(database.reader, ImportNotFound, user_id=caller.user_id, id=import_id)
    response = json_response(accepted, 202)
    response.headers["Location"] = f"/api/imports/{import_id}"
    return response


def _tag(field: object) -> str | None:
    try:
        return OPTIONAL_TAG.validate_python(field or None)
    except ValidationError as error:
        errors = [FieldError(("tag",), problem["msg"]) for problem in error.errors()]
        raise InvalidInput(f"tag: {errors[0].message}.", errors=errors) from None


@router.get("/imports", response_model=Page[ImportRead], responses=problems(), openapi_extra=statement_budget(1))
async def list_imports(query: Annotated[PageQuery, Query()], access: LibraryAccess) -> Response:
    """List imports, newest first."""
    page = await IMPORTS.page(access.reader, user_id=access.caller.user_id, limit=query.limit, cursor=query.cursor)
    return page_response(page)


@router.get(
    "/imports/{import_id}",
    response_model=ImportRead,
    responses=problems(ImportNotFound),
    openapi_extra=statement_budget(1),
)
async def get_import(import_id: UUID, access: LibraryAccess) -> Response:
    """Get an import and its progress."""
    return json_response(await IMPORT.one(access.reader, ImportNotFound, user_id=access.caller.user_id, id=import_id))


async def _progress(import_id: UUID, caller: LibraryReader, database: TheDatabase) -> ImportRead:
    """The import as it is before the answer begins: once it has begun, it could not be a 404 any more."""
    return await service.progress(database, caller, import_id)


@router.get("/imports/{import_id}/events", response_class=EventSourceResponse, responses=problems(ImportNotFound))
async def follow_import(
    seen: Annotated[ImportRead, Depends(_progress)], caller: LibraryReader, database: TheDatabase
) -> AsyncIterator[ServerSentEvent]:
    """Follow an import by server-sent events.

    `progress` is sent whenever the import has advanced, `done` once at its end. The data of each event is the import as
    `GET /api/imports/{import_id}` shows it.
    """
    async for latest in service.follow(database, caller, seen):
        event = "progress" if latest.finished_at is None else "done"
        yield ServerSentEvent(event=event, raw_data=latest.model_dump_json(by_alias=True))


@router.delete(
    "/imports/{import_id}", status_code=204, responses=problems(ImportNotFound), openapi_extra=statement_budget(1)
)
async def cancel_import(import_id: UUID, caller: LibraryWriter, database: TheDatabase) -> None:
    """Cancel an import and remove it from the list. Links that it has saved are kept."""
    await service.cancel(database, caller, import_id)


@router.get(
    "/contents/export",
    response_class=Response,
    responses={**problems(), 200: {"description": "The file.", "content": EXPORTED}},
)
async def export_contents(
    caller: LibraryReader,
    database: TheDatabase,
    format: Annotated[  # noqa: A002 - as it is called on the wire
        BookmarkFormat, Query(description="The format of the file. Each keeps every field for Daybook.")
    ] = BookmarkFormat.JSON,
) -> StreamingResponse:
    """Export the whole library as a file, newest link first. The file can be imported again, here or elsewhere."""
    writer = writer_for(format)
    pieces = export(database, caller, writer)
    first = await anext(pieces)  # an error up to here is still answered as a problem
    headers = {"Content-Disposition": f'attachment; filename="{writer.filename}"'}
    return StreamingResponse(_chain(first, pieces), media_type=writer.media_type, headers=headers)


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
