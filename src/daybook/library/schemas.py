"""The bodies of the library's routes."""

import datetime as dt
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, AfterValidator, AliasPath, Field, StringConstraints

from daybook.errors import InvalidInput
from daybook.library.enums import ContentType, ImportStatus
from daybook.library.urls import normalised
from daybook.tags.schemas import TagName, TagNames
from daybook.web.schema import STORABLE, Moment, Note, Schema

MAX_BULK = 500


def _of_the_web(url: str) -> str:
    try:
        normalised(url)
    except InvalidInput as error:
        raise ValueError(error.detail) from error
    return url


URL = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2048),
    STORABLE,
    AfterValidator(_of_the_web),
    Field(description="http or https.", examples=["https://www.example.com/kimchi-stew"]),
]
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    STORABLE,
    Field(examples=["김치찌개를 끓이는 법"]),
]
Description = Annotated[str, StringConstraints(max_length=2000), STORABLE]
Body = Annotated[str, StringConstraints(max_length=100_000), STORABLE]
VideoLength = Annotated[int, Field(ge=0, le=31_536_000, description="seconds", examples=[612])]


class ContentCreate(Schema):
    """A link to save."""

    url: URL
    title: Title
    content_type: ContentType
    description: Description | None = None
    note: Annotated[Note | None, Field(description="Your own words; never published.")] = None
    thumbnail: URL | None = None
    favicon: URL | None = None
    bookmark: bool = False
    video_length: VideoLength | None = None
    body: Annotated[Body | None, Field(description="The text of a post.")] = None
    tags: TagNames = []


class ContentUpdate(Schema):
    """The fields to change; those that are left out stay as they are. Tags are replaced as a whole."""

    url: URL | MISSING = MISSING
    title: Title | MISSING = MISSING
    content_type: ContentType | MISSING = MISSING
    description: Description | MISSING | None = MISSING
    note: Note | MISSING | None = MISSING
    thumbnail: URL | MISSING | None = MISSING
    favicon: URL | MISSING | None = MISSING
    bookmark: bool | MISSING = MISSING
    video_length: VideoLength | MISSING | None = MISSING
    body: Body | MISSING | None = MISSING
    tags: TagNames | MISSING = MISSING


class ContentRead(Schema):
    """A saved link."""

    id: int
    url: str
    title: str
    content_type: ContentType
    description: str | None
    note: str | None
    thumbnail: str | None
    favicon: str | None
    bookmark: bool
    saved_on: Annotated[dt.date, Field(description="The day it was where the caller lives.")]
    video_length: Annotated[int | None, Field(validation_alias=AliasPath("video_metadata", "video_length"))] = None
    body: Annotated[str | None, Field(validation_alias=AliasPath("post_metadata", "body"))] = None
    tags: Annotated[list[str], Field(validation_alias=AliasPath("tag_names"))]
    created_at: Moment
    updated_at: Moment


class BulkCreate(Schema):
    """Links to save together."""

    # Each is checked on its own, so that a bad one does not keep the others out.
    contents: Annotated[
        list[Any],
        Field(
            max_length=MAX_BULK,
            json_schema_extra={"items": {"$ref": "#/components/schemas/ContentCreate"}},
        ),
    ]


class BulkResult(Schema):
    """What became of one of them."""

    index: Annotated[int, Field(description="Its place in what was sent, from 0.")]
    status: Literal["created", "existing", "invalid"]
    id: int | None = None
    errors: Annotated[list[dict[str, Any]] | None, Field(description="What is wrong with it: loc and message.")] = None


class BulkResults(Schema):
    """What became of each, in the order in which they were sent."""

    created: int
    existing: int
    invalid: int
    results: list[BulkResult]


class PreviewRequest(Schema):
    """A page to look at."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2048), Field(examples=["https://www.example.com/"])]


class ContentPreview(Schema):
    """What a page says about itself: ready to be saved as a content."""

    url: Annotated[str, Field(description="Where the page was found in the end.")]
    title: str | None
    description: str | None
    thumbnail: str | None
    favicon: str | None
    site_name: str | None
    language: Annotated[str | None, Field(examples=["ko"])]
    content_type: ContentType
    video_length: Annotated[int | None, Field(description="seconds")]


class ImportRead(Schema):
    """A file of links, and how far it has been read."""

    id: UUID
    filename: str
    format: Annotated[str, Field(examples=["netscape"])]
    size: Annotated[int, Field(description="bytes")]
    tag: TagName | None
    status: ImportStatus
    read: Annotated[int, Field(description="How many of its entries have been dealt with.")]
    created: int
    existing: Annotated[int, Field(description="Were in the library already; they got the file's tags as well.")]
    unreadable: int
    problems: Annotated[list[str], Field(description="What was wrong with the first of these.")]
    error: Annotated[str | None, Field(description="Why it failed as a whole.")]
    created_at: Moment
    finished_at: Moment | None
