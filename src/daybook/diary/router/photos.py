"""Photos over HTTP: how they are sent, and how their owner gets them back."""

import asyncio
import base64
import binascii
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from daybook.accounts.authentication import DiaryReader
from daybook.diary.errors import (
    AnalysisBudgetUsedUp,
    BadPhoto,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
    NothingRecognised,
    PhotoNotFound,
    PhotoTooLarge,
    ServerBudgetUsedUp,
)
from daybook.diary.photos.protocol import ACCEPTED_FORMATS
from daybook.diary.schemas import PhotoBase64
from daybook.diary.service import photos
from daybook.diary.service.analyses import PhotoPipeline
from daybook.errors import FieldError, InvalidInput, MalformedRequest, StorageFull
from daybook.web.problem import problems
from daybook.web.session import TheDatabase, statement_budget

router = APIRouter(prefix="/api/photos", tags=["diary"])

ANALYSIS_ERRORS = (
    BadPhoto,
    PhotoTooLarge,
    NothingRecognised,
    AnalysisBudgetUsedUp,
    ServerBudgetUsedUp,
    ModelRefused,
    ModelUnavailable,
    ModelTimeout,
    StorageFull,
)

ACCEPTED = f"The photo, as {ACCEPTED_FORMATS}."
BINARY = {"type": "string", "format": "binary"}
PHOTO_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": PhotoBase64.model_json_schema(by_alias=True)},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["photo"],
                    "properties": {"photo": BINARY | {"description": ACCEPTED}},
                }
            },
        },
    }
}
"""The OpenAPI of the body that `Image` is read from."""


async def _pipeline(request: Request) -> PhotoPipeline:
    pipeline: PhotoPipeline = request.state.photo_pipeline
    return pipeline


Pipeline = Annotated[PhotoPipeline, Depends(_pipeline)]


async def _image(request: Request) -> bytes:
    """Return the bytes of the photo in a request, which may be a form or JSON."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        async with request.form(max_files=1, max_fields=20) as form:
            photo = form.get("photo")
            if not isinstance(photo, UploadFile):
                raise InvalidInput("The form has no file named photo.")
            return await photo.read()
    if media_type == "application/json":
        # Megabytes of JSON and base64 take a while: not on the event loop.
        return await asyncio.to_thread(_from_json, await request.body())
    raise MalformedRequest("Send the photo as multipart/form-data, or as application/json in base64.")


Image = Annotated[bytes, Depends(_image)]
"""The bytes of the photo that was sent."""


def _from_json(body: bytes) -> bytes:
    try:
        photo = PhotoBase64.model_validate_json(body)
    except ValidationError as error:
        errors = [FieldError(problem["loc"], problem["msg"]) for problem in error.errors()]
        raise InvalidInput("The body has to hold imageData, the photo in base64.", errors=errors) from None
    encoded = photo.image_data.strip()
    if encoded.startswith("data:"):
        encoded = encoded.partition(",")[2]
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadPhoto("imageData is not base64.") from error


@router.get(
    "/{photo_id}",
    response_class=Response,
    responses={
        **problems(PhotoNotFound),
        200: {
            "description": "The photo.",
            "content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}},
        },
        304: {"description": "The client's copy, which `If-None-Match` names, is up to date."},
    },
    openapi_extra=statement_budget(1),
)
async def get_photo(
    photo_id: UUID,
    caller: DiaryReader,
    database: TheDatabase,
    pipeline: Pipeline,
    if_none_match: Annotated[str | None, Header(description="The `ETag` of the client's copy.")] = None,
) -> Response:
    """Download a photo. It is upright, scaled down and without metadata, and never changes."""
    photo = await photos.find(database, caller, photo_id)
    headers = {
        "ETag": photo.etag,
        "Cache-Control": "private, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    if photo.etag in (if_none_match or ""):  # which may be a list
        return Response(status_code=304, headers=headers)
    data = await photos.read_file(pipeline.store, photo)
    return Response(data, media_type=photo.media_type, headers=headers)
