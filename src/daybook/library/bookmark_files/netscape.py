"""Netscape bookmark HTML: what every browser, Pinboard and many others export; and Pocket's older HTML.

The format has no standard. Microsoft's "Netscape Bookmark File Format" page describes what Internet Explorer wrote;
the rest is what exporters do: `<DT>`, `<DD>` and `<p>` are never closed, folders are an `<H3>` before a `<DL>`.
"""

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from daybook.library.bookmark_files.decoding import text_of
from daybook.library.bookmark_files.markup import Tag, markup, unescape
from daybook.library.bookmark_files.record import (
    TAG_LIMIT,
    TAGS_LIMIT,
    Unreadable,
    clean,
    entry,
    moment_of,
    rest_of,
)
from daybook.library.new_content import NewContent

_REST = "data-daybook"

_ROOT_ATTRIBUTES = ("personal_toolbar_folder", "unfiled_bookmarks_folder")
_ROOT_NAMES = frozenset({
    "bookmarks", "bookmarks bar", "bookmarks toolbar", "bookmarks menu", "other bookmarks", "mobile bookmarks",
    "favorites", "favorites bar", "other favorites", "mobile favorites",
    "favourites", "favourites bar", "other favourites", "mobile favourites",
    "북마크", "북마크바", "북마크 바", "북마크 도구 모음", "북마크 메뉴", "기타 북마크", "모바일 북마크",
    "즐겨찾기", "즐겨찾기 모음", "즐겨찾기바", "즐겨찾기 바", "기타 즐겨찾기", "모바일 즐겨찾기",
    "책갈피", "책갈피 막대", "책갈피 메뉴",
})  # fmt: skip
"""The folders that browsers create themselves, in the languages of our users: they say nothing about what is in them.
Only Chrome and Firefox mark theirs, and not all of them; so these names count at the top level only."""

_TEXT_LIMIT = 32_768
"""Characters that are read of a title, description or folder name: more than the longest one takes, escaped."""

_MAX_DEPTH = 1_000
"""The deepest nesting of lists that is followed."""

_BEGINNINGS = frozenset({"a", "dl", "dt", "h3", "hr", "li"})
"""The start tags that end a bookmark."""
_ENDINGS = frozenset({"a", "dd", "dt", "h3", "li"})
"""The end tags after which text belongs to nothing."""


def read(file: BinaryIO) -> Iterator[NewContent | Unreadable]:
    """Yield the bookmarks of `file` in order, tagged with the folders around them."""
    outline = _Outline()
    for token in markup(text_of(file)):
        match token:
            case Tag():
                ended = outline.closed(token) if token.closing else outline.opened(token)
                if ended:
                    yield ended
            case str():
                outline.text(token)
            case Unreadable():
                yield token
    ended = outline.finish()
    if ended:
        yield ended


class NetscapeWriter:
    """Writes what other programs read, and an attribute, which they ignore, for the fields that only Daybook reads."""

    media_type = "text/html; charset=utf-8"
    filename = "bookmarks.html"

    def head(self) -> bytes:
        """Return the beginning of the file."""
        return (
            b"<!DOCTYPE NETSCAPE-Bookmark-file-1>\n"
            b'<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=UTF-8">\n'
            b"<TITLE>Bookmarks</TITLE>\n<H1>Bookmarks</H1>\n<DL><p>\n"
        )

    def items(self, batch: Sequence[NewContent]) -> bytes:
        """Return the entries of `batch`."""
        return "".join(map(_written, batch)).encode()

    def tail(self) -> bytes:
        """Return the end of the file."""
        return b"</DL><p>\n"


def _fields(attributes: dict[str, str], title: str, description: str) -> dict[str, object]:
    """The fields of the format's own parts, named as by record.fields_of."""
    tags = attributes.get("tags")
    return {
        "url": attributes.get("href"),
        "title": " ".join(title.split()),
        "description": description.strip() or None,
        "favicon": attributes.get("icon_uri") or attributes.get("icon"),
        "tags": tags.split(",") if tags else [],
        "createdAt": moment_of(attributes.get("add_date") or attributes.get("time_added")),
    }


def _written(record: NewContent) -> str:
    # Chrome reads line by line, so a title must not hold a line break; the rest has the exact title.
    title = " ".join(record.title.split())
    description = (record.description or "").strip()
    attributes = {
        "href": record.url,
        "add_date": str(int(record.created_at.timestamp())) if record.created_at else "",
        "tags": ",".join(tag for tag in record.tags if "," not in tag),
        "icon_uri": record.favicon or "",
    }
    listed = "".join(f' {name.upper()}="{html.escape(value)}"' for name, value in attributes.items() if value)
    if rest := rest_of(record, _fields(attributes, title, description)):
        # In apostrophes, since JSON is full of quotation marks.
        escaped = html.escape(rest, quote=False).replace("'", "&#39;")
        listed += f" {_REST.upper()}='{escaped}'"
    shown = f"<DT><A{listed}>{html.escape(title)}</A>\n"
    return f"{shown}<DD>{html.escape(description)}\n" if description else shown


@dataclass(slots=True)
class _Text:
    value: str = ""

    def add(self, text: str) -> None:
        if len(self.value) < _TEXT_LIMIT:
            self.value += text


@dataclass(slots=True)
class _Entry:
    line: int
    attributes: dict[str, str]
    title: _Text = field(default_factory=_Text)
    description: _Text = field(default_factory=_Text)


@dataclass(slots=True)
class _Folder:
    attributes: dict[str, str]
    name: _Text = field(default_factory=_Text)


class _Outline:
    """The reader's position in the file: the folders around it, and the entry that has not ended yet."""

    def __init__(self) -> None:
        self._folders: list[tuple[str, ...]] = [()]  # for each open list, the names of all folders around it
        self._folder: _Folder | None = None  # whose list is about to begin
        self._entry: _Entry | None = None
        self._into: _Text | None = None  # what a text is part of

    def opened(self, tag: Tag) -> NewContent | Unreadable | None:
        """Process a start tag, and return the entry that it ends, if any."""
        ended = self.finish() if tag.name in _BEGINNINGS else None
        match tag.name:
            case "a":
                self._entry = _Entry(tag.line, tag.attributes())
                self._into = self._entry.title
            case "h3":
                self._folder = _Folder(tag.attributes())
                self._into = self._folder.name
            case "dd":
                self._into = self._entry.description if self._entry else None  # a folder's is left out
            case "dl" if len(self._folders) < _MAX_DEPTH:
                self._folders.append(self._inside(self._folder))
                self._folder = None
            case "br":
                self.text("\n")
        return ended

    def closed(self, tag: Tag) -> NewContent | Unreadable | None:
        """Process an end tag, and return the entry that it ends, if any."""
        if tag.name in _ENDINGS:
            self._into = None
        elif tag.name == "dl":
            ended = self.finish()
            if len(self._folders) > 1:
                self._folders.pop()
            return ended
        return None

    def text(self, text: str) -> None:
        """Add a text to the open title, description or folder name, if any."""
        if self._into:
            self._into.add(unescape(text[:_TEXT_LIMIT]))

    def finish(self) -> NewContent | Unreadable | None:
        """Return the open entry, if any."""
        self._into = None
        if (open_entry := self._entry) is None:
            return None
        self._entry = None
        fields = _fields(open_entry.attributes, open_entry.title.value, open_entry.description.value)
        rest = open_entry.attributes.get(_REST)
        return entry(f"line {open_entry.line}", fields, rest=rest, folders=self._folders[-1])

    def _inside(self, folder: _Folder | None) -> tuple[str, ...]:
        around = self._folders[-1]
        if (
            folder is None
            or len(around) == TAGS_LIMIT
            or any(folder.attributes.get(name) == "true" for name in _ROOT_ATTRIBUTES)
        ):
            return around
        name = clean(" ".join(folder.name.value.split()), TAG_LIMIT)
        if not around and name.casefold() in _ROOT_NAMES:
            return around
        return (*around, name)
