"""The files that saved links are imported from and exported to, one entry at a time.

Everything here is synchronous and computes: run it in a thread. No step of an iterator and no call takes longer
than what one entry, or one piece of 64 kB, needs.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import BinaryIO, Protocol

from daybook.library.bookmark_files import json_file, netscape, pocket
from daybook.library.bookmark_files.decoding import text_of_head
from daybook.library.bookmark_files.record import Unreadable
from daybook.library.errors import ImportUnreadable
from daybook.library.new_content import NewContent

__all__ = ["HEAD", "BookmarkFormat", "BookmarkWriter", "Unreadable", "detect", "read", "writer_for"]

HEAD = 4096
"""Bytes of a file's beginning that tell its format."""

_BOOKMARK_HTML = re.compile(
    r"netscape-bookmark-file|<dt>\s*<(?:a|h3)\b|\btime_added=|<title>pocket export<", re.IGNORECASE
)


class BookmarkFormat(StrEnum):
    """The formats that are read and written."""

    NETSCAPE = "netscape"
    """HTML as browsers and Pinboard export it; Pocket's older HTML is read, too."""
    POCKET = "pocket"
    """Pocket's CSV."""
    JSON = "json"
    """Daybook's own."""


class BookmarkWriter(Protocol):
    """Writes one file: head(), then items() as often as there are records, then tail()."""

    media_type: str
    filename: str

    def head(self) -> bytes:
        """Return what the file begins with."""

    def items(self, batch: Sequence[NewContent]) -> bytes:
        """Return the entries of `batch`, which follow those of the batch before."""

    def tail(self) -> bytes:
        """Return what the file ends with."""


def detect(head: bytes) -> BookmarkFormat:
    """Return the format of the file whose first bytes (HEAD of them, or all) are `head`.

    Raises ImportUnreadable when it is none.
    """
    text = text_of_head(head).lstrip()
    if text.startswith("<") and _BOOKMARK_HTML.search(text):
        return BookmarkFormat.NETSCAPE
    if text.startswith(("{", "[")):
        return BookmarkFormat.JSON
    if not text.startswith("<") and _names_columns(text):
        return BookmarkFormat.POCKET
    raise ImportUnreadable(
        "This is none of the files that can be imported: bookmarks as a browser, Pinboard or Pocket exports them "
        "(HTML), Pocket's CSV, or Daybook's own JSON."
    )


def read(kind: BookmarkFormat, file: BinaryIO) -> Iterator[NewContent | Unreadable]:
    """Yield what `file` holds, from where it stands, in its order and in bounded memory.

    An entry that cannot be used is Unreadable, and reading goes on after it. Raises ImportUnreadable, at the first
    step, when there is nothing of this format in the file.
    """
    match kind:
        case BookmarkFormat.NETSCAPE:
            return netscape.read(file)
        case BookmarkFormat.POCKET:
            return pocket.read(file)
        case BookmarkFormat.JSON:
            return json_file.read(file)


def writer_for(kind: BookmarkFormat) -> BookmarkWriter:
    """Return a new writer. What it writes, read() gives back with every field as it was."""
    match kind:
        case BookmarkFormat.NETSCAPE:
            return netscape.NetscapeWriter()
        case BookmarkFormat.POCKET:
            return pocket.PocketWriter()
        case BookmarkFormat.JSON:
            return json_file.JsonWriter()


def _names_columns(text: str) -> bool:
    try:
        pocket.columns_of(next(csv.reader(text.split("\n", 1)), []))
    except (ImportUnreadable, csv.Error):
        return False
    return True
