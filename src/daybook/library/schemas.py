"""The requests and responses of the library's operations."""

import datetime as dt
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import MISSING, AliasPath, Field, StringConstraints

from daybook.database.projection import Stored
from daybook.library.enums import ContentType, ImportStatus
from daybook.tags.schemas import TagName, TagNames
from daybook.web.schema import STORABLE, Moment, Note, Schema, WebAddress

MAX_BULK = 500


URL = Annotated[
    WebAddress,
    Field(description="An http or https address.", examples=["https://www.example.com/kimchi-stew"]),
]
ImageURL = Annotated[
    WebAddress,
    Field(description="An http or https address.", examples=["https://www.example.com/kimchi-stew.jpg"]),
]
IconURL = Annotated[ImageURL, Field(examples=["https://www.example.com/favicon.ico"])]
Title = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=500),
    STORABLE,
    Field(examples=["김치찌개를 끓이는 법"]),
]
Description = Annotated[
    str, StringConstraints(max_length=2000), STORABLE, Field(examples=["묵은지로 끓이는 돼지고기 김치찌개"])
]
OwnNote = Annotated[
    Note,
    Field(
        description="The owner's own words; never published. A text of more than 5,000 different pairs of letters is "
        "kept whole, and searched as far as those.",
        examples=["고기는 두 배로"],
    ),
]
Body = Annotated[
    str,
    StringConstraints(max_length=100_000),
    STORABLE,
    Field(description="The text of a post.", examples=["먼저 김치를 볶는다."]),
]
VideoLength = Annotated[int, Field(ge=0, le=31_536_000, description="In seconds.", examples=[612])]


class ContentCreate(Schema):
    """A link to save."""

    url: URL
    title: Title
    content_type: ContentType
    description: Description | None = None
    note: OwnNote | None = None
    thumbnail: ImageURL | None = None
    favicon: IconURL | None = None
    bookmark: bool = False
    video_length: VideoLength | None = None
    body: Body | None = None
    tags: TagNames = []


class ContentUpdate(Schema):
    """The fields to change. A field that is left out keeps its value; the tags are replaced as a whole."""

    url: URL | MISSING = MISSING
    title: Title | MISSING = MISSING
    content_type: ContentType | MISSING = MISSING
    description: Description | MISSING | None = MISSING
    note: OwnNote | MISSING | None = MISSING
    thumbnail: ImageURL | MISSING | None = MISSING
    favicon: IconURL | MISSING | None = MISSING
    bookmark: bool | MISSING = MISSING
    video_length: VideoLength | MISSING | None = MISSING
    body: Body | MISSING | None = MISSING
    tags: TagNames | MISSING = MISSING


class ContentRead(Schema):
    """A saved link."""

    id: int
    url: Annotated[str, Field(description="As browsers write it, however it was typed.")]
    title: str
    content_type: ContentType
    description: str | None
    note: Annotated[str | None, Field(description="The owner's own words; never published.")]
    thumbnail: str | None
    favicon: str | None
    bookmark: bool
    saved_on: Annotated[dt.date, Field(description="The date in the owner's time zone when the link was saved.")]
    video_length: Annotated[
        int | None, Field(validation_alias=AliasPath("video_metadata", "video_length"), description="In seconds.")
    ] = None
    body: Annotated[
        str | None, Field(validation_alias=AliasPath("post_metadata", "body"), description="The text of a post.")
    ] = None
    tags: Annotated[list[str], Field(validation_alias=AliasPath("tag_names"), description="By name.")]
    created_at: Moment
    updated_at: Moment


class BulkCreate(Schema):
    """Links to save together."""

    # Each is checked on its own, so that an invalid one does not keep the others out.
    contents: Annotated[
        list[Any],
        Field(
            max_length=MAX_BULK,
            json_schema_extra={"items": {"$ref": "#/components/schemas/ContentCreate"}},
        ),
    ]


class BulkError(Schema):
    """What is wrong with one field."""

    loc: Annotated[list[str | int], Field(description="The path to the field.", examples=[["title"]])]
    message: Annotated[str, Field(examples=["Field required"])]


class BulkResult(Schema):
    """The outcome for one link."""

    index: Annotated[int, Field(description="The position in the request, from 0.")]
    status: Literal["created", "existing", "invalid"]
    id: Annotated[int | None, Field(description="The id of the saved link; null if it is invalid.")] = None
    errors: Annotated[list[BulkError] | None, Field(description="The fields that are invalid.")] = None


class BulkResults(Schema):
    """The outcome for each link, in the order of the request."""

    created: int
    existing: int
    invalid: int
    results: list[BulkResult]


class PreviewRequest(Schema):
    """A page to preview."""

    url: Annotated[
        str,
        StringConstraints(min_length=1, max_length=2048),
        Field(description="An http or https address.", examples=["https://www.example.com/"]),
    ]


class ContentPreview(Schema):
    """The metadata of a page, as the values of a link to save."""

    url: Annotated[str, Field(description="The address of the page after redirects.")]
    title: str | None
    description: str | None
    thumbnail: str | None
    favicon: str | None
    site_name: str | None
    language: Annotated[str | None, Field(description="A BCP 47 language tag.", examples=["ko"])]
    content_type: ContentType
    video_length: Annotated[int | None, Field(description="In seconds.")]


class ImportRead(Schema):
    """An import of a file of links, and its progress."""

    id: UUID
    filename: str
    format: Annotated[str, Field(description="The format that was detected.", examples=["netscape"])]
    size: Annotated[int, Field(description="In bytes.")]
    tag: Annotated[TagName | None, Stored(), Field(description="The tag that every link of the file gets.")]
    status: ImportStatus
    read: Annotated[int, Field(description="How many entries have been processed.")]
    created: Annotated[int, Field(description="How many links have been saved.")]
    existing: Annotated[
        int, Field(description="How many were in the library already. They get the file's tags as well.")
    ]
    unreadable: Annotated[int, Field(description="How many entries could not be saved.")]
    problems: Annotated[list[str], Field(description="What is wrong with the first of the unreadable entries.")]
    error: Annotated[str | None, Field(description="Why the import failed as a whole.")]
    created_at: Moment
    finished_at: Moment | None
