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
from daybook.errors import FieldError, InvalidInput, TooLarge
from daybook.library.bookmark_files import BookmarkFormat, writer_for
from daybook.library.errors import ImportNotFound, ImportUnreadable
from daybook.library.imports import service
from daybook.library.imports.export import export
from daybook.library.imports.worker import Importer
from daybook.library.schemas import ImportRead
from daybook.tags.schemas import TagName
from daybook.web.page import JSON, Cursor, Limit, Page, page_json
from daybook.web.problem import problems
from daybook.web.session import TheDatabase, WriteSession, sql_budget

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
                        "tag": {"type": "string", "description": "A tag that everything in it gets."},
                    },
                }
            }
        },
    }
}
OPTIONAL_TAG = TypeAdapter(TagName | None)


async def get_importer(request: Request) -> Importer:
    """Return the process's importer."""
    importer: Importer = request.state.importer
    return importer


# The statements of an import are as many as its file has megabytes, and those of an export and of what is followed
# depend on how much there is and how long it takes: these three have no budget.


@router.post(
    "/contents/import",
    status_code=202,
    response_model=ImportRead,
    responses=problems(ImportUnreadable, TooLarge),
    openapi_extra=FILE_BODY,
)
async def import_contents(
    request: Request,
    caller: LibraryWriter,
    database: TheDatabase,
    importer: Annotated[Importer, Depends(get_importer)],
) -> Response:
    """Take a file of links, to be saved in the background. What is in the library already only gets the tags."""
    # Not as parameters: those are read, and as large as they are stored, before anybody asks who is sending them.
    async with request.form(max_files=1, max_fields=1) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidInput("The form has no file called file.")
        import_id = await importer.receive(
            caller, file.file, filename=file.filename, size=file.size or 0, tag=_tag(form.get("tag"))
        )
    body = await service.read(database.reader, caller, import_id)
    return Response(body, 202, headers={"Location": f"/api/imports/{import_id}"}, media_type=JSON)


def _tag(sent: object) -> str | None:
    try:
        return OPTIONAL_TAG.validate_python(sent or None)
    except ValidationError as error:
        errors = [FieldError(("tag",), problem["msg"]) for problem in error.errors()]
        raise InvalidInput(f"tag: {errors[0].message}.", errors=errors) from None


@router.get("/imports", response_model=Page[ImportRead], responses=problems(), openapi_extra=sql_budget(1))
async def list_imports(access: LibraryAccess, limit: Limit = 50, cursor: Cursor | None = None) -> Response:
    """The caller's imports, the latest first."""
    page = await service.read_all(access.reader, access.caller, limit=limit, cursor=cursor)
    return Response(page_json(page), media_type=JSON)


@router.get(
    "/imports/{import_id}", response_model=ImportRead, responses=problems(ImportNotFound), openapi_extra=sql_budget(1)
)
async def get_import(import_id: UUID, access: LibraryAccess) -> Response:
    """How far an import has come."""
    return Response(await service.read(access.reader, access.caller, import_id), media_type=JSON)


async def _progress(import_id: UUID, caller: LibraryReader, database: TheDatabase) -> ImportRead:
    """What is followed, looked at before the answer begins: afterwards it could not be a 404 any more."""
    return await service.progress(database, caller, import_id)


@router.get("/imports/{import_id}/events", response_class=EventSourceResponse, responses=problems(ImportNotFound))
async def follow_import(
    seen: Annotated[ImportRead, Depends(_progress)], caller: LibraryReader, database: TheDatabase
) -> AsyncIterator[ServerSentEvent]:
    """Follow an import by server-sent events: `progress` whenever it has moved, and `done` at its end, the last one.

    The data of each is the import as `GET /api/imports/{import_id}` shows it.
    """
    async for now in service.follow(database, caller, seen):
        event = "progress" if now.finished_at is None else "done"
        yield ServerSentEvent(event=event, raw_data=now.model_dump_json(by_alias=True))


@router.delete("/imports/{import_id}", status_code=204, responses=problems(ImportNotFound), openapi_extra=sql_budget(1))
async def cancel_import(import_id: UUID, caller: LibraryWriter, session: WriteSession) -> None:
    """Forget an import, and stop it if it is not finished. What it has saved stays."""
    await service.cancel(session, caller, import_id)


@router.get(
    "/contents/export",
    response_class=Response,
    responses={
        **problems(),
        200: {
            "description": "The file.",
            "content": {writer_for(kind).media_type.partition(";")[0]: {} for kind in BookmarkFormat},
        },
    },
)
async def export_contents(
    caller: LibraryReader,
    database: TheDatabase,
    format: Annotated[BookmarkFormat, Query()] = BookmarkFormat.JSON,  # noqa: A002 - as it is called on the wire
) -> StreamingResponse:
    """The whole library as a file that can be imported again, here or elsewhere, the newest content first."""
    writer = writer_for(format)
    pieces = export(database, caller, writer)
    first = await anext(pieces)  # what fails until here is still an answer of its own
    headers = {"Content-Disposition": f'attachment; filename="{writer.filename}"'}
    return StreamingResponse(_after(first, pieces), media_type=writer.media_type, headers=headers)


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
