"""A saved link as it stands in a file: its fields, their limits, and how they are spelled in JSON.

Every format ends here. What a foreign program wrote is cleaned (cut, normalised, freed of what cannot be stored)
rather than refused; only a link without a usable address, or a field of the wrong type, cannot be used.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from pydantic.alias_generators import to_camel

from daybook.errors import InvalidInput
from daybook.library.enums import ContentType
from daybook.library.new_content import NewContent
from daybook.library.urls import LONGEST_URL, normalised, parse_url

TITLE_LIMIT = 500
DESCRIPTION_LIMIT = 2_000
NOTE_LIMIT = 10_000
BODY_LIMIT = 100_000
TAG_LIMIT = 50
TAGS_LIMIT = 50
"""Characters of each text and of one tag's name, and tags of one bookmark: what the API takes."""

_NAMES = {field.name: to_camel(field.name) for field in fields(NewContent)}
"""The fields of a record, and how JSON spells them."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(2200, 1, 1, tzinfo=UTC)
_LONGEST_VIDEO = 31_536_000
_CONTENT_TYPES = {word.value: word for word in ContentType}

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_LONGEST_PIECE = 1_000
# With what still belongs to the last letter: accents, or the rest of a syllable.
_PIECE = re.compile(
    f"[\x00-\x7f]*+[^\x00-\x7f]{{0,{_LONGEST_PIECE}}}+[\u0300-\u036f\u1160-\u11ff\u3099\u309a]{{0,30}}+"
)
_LINE_BREAKS = re.compile(r"[\t\n\r]")
_CONTROLS_AND_SPACE = "".join(map(chr, range(0x21)))
_WHOLE_NUMBER = re.compile(r"\s*+(\d{1,17})(?:\.\d*+)?\s*+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An entry that cannot be used: where it stands in the file, and why not, in a sentence."""

    place: str
    reason: str


class _Unusable(Exception):
    """Why an entry is not a bookmark."""


def fields_of(record: NewContent) -> dict[str, object]:
    """Return the record as JSON's types, under the names that `GET /api/contents` gives them."""
    created_at = record.created_at
    return {name: getattr(record, field) for field, name in _NAMES.items()} | {
        "tags": list(record.tags),
        "createdAt": created_at and created_at.astimezone(UTC).isoformat(),
        "savedOn": record.saved_on and record.saved_on.isoformat(),
    }


def record_of(fields: Mapping[str, Any]) -> NewContent:
    """Return the record that `fields_of` gives as these `fields`; they are not checked."""
    values = {field: fields[name] for field, name in _NAMES.items()} | {
        "content_type": ContentType(fields["contentType"]),
        "tags": tuple(fields["tags"]),
        "created_at": datetime.fromisoformat(fields["createdAt"]),
        "saved_on": date.fromisoformat(fields["savedOn"]),
    }
    return NewContent(**values)


def rest_of(record: NewContent, told: Mapping[str, object]) -> str:
    """Return as JSON the fields of `record` that a foreign format's own fields, read back as `told`, do not give.

    Empty when they give all. Together with entry() this is what makes a foreign format lossless.
    """
    absent = {"bookmark": False, "tags": []}
    rest = {name: value for name, value in fields_of(record).items() if value != told.get(name, absent.get(name))}
    return orjson.dumps(rest).decode() if rest else ""


def entry(
    place: str, fields: Mapping[str, object], *, rest: str | None = None, folders: Sequence[str] = ()
) -> NewContent | Unreadable:
    """Return the bookmark that `fields` (named as by fields_of) describe, cleaned; or why there is none.

    `rest` is what rest_of() wrote beside them, and wins. `folders` become tags, before the others.
    """
    try:
        return _content({**fields, **_parsed(rest)} if rest else fields, folders)
    except _Unusable as unusable:
        return Unreadable(place, str(unusable))


def moment_of(number: str | None) -> str | None:
    """Return the ISO form of a Unix time in seconds, or None where it is none, or 0, which means unknown.

    Milliseconds and microseconds, which some programs write, are told by their size: 10^10 seconds are in the
    year 2286, 10^10 milliseconds in 1970.
    """
    found = _WHOLE_NUMBER.fullmatch(number or "")
    value = int(found[1]) if found else 0
    unit = 1_000_000 if value < 10**10 else 1_000 if value < 10**13 else 1
    return (_EPOCH + timedelta(microseconds=value * unit)).isoformat() if value else None


def clean(text: str, limit: int) -> str:
    """Return what of `text` can be stored, in NFC, cut to `limit` characters."""
    if text.isascii():
        return text.replace("\x00", "")[:limit]
    text = _UNSTORABLE.sub("", text)[: limit * 4]  # decomposed, a character is four at most
    if len(text) <= _LONGEST_PIECE or unicodedata.is_normalized("NFC", text):
        return unicodedata.normalize("NFC", text)[:limit]
    # Piece by piece, since CPython sorts a run of combining marks in quadratic time, and lets no other thread run:
    # 100,000 of them take 20 seconds.
    return _PIECE.sub(lambda piece: unicodedata.normalize("NFC", piece[0]), text)[:limit]


def _parsed(rest: str) -> dict[str, object]:
    try:
        fields = orjson.loads(rest)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        raise _Unusable("What Daybook wrote beside this bookmark is damaged.")
    return fields


def _content(fields: Mapping[str, object], folders: Sequence[str]) -> NewContent:
    url = _web_address(fields, "url", normalised)  # saving needs this form of it
    title = _text(fields, "title", TITLE_LIMIT)
    return NewContent(
        url=url,
        title=title if title and not title.isspace() else clean(url, TITLE_LIMIT),
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
        raise _Unusable(f"{name} is not text.")
    return value


def _text(fields: Mapping[str, object], name: str, limit: int) -> str | None:
    value = _string(fields, name)
    return value and clean(value, limit)


def _web_address(fields: Mapping[str, object], name: str, check: Callable[[str], object]) -> str:
    """The address, without line breaks in it and blanks around it, as browsers take one from a page."""
    value = _LINE_BREAKS.sub("", _string(fields, name) or "")
    url = clean(value.strip(_CONTROLS_AND_SPACE), LONGEST_URL + 1)
    if not url:
        raise _Unusable("There is no address.")
    try:
        check(url)
    except InvalidInput as refused:
        raise _Unusable(refused.detail) from None
    return url


def _picture(fields: Mapping[str, object], name: str) -> str | None:
    # Browsers put the picture itself there (data:), or an address that only they know: both are left out.
    if not fields.get(name):
        return None
    try:
        return _web_address(fields, name, parse_url)
    except _Unusable:
        return None


def _content_type(fields: Mapping[str, object]) -> ContentType | None:
    return _CONTENT_TYPES.get((_string(fields, "contentType") or "").lower())


def _flag(fields: Mapping[str, object], name: str) -> bool:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise _Unusable(f"{name} is neither true nor false.")
    return bool(value)


def _seconds(fields: Mapping[str, object], name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Unusable(f"{name} is not a number.")
    return int(value) if 0 <= value <= _LONGEST_VIDEO else None


def _names(fields: Mapping[str, object]) -> Iterable[str]:
    tags = fields.get("tags") or []
    if not isinstance(tags, list):
        raise _Unusable("tags is not a list of names.")
    for tag in tags:
        name = tag.get("tagname") if isinstance(tag, dict) else tag
        if not isinstance(name, str):
            raise _Unusable("tags is not a list of names.")
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
        raise _Unusable(f"{name} is not a date and time.") from None
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
        raise _Unusable(f"{name} is not a date.") from None
    return day if _EPOCH.date() <= day < _END.date() else None
