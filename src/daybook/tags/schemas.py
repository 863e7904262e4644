"""The bodies of the routes of tags."""

from typing import Annotated

from pydantic import MISSING, Field, StringConstraints

from daybook.web.schema import STORABLE, BigId, Moment, Schema

TagName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50), STORABLE, Field(examples=["요리"])
]
Color = Annotated[int, Field(ge=0, le=0xFFFFFFFF, description="0xAARRGGBB", examples=[0xFF4CAF50])]
TagNames = Annotated[
    list[TagName],
    Field(max_length=50, description="By name; those that are new are made.", examples=[["요리", "한식"]]),
]


class TagCreate(Schema):
    """A tag to make. The name is the caller's once, whatever the letter case and width."""

    tagname: TagName
    color: Annotated[Color | None, Field(description="By default, one that follows from the name.")] = None


class TagUpdate(Schema):
    """The fields to change. A field that is left out keeps its value."""

    tagname: TagName | MISSING = MISSING
    color: Color | MISSING = MISSING


class TagMerge(Schema):
    """Where a tag goes."""

    into: Annotated[BigId, Field(description="The id of the tag that stays, and gets all that this one has.")]


class TagRead(Schema):
    """A tag."""

    id: int
    tagname: str
    color: int
    content_count: Annotated[int, Field(description="How many saved contents have it.")]
    food_log_count: Annotated[int, Field(description="How many meals have it.")]
    created_at: Moment
    updated_at: Moment
