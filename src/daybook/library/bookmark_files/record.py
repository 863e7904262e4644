"""A saved link in a file: its fields, their limits, and their names in JSON.

All formats are read through this module. Values that another program wrote are cleaned (cut, normalized, stripped of
what cannot be stored) rather than refused; only a link without a valid address or with a field of the wrong type is
invalid.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from pydantic.alias_generators import to_camel

from daybook.addresses import LONGEST_URL, parse_url
from daybook.errors import InvalidInput
from daybook.library.enums import ContentType
from daybook.library.new_content import NewContent
from daybook.library.pieces import PIECE, pieces

TITLE_LIMIT = 500
DESCRIPTION_LIMIT = 2_000
NOTE_LIMIT = 10_000
BODY_LIMIT = 100_000
TAG_LIMIT = 50
TAGS_LIMIT = 50
"""The limits of the API: characters of each text and of a tag's name, and tags of a link."""

_NAMES = {field.name: to_camel(field.name) for field in fields(NewContent)}
"""The fields of a link by their names in JSON."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(2200, 1, 1, tzinfo=UTC)
_VIDEO_LIMIT = 31_536_000
_CONTENT_TYPES = {kind.value: kind for kind in ContentType}

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LINE_BREAKS = re.compile(r"[\t\n\r]")
_CONTROLS_AND_SPACE = "".join(map(chr, range(0x21)))
_WHOLE_NUMBER = re.compile(r"\s*+(\d{1,17})(?:\.\d*+)?\s*+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An invalid entry: its place in the file, and the reason in a sentence."""

    place: str
    reason: str


class _Invalid(Exception):
    """The reason why an entry is invalid."""


def fields_of(record: NewContent) -> dict[str, object]:
    """Return the link as JSON types, with the field names of `GET /api/contents`."""
    created_at = record.created_at
    return {name: getattr(record, field) for field, name in _NAMES.items()} | {
        "tags": list(record.tags),
        "createdAt": created_at and created_at.astimezone(UTC).isoformat(),
        "savedOn": record.saved_on and record.saved_on.isoformat(),
    }


def record_of(fields: Mapping[str, Any]) -> NewContent:
    """Return the link from which `fields_of` makes these `fields`. They are not checked."""
    values = {field: fields[name] for field, name in _NAMES.items()} | {
        "content_type": ContentType(fields["contentType"]),
        "tags": tuple(fields["tags"]),
        "created_at": datetime.fromisoformat(fields["createdAt"]),
        "saved_on": date.fromisoformat(fields["savedOn"]),
    }
    return NewContent(**values)


def rest_of(record: NewContent, native: Mapping[str, object]) -> str:
    """Return as JSON the fields of `record` that are lost in another format, whose own fields read back as `native`.

    Empty when none is. Together with entry() this makes such a format lossless.
    """
    absent = {"bookmark": False, "tags": []}
    rest = {name: value for name, value in fields_of(record).items() if value != native.get(name, absent.get(name))}
    return orjson.dumps(rest).decode() if rest else ""


def entry(
    place: str, fields: Mapping[str, object], *, rest: str | None = None, folders: Sequence[str] = ()
) -> NewContent | Unreadable:
    """Return the link that `fields` (named as by fields_of) describe, cleaned; or why there is none.

    `rest`, which rest_of() wrote beside them, takes precedence. `folders` become tags, before the others.
    """
    try:
        return _content({**fields, **_parsed(rest)} if rest else fields, folders)
    except _Invalid as invalid:
        return Unreadable(place, str(invalid))


def moment_of(number: str | None) -> str | None:
    """Return the ISO form of a Unix time in seconds; None for no number, and for 0, which means unknown.

    Milliseconds and microseconds, which some programs write, are recognized by their size: 10^10 seconds are in the
    year 2286, 10^10 milliseconds in 1970.
    """
    match = _WHOLE_NUMBER.fullmatch(number or "")
    value = int(match[1]) if match else 0
    unit = 1_000_000 if value < 10**10 else 1_000 if value < 10**13 else 1
    return (_EPOCH + timedelta(microseconds=value * unit)).isoformat() if value else None


def clean(text: str, limit: int) -> str:
    """Return `text` in NFC, without what cannot be stored, cut to `limit` characters."""
    if text.isascii():
        return text.replace("\x00", "")[:limit]
    text = _UNSTORABLE.sub("", text)[: limit * 4]  # decomposed, a character is four at most
    if len(text) <= PIECE or unicodedata.is_normalized("NFC", text):
        return unicodedata.normalize("NFC", text)[:limit]
    return "".join(unicodedata.normalize("NFC", piece) for piece in pieces(text))[:limit]


def _parsed(rest: str) -> dict[str, object]:
    try:
        fields = orjson.loads(rest)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        raise _Invalid("The fields that Daybook added to this bookmark are damaged.")
    return fields


def _content(fields: Mapping[str, object], folders: Sequence[str]) -> NewContent:
    url = _web_address(fields, "url")
    title = _text(fields, "title", TITLE_LIMIT)
    return NewContent(
        url=url,
        title=title if title and not title.isspace() else _typed(fields, "url")[:TITLE_LIMIT],
        content_type=_content_type(fields),
        description=_text(fields, "description", DESCRIPTION_LIMIT),
        note=_text(fields, "note", NOTE_LIMIT),
        thumbnail=_picture(fields, "thumbnail"),
        favicon=_picture(fields, "favicon"),
        bookmark=_flag(fields, "bookmark"),
        video_length=_seconds(fields, "videoLength"),
        body=_text(fields, "body", BODY_LIMIT),
        tags=_tags([*folders, *_names(fields)]),
        created_at=_moment(fields, "createdAt"),
        saved_on=_day(fields, "savedOn"),
    )


def _string(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise _Invalid(f"{name} is not text.")
    return value


def _text(fields: Mapping[str, object], name: str, limit: int) -> str | None:
    value = _string(fields, name)
    return value and clean(value, limit)


def _web_address(fields: Mapping[str, object], name: str) -> str:
    """The address as browsers write it."""
    try:
        return str(parse_url(_typed(fields, name)))
    except InvalidInput as refused:
        raise _Invalid(refused.detail) from None


def _typed(fields: Mapping[str, object], name: str) -> str:
    """The address as it is in the file, without line breaks in it and spaces around it."""
    value = _LINE_BREAKS.sub("", _string(fields, name) or "")
    typed = clean(value.strip(_CONTROLS_AND_SPACE), LONGEST_URL + 1)
    if not typed:
        raise _Invalid("It has no address.")
    return typed


def _picture(fields: Mapping[str, object], name: str) -> str | None:
    # Browsers write the picture itself there (data:), or an address that only they know. Both are dropped.
    if not fields.get(name):
        return None
    try:
        return _web_address(fields, name)
    except _Invalid:
        return None


def _content_type(fields: Mapping[str, object]) -> ContentType | None:
    return _CONTENT_TYPES.get((_string(fields, "contentType") or "").lower())


def _flag(fields: Mapping[str, object], name: str) -> bool:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise _Invalid(f"{name} is neither true nor false.")
    return bool(value)


def _seconds(fields: Mapping[str, object], name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Invalid(f"{name} is not a number.")
    return int(value) if 0 <= value <= _VIDEO_LIMIT else None


def _names(fields: Mapping[str, object]) -> Iterable[str]:
    tags = fields.get("tags") or []
    if not isinstance(tags, list):
        raise _Invalid("tags is not a list of names.")
    for tag in tags:
        name = tag.get("tagname") if isinstance(tag, dict) else tag
        if not isinstance(name, str):
            raise _Invalid("tags is not a list of names.")
        yield name


def _tags(names: Iterable[str]) -> tuple[str, ...]:
    # Cut, a name may end in a space again.
    cleaned = (clean(name.strip(), TAG_LIMIT).strip() for name in names)
    return tuple(dict.fromkeys(name for name in cleaned if name))[:TAGS_LIMIT]


def _moment(fields: Mapping[str, object], name: str) -> datetime | None:
    value = _string(fields, name)
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise _Invalid(f"{name} is not a date and time.") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC) if _EPOCH <= moment < _END else None


def _day(fields: Mapping[str, object], name: str) -> date | None:
    value = _string(fields, name)
    if not value:
        return None
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise _Invalid(f"{name} is not a date.") from None
    return day if _EPOCH.date() <= day < _END.date() else None
