"""What every request and response body is made of: camelCase on the wire, and text and numbers that can be stored."""

import re
import unicodedata
from datetime import date, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from daybook.addresses import LONGEST_URL, parse_url
from daybook.errors import InvalidInput


class Schema(BaseModel):
    """A body: camelCase on the wire, snake_case in Python.

    An unknown field is refused, so that a typo loses nothing.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        from_attributes=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,  # it may be a password, and errors end up in logs
    )


_HALF_PAIR = re.compile("[\ud800-\udfff]")
# CPython sorts a run of combining marks in quadratic time, and lets nothing else run: 100,000 of them take 10 seconds.
# Writing needs a few; 30 is what Unicode's Stream-Safe Text Format allows (https://www.unicode.org/reports/tr15/).
_COMBINING = "".join(mark for mark in map(chr, range(0x300, 0x1E950)) if unicodedata.combining(mark))
_TOO_MANY_MARKS = re.compile(f"[{_COMBINING}]{{31}}")


def _storable(text: str) -> str:
    # PostgreSQL holds no NUL (sqlstate 22021), and UTF-8 no lone surrogate (22000); JSON can spell both.
    if "\x00" in text:
        raise ValueError("must not hold a NUL character")
    if _HALF_PAIR.search(text):
        raise ValueError("must not hold half of a surrogate pair")
    if not text.isascii() and _TOO_MANY_MARKS.search(text):
        raise ValueError("must not hold more than 30 combining marks in a row")
    return unicodedata.normalize("NFC", text)


STORABLE = AfterValidator(_storable)
"""What every text is checked with, after its length."""

Text = Annotated[str, STORABLE]
"""Any text that can be stored, in NFC, so that the same Korean word typed on two systems is the same."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), STORABLE]
"""A name or title: not blank, at most 200 characters."""

Note = Annotated[str, StringConstraints(max_length=10_000), STORABLE]
"""Free text of a person, at most 10,000 characters."""


def _address(url: str) -> str:
    try:
        return str(parse_url(url))
    except InvalidInput as error:
        raise ValueError(error.detail) from error


WebAddress = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_URL),
    STORABLE,
    AfterValidator(_address),
]
"""An http or https address, as browsers write it, however it was typed."""

Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2199, 12, 31), examples=["2026-11-22"])]
"""A local calendar day; years outside 1900 to 2199 are typing mistakes."""

BigId = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""The id of a row that has a bigint id."""


def _moment(moment: datetime) -> str:
    """Write a time as PostgreSQL does in JSON, so that it need not do it otherwise: no zeros behind a fraction."""
    text = moment.isoformat()
    return text[:26].rstrip("0") + text[26:] if moment.microsecond else text


Moment = Annotated[
    AwareDatetime,
    PlainSerializer(_moment, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-22T12:30:00.5+00:00"]}),
]
"""A point in time, with its offset."""
