"""Daybook's own JSON: `{"version": 1, "contents": [...]}`, or the bare list, with the fields of GET /api/contents.

It is read with the standard library's decoder, entry by entry. ijson was rejected: its items() keeps a path that grows
with each level of nesting, so that 20 kB of `[` take 970 MB, and it fails for the whole file at half a surrogate pair,
which JavaScript writes where it has cut an emoji in two.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import BinaryIO

import orjson

from daybook.library.bookmark_files.decoding import ENTRY_LIMIT, text_of
from daybook.library.bookmark_files.record import Unreadable, entry, fields_of
from daybook.library.errors import ImportUnreadable
from daybook.library.new_content import NewContent

_LIST = "contents"
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*+")


def read(file: BinaryIO) -> Iterator[NewContent | Unreadable]:
    """Yield the bookmarks of `file` in order. From the first invalid JSON on, the rest is one Unreadable.

    Raises ImportUnreadable when there is no list of bookmarks.
    """
    window = _Window(text_of(file))
    try:
        _find_list(window)
    except _Broken:
        raise ImportUnreadable(f"This JSON is no list of bookmarks, and has none as `{_LIST}`.") from None
    number = 1
    try:
        for item in _items(window):
            place = f"item {number}"
            yield entry(place, item) if isinstance(item, dict) else Unreadable(place, "This is not an object.")
            number += 1
    except _Broken:
        yield Unreadable(f"item {number}", "The JSON ends or is damaged here; what follows could not be read.")


class JsonWriter:
    """Writes every field, under its name in the API."""

    media_type = "application/json"
    filename = "bookmarks.json"

    def __init__(self) -> None:
        self._separator = b""

    def head(self) -> bytes:
        """Return the beginning of the file."""
        return b'{"version": 1, "contents": [\n'

    def items(self, batch: Sequence[NewContent]) -> bytes:
        """Return an object for each bookmark of `batch`, with the comma before it."""
        if not batch:
            return b""
        written = self._separator + b",\n".join(orjson.dumps(fields_of(record)) for record in batch)
        self._separator = b",\n"
        return written

    def tail(self) -> bytes:
        """Return the end of the file."""
        return b"\n]}\n"


class _Broken(Exception):
    """The text is not JSON from here on."""


class _Window:
    """The part of a JSON text that is being read."""

    def __init__(self, pieces: Iterable[str]) -> None:
        # A number that ends with a piece may go on in the next, so a value counts once something follows it.
        self._pieces = chain(pieces, " ")
        self._text = ""
        self._at = 0

    def value(self) -> object:
        """Return the value at the current position and move behind it. Raises _Broken where there is none."""
        self.peek()
        while (decoded := self._decoded()) is None:
            if len(self._text) - self._at > ENTRY_LIMIT or not self._more():
                raise _Broken
        value, self._at = decoded
        return value

    def take(self, characters: str) -> str:
        """Return the next character and move behind it. Raises _Broken when it is none of `characters`."""
        character = self.peek()
        if not character or character not in characters:
            raise _Broken
        self._at += 1
        return character

    def peek(self) -> str:
        """Move to the next character that is no space, and return it; empty at the end of the text."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _decoded(self) -> tuple[object, int] | None:
        """The value and its end, or None where it is invalid (nested too deep, say) or not complete."""
        try:
            value, end = _DECODER.raw_decode(self._text, self._at)
        except (ValueError, RecursionError):
            return None
        return (value, end) if end < len(self._text) else None

    def _more(self) -> bool:
        for piece in self._pieces:
            if piece:
                self._text, self._at = self._text[self._at :] + piece, 0
                return True
        return False


def _find_list(window: _Window) -> None:
    """Move behind the `[` of the bookmarks. Raises _Broken when there is none."""
    if window.take("[{") == "[":
        return
    while window.value() != _LIST:
        window.take(":")
        window.value()
        window.take(",")
    window.take(":")
    window.take("[")


def _items(window: _Window) -> Iterator[object]:
    if window.peek() == "]":
        return
    yield window.value()
    while window.take(",]") == ",":
        yield window.value()
