"""The request and response bodies of tags."""

from typing import Annotated

from pydantic import MISSING, Field, StringConstraints

from daybook.web.schema import STORABLE, BigId, Moment, Schema

TagName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), STORABLE, Field(examples=["요리"])
]
Color = Annotated[int, Field(ge=0, le=0xFFFFFFFF, description="The color as 0xAARRGGBB.", examples=[0xFF4CAF50])]
TagNames = Annotated[
    list[TagName],
    Field(
        max_length=50, description="Tags by name. Those that do not exist yet are created.", examples=[["요리", "한식"]]
    ),
]


class TagCreate(Schema):
    """A tag to create. Names that differ only in letter case or width are the same tag."""

    tagname: TagName
    color: Annotated[Color | None, Field(description="The color as 0xAARRGGBB; chosen by the name if left out.")] = None


class TagUpdate(Schema):
    """The fields to change. Fields that are left out keep their values."""

    tagname: TagName | MISSING = MISSING
    color: Color | MISSING = MISSING


class TagMerge(Schema):
    """The tag to merge into."""

    into: Annotated[
        BigId,
        Field(description="The id of the tag to keep, which is added to everything that has this one.", examples=[4]),
    ]


class TagRead(Schema):
    """A tag."""

    id: int
    tagname: Annotated[str, Field(examples=["요리"])]
    color: Annotated[int, Field(description="The color as 0xAARRGGBB.", examples=[0xFF4CAF50])]
    content_count: Annotated[int, Field(description="How many saved links have it.")]
    food_log_count: Annotated[int, Field(description="How many meals have it.")]
    created_at: Moment
    updated_at: Moment
